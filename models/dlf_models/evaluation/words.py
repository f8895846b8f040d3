"""Can it be read: words of the original that an OCR program reads again in the decoded picture.

The program is Tesseract, called through the package `pytesseract`. No training of DLF used it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np
from PIL import Image

from .boxes import Boxes, pairs
from .pictures import Picture
from .weights import MetricUnavailable, optional

LANGUAGE = "eng"
CONFIDENCE = 70
"""Of 100: what the program must say of a word, in the original and in the decoded picture alike."""
SHORTEST = 3
"""Letters and digits that a word must have: shorter ones are read into any texture."""
_ENLARGED_BELOW = 1024
"""Pictures with a shorter side are read at twice their size: the program wants large letters."""
_OPTIONS = "--psm 11"  # text anywhere in the picture, not pages


@dataclass(frozen=True)
class Words:
    """texts: in lower case, letters and digits only; boxes: [N, 4], where they stand."""

    texts: tuple[str, ...]
    boxes: Boxes


class WordReader:
    """The OCR program.

    Raises:
        MetricUnavailable: it, its data or its package is missing.
    """

    def __init__(self) -> None:
        self._read = optional("pytesseract", "image_to_data")
        try:
            program = str(optional("pytesseract", "get_tesseract_version")())
            languages = optional("pytesseract", "get_languages")()
        except (OSError, RuntimeError, SystemExit) as error:
            raise MetricUnavailable(
                f"the program tesseract (Debian: tesseract-ocr) cannot be used: {error}"
            ) from None
        if LANGUAGE not in languages:
            raise MetricUnavailable(
                f"tesseract has no data for the language {LANGUAGE} "
                f"(Debian: tesseract-ocr-{LANGUAGE})"
            )
        # The evaluation runs one process for each core it may use.
        os.environ.setdefault("OMP_THREAD_LIMIT", "1")
        self.identity = f"Tesseract {program} through pytesseract {version('pytesseract')}"

    def read(self, picture: Picture) -> Words:
        """The words of a picture, uint8 [H, W, 3]."""
        image = Image.fromarray(picture)
        scale = 2 if min(image.size) < _ENLARGED_BELOW else 1
        if scale > 1:
            size = (image.width * scale, image.height * scale)
            image = image.resize(size, Image.Resampling.BICUBIC)
        table = self._read(image, lang=LANGUAGE, config=_OPTIONS, output_type="dict")
        columns = (table[name] for name in ("text", "conf", "left", "top", "width", "height"))
        texts, boxes = [], []
        for text, confidence, left, top, width, height in zip(*columns, strict=True):
            letters = "".join(c for c in str(text).lower() if c.isalnum())
            if float(confidence) >= CONFIDENCE and len(letters) >= SHORTEST:
                texts.append(letters)
                boxes.append((left, top, left + width, top + height))
        return Words(tuple(texts), np.array(boxes, np.float64).reshape(-1, 4) / scale)


def compare(sought: Words, found: Words) -> dict[str, float]:
    """`words`: the share of the words that are read again, letter by letter, at the same place.

    NaN where no word is sought. `words_sought` and `words_found` are the numbers behind it.
    """
    alike = np.array([[a == b for b in found.texts] for a in sought.texts], bool)
    alike = alike.reshape(len(sought.texts), len(found.texts))
    same, count = len(pairs(sought.boxes, found.boxes, alike)), len(sought.texts)
    return {
        "words": same / count if count else float("nan"),
        "words_sought": float(count),
        "words_found": float(same),
    }
