"""The work of `dlf compare`: from a picture file to the page and the lines printed."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from dlf.coding import shared_codec
from dlf.files import STANDARD_STREAM, is_standard_output, printable, read_bytes, write_atomically
from dlf.images.reading import read_image
from dlf.importance import Importance
from dlf.outputs import Output, Overwrite, judge, refuse_existing
from dlf.progress import ProgressBar
from PIL import ImageOps

from dlf_models.evaluation.pictures import Picture

from .page import GENERATOR, render
from .versions import Comparison, Wanted, compare

PAGE_HEAD = 4096
"""Bytes of a page in which its generator is named."""


@dataclass(frozen=True)
class CompareOptions:
    """What `dlf compare` is told; `dlf compare --help` says what each means."""

    input: str
    quality: float
    output: str | None = None
    bpp: float | None = None
    max_bytes: int | None = None
    against: tuple[str, ...] = ()
    importance: Importance | None = None
    importance_files: tuple[str, ...] = ()
    """Files that the importance was read from; they are not written over."""
    frame: int | None = None
    overwrite: Overwrite = "alike"
    lpips: Path | None = None
    model: str | None = None
    device: str = "cpu"
    threads: int | None = None
    json: bool = False
    quiet: bool = False


def run(options: CompareOptions) -> None:
    """Compare one picture as the options of `dlf compare` say, and write the page.

    Raises:
        ValueError: options that do not go together, or an output that must not be written over.
        DlfError: the picture or the model is missing or wrong.
    """
    source: str = options.input
    name = "picture" if source == STANDARD_STREAM else Path(source).name
    target = options.output or f"{Path(name).stem}.html"
    if is_standard_output(target) and options.json:
        raise ValueError("--json and the page cannot both go to standard output")
    codec = shared_codec(options.model, options.device, options.threads)
    read = [source, codec.model.path, *options.importance_files]
    read += [options.lpips] if options.lpips else []
    judge([Output(target, "HTML")], read, options.overwrite)
    refuse_existing(target, options.overwrite)
    if options.output is None and options.overwrite == "alike":
        _check_own_page(target)
    picture = _read(source, options.frame)
    wanted = Wanted(
        quality=options.quality,
        bpp=options.bpp,
        max_bytes=options.max_bytes,
        against=tuple(dict.fromkeys(options.against)),
        lpips=options.lpips,
        importance=options.importance,
    )
    with ProgressBar("comparing", "codecs") as bar:
        try:
            comparison = compare(printable(name), picture, wanted, codec, bar.show)
        except ValueError as error:  # a size that the picture cannot have
            raise ValueError(f"{source}: {error}") from error
    write_atomically(target, render(comparison).encode())
    _report(comparison, target, options)


def _check_own_page(target: str) -> None:
    """Raise ValueError for a file that nobody has named and that is no page of this command."""
    if Path(target).exists() and GENERATOR.encode() not in Path(target).read_bytes()[:PAGE_HEAD]:
        raise ValueError(f"{target}: exists, and is no page of this command; give -o, or --force")


def _read(source: str, frame: int | None) -> Picture:
    """Upright 8-bit RGB, without transparency: uint8 [H, W, 3]."""
    image = read_image(read_bytes(source), source, frame=frame)
    upright = ImageOps.exif_transpose(image)
    return np.ascontiguousarray(np.asarray((upright or image).convert("RGB")))


def _report(comparison: Comparison, target: str, options: CompareOptions) -> None:
    if options.json:
        print(json.dumps(as_json(comparison, target), indent=2))
        return
    if options.quiet:
        return
    stream = sys.stderr if is_standard_output(target) else sys.stdout
    for version in comparison.versions[1:]:
        values = ", ".join(
            f"{name} {value:.4g}" for name, value in version.metrics.items() if value is not None
        )
        over = "" if version.fits else " (more than allowed)"
        print(
            f"{version.label:<8} {version.setting}: {version.size} bytes{over}, {values}",
            file=stream,
        )
    print(target, file=stream)


def as_json(comparison: Comparison, target: str) -> dict[str, object]:
    """The numbers of the page."""
    return {
        "file": target,
        "judge": comparison.judge,
        "map_bytes": comparison.bits.map_bits / 8,
        "versions": [
            {
                "codec": version.key,
                "setting": version.setting,
                "bytes": version.size,
                "bpp": version.bpp,
                "fits": version.fits,
                **version.metrics,
            }
            for version in comparison.versions[1:]
        ],
        "remarks": comparison.remarks,
    }
