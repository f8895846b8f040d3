"""What a classical codec makes of a number of bytes: its best of full, half and quarter size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .codecs import Setting
from .peers import Peer
from .pictures import Picture

SCALES = (1, 2, 4)
_HIGHEST = 100  # quality


@dataclass(frozen=True)
class Coded:
    """A file, the setting that made it, and what a viewer shows of it at the original's size."""

    data: bytes
    setting: Setting
    decoded: Picture


def best_within(
    peer: Peer, name: str, picture: Picture, limit: int, value: Callable[[Picture], float]
) -> Coded | None:
    """The best that `peer`, of this name, makes of `picture` in at most `limit` bytes.

    At each size the highest quality that fits is taken; `value(decoded)`, higher is better, then
    judges between the sizes. None when no file is that small.
    """
    best: Coded | None = None
    best_value = 0.0
    for scale in SCALES:
        found = largest_within(peer, name, picture, scale, limit)
        if found is None:
            continue
        own = value(found.decoded)
        if best is None or own > best_value:
            best, best_value = found, own
    return best


def largest_within(peer: Peer, name: str, picture: Picture, scale: int, limit: int) -> Coded | None:
    """The file of the highest quality at one size that has at most `limit` bytes, or None."""
    best: tuple[bytes, Setting] | None = None
    low, high = 0, _HIGHEST
    quality = 0  # first, because at the sizes that matter here it is often too large already
    while low <= high:
        setting = Setting(name, scale, quality)
        data = peer.encode(picture, setting)
        if len(data) <= limit:
            best, low = (data, setting), quality + 1
        else:
            high = quality - 1
        quality = (low + high) // 2
    return None if best is None else _coded(peer, picture, *best)


def smallest(peer: Peer, name: str, picture: Picture) -> Coded:
    """The smallest file that `peer` can make of `picture`."""
    files = [
        (peer.encode(picture, setting), setting)
        for setting in (Setting(name, scale, 0) for scale in SCALES)
    ]
    return _coded(peer, picture, *min(files, key=lambda file: len(file[0])))


def _coded(peer: Peer, picture: Picture, data: bytes, setting: Setting) -> Coded:
    height, width = picture.shape[:2]
    return Coded(data, setting, peer.decode(data, setting, height, width))
