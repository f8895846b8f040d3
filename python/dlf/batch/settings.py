"""What a batch does to each picture, and what its output is called."""

from __future__ import annotations

import dataclasses
import posixpath
from dataclasses import dataclass

from dlf import importance, models, options
from dlf.images import inputs
from dlf.images.reading import METADATA_KINDS
from dlf.images.writing import format_for
from dlf.importance import Importance
from dlf.limits import Limits, check_limits
from dlf.outputs import Overwrite
from dlf.signature import EXTENSION

__all__ = ["SHARD_SUFFIXES", "Settings", "is_shard"]

SHARD_SUFFIXES = (".tar", ".tar.gz", ".tgz")
"""What a tar shard may be called; the shards that are written are plain .tar."""


@dataclass(frozen=True)
class Settings:
    """How pictures are coded; the same for all of one run. Can be pickled.

    Attributes:
        decode: from .dlf files to images, instead of the other way.
        quality, bpp, max_bytes, model, device, precision, backend: as for `dlf.encode` and
            `dlf.Codec`.
        threads: of each worker; None is its share of the CPUs.
        importance: where people look, the same for all pictures; as for `dlf.encode`.
        keep: which metadata is embedded: "exif", "icc", "xmp".
        extension: of the images that decoding writes, without its dot.
        frame: which picture of a file that holds several, from 0; None refuses such files.
        limits: what one picture may cost; None is the defaults of `dlf.Limits`. No part of the
            description: they decide which inputs fail, and not about the bytes of an output.
        overwrite: which existing files outputs may replace; no part of the description.
        keep_extension: `a.jpg` becomes `a.jpg.dlf` and not `a.dlf`.
        model_sha256: of the model that encodes; `checked` fills it in.
    """

    decode: bool = False
    quality: float = options.DEFAULT_QUALITY
    bpp: float | None = None
    max_bytes: int | None = None
    importance: Importance | None = None
    keep: tuple[str, ...] = ()
    model: str | None = None
    device: str = "cpu"
    precision: options.Precision = "fp32"
    backend: options.Backend = "auto"
    threads: int | None = None
    extension: str = "png"
    keep_extension: bool = False
    frame: int | None = None
    overwrite: Overwrite = "alike"
    limits: Limits | None = None
    model_sha256: str = ""

    def checked(self) -> Settings:
        """Return the same settings with every value in range and the model found.

        Raises:
            ValueError: an option out of range.
            ModelError: the model that shall encode is missing or altered.
        """
        options.check_quality(self.quality)
        if self.bpp is not None and self.max_bytes is not None:
            raise ValueError("give bpp or max_bytes, not both")
        if self.bpp is not None:
            options.check_bpp(self.bpp)
        if self.max_bytes is not None:
            options.check_max_bytes(self.max_bytes)
        if self.frame is not None:
            options.check_frame(self.frame)
        importance.check_importance(self.importance)
        limits = check_limits(self.limits)
        options.check_device(self.device)
        options.check_precision(self.precision)
        options.check_backend(self.backend)
        unknown = set(self.keep) - set(METADATA_KINDS)
        if unknown:
            raise ValueError(f"metadata of an unknown kind: {', '.join(sorted(unknown))}")
        if self.decode:
            format_for(f"x.{self.extension}")
            sha256 = "" if self.model is None else models.find(self.model).sha256
        else:
            sha256 = models.find(self.model).sha256
        threads = None if self.threads is None else options.check_threads(self.threads)
        return dataclasses.replace(self, threads=threads, limits=limits, model_sha256=sha256)

    def describe(self) -> str:
        """Return all that decides about the bytes of an output, in one line.

        A finished output counts as done only for a run with the same description.
        """
        model = f" model={self.model_sha256[:12]}" if self.model_sha256 else ""
        if self.precision != "fp32":
            model += f" precision={self.precision}"
        if self.backend != "auto":
            model += f" backend={self.backend}"
        if self.decode:
            return f"decode {self.extension}{model}"
        if self.bpp is not None:
            target = f"bpp={self.bpp:g}"
        elif self.max_bytes is not None:
            target = f"bytes={self.max_bytes}"
        else:
            target = f"quality={self.quality:g}"
        keep = f" keep={'+'.join(sorted(self.keep))}" if self.keep else ""
        frame = "" if self.frame is None else f" frame={self.frame}"
        where = (
            "" if self.importance is None else f" importance={importance.label(self.importance)}"
        )
        return f"encode {target}{where}{keep}{frame}{model}"

    @property
    def output_form(self) -> str:
        """The format of an output, as `dlf.outputs` names it."""
        return format_for(f"x.{self.extension}") if self.decode else "DLF"

    def output_name(self, name: str) -> str:
        """Return what the output of the picture or shard `name` is called, folders included."""
        if is_shard(name):
            suffix = max((s for s in SHARD_SUFFIXES if name.lower().endswith(s)), key=len)
            return name[: -len(suffix)] + ".tar"
        base = name if self.keep_extension else posixpath.splitext(name)[0]
        return f"{base}.{self.extension}" if self.decode else base + EXTENSION

    def takes(self, name: str) -> bool:
        """Whether `name` has the extension of a picture that these settings convert."""
        return inputs.is_dlf(name) if self.decode else inputs.is_image(name)


def is_shard(name: str) -> bool:
    """Whether `name` is that of a tar shard."""
    return name.lower().endswith(SHARD_SUFFIXES)
