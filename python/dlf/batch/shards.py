"""Tar shards in the layout of webdataset: members that share a key are one sample.

`0001.jpg`, `0001.json` are a sample with the key `0001`. Its pictures are coded, all else is
copied.
A sample is whole or left out: one of its pictures failing takes the sample out of the new shard.
"""

from __future__ import annotations

import posixpath
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import BinaryIO

from dlf.batch.coder import Coded
from dlf.batch.settings import Settings
from dlf.errors import InvalidFile

__all__ = ["Member", "Rewritten", "rewrite"]

Code = Callable[[bytes, str], Coded]
Failed = Callable[[str, str, Exception], None]
Done = Callable[[str, str, Coded], None]


@dataclass(frozen=True)
class Member:
    """An ordinary file in a tar, with its content."""

    header: tarfile.TarInfo
    content: bytes

    @property
    def name(self) -> str:
        """The name in the tar, with folders."""
        return self.header.name

    @property
    def key(self) -> str:
        """What the members of one sample have in common: all before the first dot."""
        folder, base = posixpath.split(self.name)
        return posixpath.join(folder, base.partition(".")[0])


@dataclass
class Rewritten:
    """What became of a shard: pictures coded and failed, and the sums of their sizes."""

    pictures: int = 0
    failed: int = 0
    pixels: int = 0
    dlf_bytes: int = 0


def rewrite(
    source: BinaryIO, target: BinaryIO, settings: Settings, code: Code, done: Done, failed: Failed
) -> Rewritten:
    """Write the shard `source`, with its pictures coded, to `target`.

    Args:
        source, target: tars; the source may be compressed with gzip. Only one sample at a time is
            held in memory.
        code: codes the content of a member, given with its name.
        done, failed: called for each picture with its name, its name in the new shard, and the
            result or the error.

    Raises:
        InvalidFile: `source` is no tar, a damaged one, or one without a picture.
    """
    total = Rewritten()
    try:
        with (
            tarfile.open(fileobj=source, mode="r|*") as old,
            tarfile.open(fileobj=target, mode="w|", format=tarfile.GNU_FORMAT) as new,
        ):
            for sample in _samples(old):
                for member in _coded_sample(sample, settings, total, code, done, failed):
                    new.addfile(member.header, BytesIO(member.content))
    except (tarfile.TarError, EOFError) as error:
        raise InvalidFile(f"damaged tar: {error}") from error
    if total.pictures + total.failed == 0:
        raise InvalidFile("a tar without a picture to convert")
    return total


def _samples(tar: tarfile.TarFile) -> Iterator[list[Member]]:
    sample: list[Member] = []
    for header in tar:
        if not header.isfile():
            continue  # webdataset passes over folders and links too
        file = tar.extractfile(header)
        assert file is not None
        member = Member(header, file.read())
        if sample and sample[0].key != member.key:
            yield sample
            sample = []
        sample.append(member)
        # Or the headers of a million members would stay.
        tar.members = []  # type: ignore[attr-defined]
    if sample:
        yield sample


def _coded_sample(
    sample: list[Member],
    settings: Settings,
    total: Rewritten,
    code: Code,
    done: Done,
    failed: Failed,
) -> list[Member]:
    """Return the sample with its pictures coded, or nothing when one of them fails."""
    written: list[Member] = []
    results: list[tuple[str, str, Coded]] = []
    failures: list[tuple[str, str, Exception]] = []
    for member in sample:
        if not settings.takes(member.name):
            written.append(member)
            continue
        name = settings.output_name(member.name)
        try:
            if any(other.name == name for other in (*written, *sample)):
                raise InvalidFile(f"{name}: its sample has several members of this name")
            coded = code(member.content, member.name)
        except Exception as error:  # noqa: BLE001 - one sample's, whatever it is
            failures.append((member.name, name, error))
            continue
        written.append(_renamed(member, name, coded.data))
        results.append((member.name, name, coded))
    if failures:
        reason = InvalidFile("left out, because another picture of its sample failed")
        failures += [(name, output, reason) for name, output, _ in results]
        for failure in failures:
            failed(*failure)
        total.failed += len(failures)
        return []
    for result in results:
        total.pictures += 1
        total.pixels += result[2].pixels
        total.dlf_bytes += result[2].dlf_bytes
        done(*result)
    return written


def _renamed(member: Member, name: str, content: bytes) -> Member:
    header = tarfile.TarInfo(name)
    header.size = len(content)
    header.mtime, header.mode = member.header.mtime, member.header.mode
    header.uid, header.gid = member.header.uid, member.header.gid
    header.uname, header.gname = member.header.uname, member.header.gname
    return Member(header, content)
