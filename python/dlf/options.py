"""The options of encoding and decoding: each is checked by name and range before any work.

A wrong value is a `ValueError` that names the option and what it may be, whatever its type.
Python's, NumPy's and other libraries' numbers are all accepted.
"""

from __future__ import annotations

import math
import numbers
import os
import sys
from collections.abc import Iterable
from typing import Literal

__all__ = [
    "DEFAULT_QUALITY",
    "DOWNSCALES",
    "MAX_THREADS",
    "Backend",
    "Layers",
    "Precision",
    "Region",
    "available_threads",
    "byte_limit",
    "check_backend",
    "check_bpp",
    "check_device",
    "check_downscale",
    "check_frame",
    "check_layers",
    "check_max_bytes",
    "check_model",
    "check_precision",
    "check_quality",
    "check_region",
    "check_threads",
    "default_threads",
    "rate_for_quality",
    "target_quality",
]

DEFAULT_QUALITY = 50
MAX_QUALITY = 100
MAX_THREADS = 256

DOWNSCALES = (1, 2, 4, 8)

Backend = Literal["auto", "integer", "torch"]
Layers = Literal["all", "semantic"]
Noise = Literal["vivid", "faithful"]
Precision = Literal["fp32", "bf16"]
Region = tuple[int, int, int, int]

_threads_lost_by_fork = False


def check_quality(quality: object) -> float:
    """Return `quality` as a number from 0 (smallest file) to 100 (best picture).

    Raises:
        ValueError: it is something else.
    """
    return _number("quality", quality, 0, MAX_QUALITY)


def check_bpp(bpp: object) -> float:
    """Return the target `bpp`, in bits of the whole file per pixel.

    Raises:
        ValueError: it is something else.
    """
    value = _number("bpp", bpp, 0, math.inf)
    if value == 0:
        raise ValueError("bpp must be above 0")
    return value


def check_max_bytes(max_bytes: object) -> int:
    """Return `max_bytes`, the largest size of the whole file.

    Raises:
        ValueError: it is something else.
    """
    value = _number("max_bytes", max_bytes, 1, math.inf)
    if value != int(value):
        raise ValueError(f"max_bytes must be a whole number, not {max_bytes!r}")
    return int(value)


def check_threads(threads: object) -> int:
    """Return the number of threads to use: None is the default, more than there are is all.

    It is 1 in a process forked from one that had loaded the codec. OpenMP's threads do not survive
    a fork, and a parallel region in the child would wait for them for ever.

    Raises:
        ValueError: it is something else.
    """
    if threads is None:
        return default_threads()
    value = _number("threads", threads, 1, MAX_THREADS)
    if value != int(value):
        raise ValueError(f"threads must be a whole number, not {threads!r}")
    return 1 if _threads_lost_by_fork else min(int(value), available_threads())


def check_device(device: object) -> str:
    """Return `device`: "cpu", "cuda" or "cuda:N".

    Raises:
        ValueError: it is something else.
    """
    name = str(device)  # a torch.device prints as its name
    kind, _, index = name.partition(":")
    if kind == "cpu" and not index and name == "cpu":
        return name
    if kind == "cuda" and (name == "cuda" or index.isdecimal()):
        return name
    raise ValueError(f"device must be 'cpu', 'cuda' or 'cuda:N', not {device!r}")


def check_model(model: object) -> str | None:
    """Return `model`, the name or the path of a model package, as text; None is the default.

    Raises:
        ValueError: it is something else.
    """
    if model is None or isinstance(model, str):
        return model
    if isinstance(model, os.PathLike):
        return os.fsdecode(os.path.abspath(model))  # a path, even if it looks like a name
    raise ValueError(f"model must be a name or a path, not {model!r}")


def check_precision(precision: object) -> Precision:
    """Return `precision`, what the networks compute in: "fp32", or "bf16" for bfloat16.

    Raises:
        ValueError: it is something else.
    """
    if precision == "fp32":
        return "fp32"
    if precision == "bf16":
        return "bf16"
    raise ValueError(f"precision must be 'fp32' or 'bf16', not {precision!r}")


def check_backend(backend: object) -> Backend:
    """Return `backend`, what draws and analyses: "auto", "integer" or "torch".

    Raises:
        ValueError: it is something else.
    """
    if backend == "auto":
        return "auto"
    if backend == "integer":
        return "integer"
    if backend == "torch":
        return "torch"
    raise ValueError(f"backend must be 'auto', 'integer' or 'torch', not {backend!r}")


def check_layers(layers: object) -> Layers:
    """Return `layers`: "all", or "semantic" to leave the detail layer out.

    Raises:
        ValueError: it is something else.
    """
    if layers == "all":
        return "all"
    if layers == "semantic":
        return "semantic"
    raise ValueError(f"layers must be 'all' or 'semantic', not {layers!r}")


def check_noise(noise: object) -> Noise:
    """Return `noise`: "vivid", or "faithful" to draw no texture that the file does not describe.

    Raises:
        ValueError: it is something else.
    """
    if noise == "vivid":
        return "vivid"
    if noise == "faithful":
        return "faithful"
    raise ValueError(f"noise must be 'vivid' or 'faithful', not {noise!r}")


def check_downscale(downscale: object) -> int:
    """Return `downscale`, by which both sides of the decoded picture are divided: 1, 2, 4 or 8.

    Raises:
        ValueError: it is something else.
    """
    if isinstance(downscale, numbers.Real) and not isinstance(downscale, bool):
        for value in DOWNSCALES:
            if downscale == value:
                return value
    raise ValueError(f"downscale must be 1, 2, 4 or 8, not {downscale!r}")


def check_frame(frame: object) -> int:
    """Return `frame`, which picture of a file that holds several; the first is 0.

    Raises:
        ValueError: it is something else.
    """
    value = _number("frame", frame, 0, math.inf)
    if value != int(value):
        raise ValueError(f"frame must be a whole number, not {frame!r}")
    return int(value)


def check_region(region: object) -> Region:
    """Return `region`, a part of a picture: x, y, width and height in pixels of its full size.

    Raises:
        ValueError: it is something else.
    """
    given = tuple(region) if isinstance(region, Iterable) else ()
    parts = [
        float(part) if isinstance(part, numbers.Real) and not isinstance(part, bool) else math.nan
        for part in given
    ]
    good = len(parts) == 4 and all(0 <= part < 2**32 and part.is_integer() for part in parts)
    if not good or min(parts[2:]) < 1:
        raise ValueError(
            f"region must be four whole numbers x, y, width and height, not {region!r}"
        )
    x, y, width, height = map(int, parts)
    return x, y, width, height


LARGEST_LIMIT = 2**62
"""Bytes; what is larger is as good as no limit, and does not fit the core's integers."""


def byte_limit(width: int, height: int, bpp: object, max_bytes: object) -> int | None:
    """Return the largest file size that `bpp` or `max_bytes` allows, None when neither is given.

    Raises:
        ValueError: both are given, or the one makes no sense.
    """
    if bpp is not None and max_bytes is not None:
        raise ValueError("give bpp or max_bytes, not both")
    if bpp is not None:
        return math.floor(min(check_bpp(bpp), 1e6) * width * height / 8)
    return None if max_bytes is None else min(check_max_bytes(max_bytes), LARGEST_LIMIT)


def target_quality(quality: object, bpp: object, max_bytes: object) -> float:
    """Return the checked quality where None means "not given"; at most one target may be given.

    Raises:
        ValueError: several are given, or the one makes no sense.
    """
    targets = {"quality": quality, "bpp": bpp, "max_bytes": max_bytes}
    given = [name for name, value in targets.items() if value is not None]
    if len(given) > 1:
        raise ValueError(f"give one of quality, bpp and max_bytes, not {' and '.join(given)}")
    return check_quality(DEFAULT_QUALITY if quality is None else quality)


def rate_for_quality(quality: object, rate_points: int) -> int:
    """Return the rate point 0..rate_points-1 nearest to `quality` (0..100)."""
    return math.floor(check_quality(quality) * (rate_points - 1) / MAX_QUALITY + 0.5)


def available_threads() -> int:
    """Return how many CPUs this process may use."""
    if hasattr(os, "sched_getaffinity"):  # Linux: containers and taskset give fewer than there are
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1


def default_threads() -> int:
    """Return the threads used when none are asked for: all, but one in a worker process.

    Workers share the machine with their siblings.
    """
    multiprocessing = sys.modules.get("multiprocessing.process")
    is_worker = multiprocessing is not None and multiprocessing.parent_process() is not None
    return 1 if _threads_lost_by_fork or is_worker else available_threads()


def _number(name: str, value: object, low: float, high: float) -> float:
    bounds = f"from {low:g} to {high:g}" if high < math.inf else f"of at least {low:g}"
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        number = math.nan
    else:
        number = float(value)
    if not low <= number <= high or math.isinf(number):
        raise ValueError(f"{name} must be a number {bounds}, not {value!r}")
    return number


def _note_fork() -> None:
    global _threads_lost_by_fork
    _threads_lost_by_fork |= "dlf._torch" in sys.modules or "torch" in sys.modules


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_note_fork)
