"""Who works on a batch, and what the run goes by."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from dlf.batch.budget import DEFAULT_MEGAPIXELS
from dlf.types import StrPath

__all__ = ["Engine", "Running"]

Engine = Literal["local", "ray"]


@dataclass(frozen=True)
class Running:
    """How a batch is run; none of it changes an output.

    Attributes:
        workers: processes, or actors of a cluster; None is one for each CPU (of the cluster). 0:
            the pictures are coded in this process.
        manifest: a .csv or .jsonl file of this machine; None is `dlf-batch.jsonl` in the output
            folder.
        retry_failed: try again what failed in an earlier run.
        also_read: files beside the inputs that the settings were read from; no output and no
            manifest takes their place. The model is one anyway.
        root: of the paths in `@LIST` files.
        megapixels: million pixels of all pictures that are in memory at once; a larger picture is
            coded alone.
        engine: "local", or "ray" for a Ray cluster.
        ray_address: of the cluster; None is that of the environment, or a new one on this machine.
        gpus_per_worker: GPUs of each actor; several may share one.
    """

    workers: int | None = None
    manifest: StrPath | None = None
    retry_failed: bool = False
    also_read: tuple[StrPath, ...] = ()
    root: StrPath | None = None
    megapixels: float = DEFAULT_MEGAPIXELS
    engine: Engine = "local"
    ray_address: str | None = None
    gpus_per_worker: float = 0.0

    def checked(self) -> Running:
        """Return the same, with every value in range.

        Raises:
            ValueError: one is not.
        """
        if self.workers is not None and self.workers < 0:
            raise ValueError(f"workers must not be negative, as {self.workers} is")
        if not 0 < self.megapixels < math.inf:
            raise ValueError(f"megapixels must be above 0, not {self.megapixels}")
        if self.engine not in ("local", "ray"):
            raise ValueError(f"engine must be 'local' or 'ray', not {self.engine!r}")
        return self
