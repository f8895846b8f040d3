"""The manifest of a batch: one line for each finished input, CSV or JSONL by its suffix.

| column   | meaning                                                                              |
|----------|--------------------------------------------------------------------------------------|
| input    | name below the input's root; a picture of a shard is `SHARD/MEMBER`                   |
| output   | name below the output folder                                                         |
| bytes    | size of the output                                                                   |
| bpp      | bits of the .dlf file, encoded or decoded, per pixel                                 |
| seconds  | time that coding took, files and all                                                 |
| status   | `ok`, `failed`, or `partial`: a shard that lacks samples which failed                |
| error    | what went wrong, else empty                                                          |
| settings | what decides about the output's bytes; another quality or model is other work        |

A line goes to the file with one write, and to the disk within seconds. So killing the program loses
no finished line, and a power failure those of the last seconds. What such an end leaves torn is the
last line at most; it is cut off when the manifest is opened again.
"""

from __future__ import annotations

import csv
import dataclasses
import errno
import io
import json
import os
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, Literal, Self

from dlf import systems
from dlf.batch.stores import Store
from dlf.types import StrPath

__all__ = ["Manifest", "Row", "Status", "is_done", "one_line"]

Status = Literal["ok", "partial", "failed"]

_SYNC_SECONDS = 2.0
_TAIL = 1 << 16


def one_line(text: str) -> str:
    """Return `text` without line breaks, which would tear a line of the manifest."""
    return text.replace("\r", "\\r").replace("\n", "\\n")


@dataclass(frozen=True)
class Row:
    """One line; see the table above."""

    input: str
    output: str
    bytes: int = 0
    bpp: float = 0.0
    seconds: float = 0.0
    status: Status = "ok"
    error: str = ""
    settings: str = ""


_COLUMNS = [field.name for field in dataclasses.fields(Row)]


class Manifest:
    """An open manifest, locked against a second run."""

    def __init__(self, path: StrPath) -> None:
        """Open or create the manifest at `path`.

        Raises:
            ValueError: the suffix is neither .csv nor .jsonl, or the file is no manifest.
            BlockingIOError: another run has it open.
            OSError: it cannot be written.
        """
        self.path = os.path.abspath(path)
        suffix = os.path.splitext(self.path)[1].lower()
        if suffix not in (".csv", ".jsonl"):
            raise ValueError(f"{os.fspath(path)}: a manifest ends in .csv or .jsonl")
        self._is_csv = suffix == ".csv"
        os.makedirs(os.path.dirname(self.path), exist_ok=True)
        self._file = os.open(
            self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | systems.PRIVATE, 0o666
        )
        try:
            try:
                systems.lock(self._file)
            except BlockingIOError:
                raise BlockingIOError(
                    errno.EWOULDBLOCK, "another dlf batch is using this manifest", self.path
                ) from None
            self._check_start()
            self._cut_torn_line()
        except BaseException:
            os.close(self._file)
            raise
        self._synced = time.monotonic()
        self._dirty = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Bring everything to the disk and let go of the file."""
        try:
            self.sync()
        finally:
            os.close(self._file)

    def append(self, rows: list[Row]) -> None:
        """Add lines; either all of them are in the file afterwards or, on an error, none."""
        end = os.fstat(self._file).st_size
        data = self._encoded(rows, header=end == 0)
        try:
            written = 0
            while written < len(data):
                written += os.write(self._file, data[written:])
        except OSError as error:
            os.ftruncate(self._file, end)
            error.filename = self.path
            raise
        self._dirty = True
        if time.monotonic() - self._synced > _SYNC_SECONDS:
            self.sync()

    def sync(self) -> None:
        """Bring the lines so far to the disk."""
        if self._dirty:
            os.fsync(self._file)
            self._dirty = False
        self._synced = time.monotonic()

    def rows(self) -> Iterator[Row]:
        """Yield the lines in order; lines that are no rows, whatever made them, are passed over."""
        with open(self.path, encoding="utf-8", errors="surrogateescape", newline="") as file:
            for found in csv.DictReader(file) if self._is_csv else map(_parsed, file):
                row = _row(found)
                if row is not None:
                    yield row

    def latest(self, outputs: Collection[str]) -> dict[str, Row]:
        """Return the last line of each of these outputs that has one."""
        return {row.output: row for row in self.rows() if row.output in outputs}

    def _encoded(self, rows: list[Row], header: bool) -> bytes:
        text = io.StringIO()
        lines = [
            {
                name: one_line(value) if isinstance(value, str) else value
                for name, value in dataclasses.asdict(row).items()
            }
            for row in rows
        ]
        if self._is_csv:
            writer = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
            if header:
                writer.writeheader()
            writer.writerows(lines)
        else:
            text.writelines(json.dumps(line) + "\n" for line in lines)
        return text.getvalue().encode("utf-8", errors="surrogateescape")

    def _check_start(self) -> None:
        """Raise `ValueError` when the file holds something else, which the next step would lose."""
        wanted = (",".join(_COLUMNS) + "\n" if self._is_csv else f'{{"{_COLUMNS[0]}": "').encode()
        found = systems.read_at(self._file, len(wanted), 0)
        if not wanted.startswith(found):
            raise ValueError(f"{self.path}: exists, and is no manifest of dlf batch")

    def _cut_torn_line(self) -> None:
        """Drop what follows the last line break: a killed program or a full disk left it."""
        end = os.fstat(self._file).st_size
        position = end
        while position > 0:
            start = max(0, position - _TAIL)
            found = systems.read_at(self._file, position - start, start).rfind(b"\n")
            if found >= 0:
                position = start + found + 1
                break
            position = start
        if position < end:
            os.ftruncate(self._file, position)


def is_done(row: Row, output: str, target: Store) -> bool:
    """Whether `row` says that `output` was finished, and it is still there as it was then."""
    return row.status != "failed" and target.size(output) == row.bytes


def _parsed(line: str) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _row(found: dict[str, Any] | None) -> Row | None:
    if found is None or any(found.get(name) is None for name in _COLUMNS):
        return None
    try:
        return Row(
            input=str(found["input"]),
            output=str(found["output"]),
            bytes=int(found["bytes"]),
            bpp=float(found["bpp"]),
            seconds=float(found["seconds"]),
            status=found["status"],
            error=str(found["error"]),
            settings=str(found["settings"]),
        )
    except (TypeError, ValueError):
        return None
