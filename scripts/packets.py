"""Splits a .dlf file into small packets, loses each of them in turn, and shows what is left.

    python scripts/packets.py photo.dlf OUT.png [--packet 157]

A packet is two bytes and a part of the file. The first byte is the number of the file, so that two
files are not mixed. Of the second the upper four bits are the packet's index and the lower four the
index of the last packet. So a file has at most 16 packets. A file that fits one packet needs no
such bytes, and is sent as it is.

A .dlf file is one entropy-coded stream. No symbol can be decoded without all symbols before it, so
what arrives after a gap is of no use: a lost packet costs itself and all that follow. The last one
costs some detail of the last coded quarter, an early one all detail, and the first one everything,
because header and tokens are in it. Packets that must arrive are sent twice, or asked for again.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import dlf
import numpy as np
from PIL import Image, ImageDraw

HEAD_BYTES = 2
MOST_PACKETS = 16
GAP = 8  # pixels between the pictures of the sheet
LABEL_HEIGHT = 16


@dataclass(frozen=True)
class Received:
    """What packets give: the file's beginning that is whole, and the packets that are missing."""

    data: bytes
    missing: tuple[int, ...]


def split(data: bytes, packet_bytes: int, file: int = 0) -> list[bytes]:
    """Return the packets of a file, of at most `packet_bytes` bytes each.

    Raises:
        ValueError: there would be more than 16 packets; a number that fits no byte.
    """
    room = packet_bytes - HEAD_BYTES
    if room < 1:
        raise ValueError(f"a packet has at least {HEAD_BYTES + 1} bytes, not {packet_bytes}")
    parts = [data[at : at + room] for at in range(0, len(data), room)]
    if not 1 <= len(parts) <= MOST_PACKETS:
        raise ValueError(
            f"{len(data)} bytes take {len(parts)} packets of {packet_bytes} bytes; "
            f"there may be 1 to {MOST_PACKETS}"
        )
    last = len(parts) - 1
    return [bytes([file, index << 4 | last]) + part for index, part in enumerate(parts)]


def join(packets: Iterable[bytes]) -> Received:
    """Return what the packets of one file give, in whatever order and however often they came.

    Raises:
        ValueError: they are of several files, or no packets.
    """
    parts: dict[int, bytes] = {}
    kinds = set()
    for packet in packets:
        if len(packet) <= HEAD_BYTES:
            raise ValueError(f"a packet of {len(packet)} bytes")
        index, last = packet[1] >> 4, packet[1] & 15
        kinds.add((packet[0], last))
        parts[index] = packet[HEAD_BYTES:]
        if index > last:
            raise ValueError(f"packet {index} of {last + 1}")
    if len(kinds) != 1:
        raise ValueError(f"packets of {len(kinds)} files")
    [(_, last)] = kinds
    missing = tuple(index for index in range(last + 1) if index not in parts)
    whole = missing[0] if missing else last + 1
    return Received(b"".join(parts[index] for index in range(whole)), missing)


def picture_of(received: Received) -> np.ndarray:
    """Return the best picture of what has arrived.

    Raises:
        dlf.TruncatedFile: header and tokens are not complete.
    """
    return dlf.decode(received.data, allow_truncated=bool(received.missing))


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    """Return the likeness of two pictures in dB, infinite for equal ones."""
    error = np.mean((one.astype(float) - other.astype(float)) ** 2)
    return float(10 * np.log10(255**2 / error)) if error > 0 else float("inf")


def sheet(pictures: list[tuple[str, np.ndarray | None]], width: int, height: int) -> Image.Image:
    """Return the pictures in a row under their labels; None is a gray field."""
    page = Image.new("RGB", ((width + GAP) * len(pictures) - GAP, height + LABEL_HEIGHT), "white")
    for place, (label, pixels) in enumerate(pictures):
        left = place * (width + GAP)
        ImageDraw.Draw(page).text((left, 2), label, fill="black")
        field = (
            Image.new("RGB", (width, height), "gray") if pixels is None else Image.fromarray(pixels)
        )
        page.paste(field.convert("RGB"), (left, LABEL_HEIGHT))
    return page


def main() -> int:
    """Print a line for each packet that may be lost, and write the sheet."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("file", type=Path, help="the .dlf file")
    parser.add_argument("sheet", type=Path, help="the pictures that are left, as an image")
    parser.add_argument("--packet", type=int, default=157, metavar="N", help="bytes of a packet")
    arguments = parser.parse_args()
    data = arguments.file.read_bytes()
    try:
        packets = split(data, arguments.packet)
        whole = dlf.decode(data)
    except (ValueError, dlf.DlfError) as error:
        print(f"{arguments.file}: {error}", file=sys.stderr)
        return 1
    print(f"{len(data)} bytes in {len(packets)} packets of at most {arguments.packet}")
    print("lost  of use  what is left")
    pictures: list[tuple[str, np.ndarray | None]] = [("all arrived", whole)]
    for lost in range(len(packets)):
        arrived = [packet for index, packet in enumerate(packets) if index != lost]
        received = join(arrived) if arrived else Received(b"", (0,))
        try:
            left = picture_of(received)
            told = f"{psnr(left, whole):.1f} dB beside the whole picture"
        except dlf.TruncatedFile as error:
            left, told = None, f"nothing: {error}"
        print(f"{lost:4}  {len(received.data):6}  {told}")
        pictures.append((f"without {lost}", left))
    sheet(pictures, whole.shape[1], whole.shape[0]).save(arguments.sheet)
    return 0


if __name__ == "__main__":
    sys.exit(main())
