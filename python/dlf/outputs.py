"""What a command may write over: judged here for every command, before any work.

Nothing that a command reads is written over, whatever it is called: files are compared by device
and inode, and links are followed. Nor does a file get a name that is another format's, or take the
place of a picture in another format, unless the caller says so. Devices and pipes hold nothing that
could be lost.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal

from dlf import signature
from dlf.files import STANDARD_STREAM
from dlf.pillow_formats import form_of_extension, form_of_start
from dlf.types import StrPath

__all__ = [
    "FileIdentity",
    "Output",
    "Overwrite",
    "check_content",
    "identity",
    "judge",
    "refuse_existing",
]

Overwrite = Literal["never", "alike", "any"]
"""Which existing files are replaced: none, all but pictures of other formats, or all."""

FileIdentity = tuple[int, int]
"""Device and inode."""

STDIN, STDOUT = 0, 1

# Formats that are not Pillow's: their suffix, and what a file of them is.
_OWN = {
    "DLF": (signature.EXTENSION, "a .dlf file"),
    "model package": (".dlfm", "a model package"),
    "NumPy archive": (".npz", "a NumPy archive"),
    "HTML": (".html", "an HTML page"),
    "JSON": (".json", "a JSON file"),
    "Markdown": (".md", "a Markdown file"),
}
# Pictures that Pillow knows only with the help of other packages, if at all.
_OTHER_PICTURES = {
    "HEIF": (".heic", ".heif", ".hif"),
    "JPEG XL": (".jxl",),
    "JPEG XR": (".jxr", ".wdp"),
    "OpenEXR": (".exr",),
    "Radiance": (".hdr",),
    "SVG": (".svg", ".svgz"),
    "XCF": (".xcf",),
    "camera raw": (".arw", ".cr2", ".cr3", ".dng", ".nef", ".orf", ".raf", ".rw2"),
}
_OTHER_SIGNATURES = {
    "JPEG XL": (b"\xff\x0a", b"\0\0\0\x0cJXL "),
    "JPEG XR": (b"II\xbc",),
    "OpenEXR": (b"v/1\x01",),
    "Radiance": (b"#?R",),
    "SVG": (b"<svg",),
    "XCF": (b"gimp xcf",),
    "camera raw": (b"FUJIFILMCCD-RAW",),
}
_LONGEST_SIGNATURE = 64


@dataclass(frozen=True)
class Output:
    """A file to be written.

    Attributes:
        path: its name; `-` is standard output.
        form: Pillow's name of its format, "DLF", or what else it is: "HTML", "model package".
    """

    path: str
    form: str


def judge(
    outputs: Sequence[Output],
    inputs: Iterable[StrPath],
    overwrite: Overwrite = "alike",
    *,
    makes_folders: bool = False,
) -> None:
    """Return if the outputs may be written.

    Args:
        outputs: everything that will be written.
        inputs: every file that is read; `-` is standard input. What does not exist is passed over.
        overwrite: which existing files may be replaced; "never" is left to `refuse_existing`.
        makes_folders: the folders of the outputs need not exist.

    Raises:
        ValueError: an output is an input or another output, has the name of another format, or
            would replace a picture in another format.
        OSError: an output that cannot be written.
    """
    read: dict[FileIdentity, str] = {}
    for path in inputs:
        found = identity(path, STDIN)
        if found is not None:
            read.setdefault(found, os.fspath(path))
    seen: dict[FileIdentity | str, str] = {}
    for output in outputs:
        found = identity(output.path, STDOUT)
        if found is not None and found in read:
            raise ValueError(f"{_shown(read[found])} would be written over by its own output")
        key = found or os.path.realpath(output.path)
        if key in seen and _holds_content(output.path):
            raise ValueError(f"{seen[key]} and {output.path} are one file for two outputs")
        seen[key] = output.path
        if output.path != STANDARD_STREAM:
            _check_writable(output.path, makes_folders)
            if overwrite != "any":
                _check_name(output)
                check_content(output)


def refuse_existing(path: str, overwrite: Overwrite) -> None:
    """Raise `FileExistsError` when `overwrite` is "never" and there is a file to be kept."""
    if overwrite == "never" and os.path.lexists(path) and _holds_content(path):
        raise FileExistsError(errno.EEXIST, "exists, and nothing is to be replaced", path)


def check_content(output: Output) -> None:
    """Raise `ValueError` when the output would replace a picture in another format."""
    try:
        if not stat.S_ISREG(os.stat(output.path).st_mode):
            return
        with open(output.path, "rb") as file:
            start = file.read(_LONGEST_SIGNATURE)
    except OSError:  # none there, or one that nobody can look into
        return
    form = _form_of_content(start)
    if form is not None and form != output.form:
        raise ValueError(
            f"{output.path}: holds a picture ({form}), "
            f"which {_described(output.form)} would replace; --force does so"
        )


def identity(path: StrPath, stream: int | None = None) -> FileIdentity | None:
    """Return which file `path` is, links followed; None when it is none that holds content.

    `stream` is the descriptor that `-` stands for; without it, `-` is a file like others.
    """
    try:
        is_stream = stream is not None and os.fspath(path) == STANDARD_STREAM
        found = os.stat(stream if is_stream and stream is not None else path)
    except OSError:
        return None
    return (found.st_dev, found.st_ino) if stat.S_ISREG(found.st_mode) else None


def _holds_content(path: str) -> bool:
    """Whether `path` is not the name of a device or a pipe."""
    try:
        return path != STANDARD_STREAM and stat.S_ISREG(os.stat(path).st_mode)
    except OSError:
        return True


def _shown(path: str) -> str:
    return "standard input" if path == STANDARD_STREAM else path


def _check_writable(path: str, makes_folders: bool) -> None:
    """Find out now, and not after the work, what would keep the file from being written."""
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        mode = None
    if mode is not None:
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        if not os.access(path, os.W_OK):
            raise PermissionError(errno.EACCES, "the existing file is write-protected", path)
        return
    folder = os.path.dirname(os.path.realpath(path)) if path else ""
    while folder and makes_folders and not os.path.lexists(folder):
        folder = os.path.dirname(folder)
    for reason, good in (
        (errno.ENOENT, os.path.exists(folder)),
        (errno.ENOTDIR, os.path.isdir(folder)),
        (errno.EACCES, os.access(folder, os.W_OK | os.X_OK)),
    ):
        if not good:
            raise OSError(reason, os.strerror(reason), path)


def _check_name(output: Output) -> None:
    suffix = PurePath(output.path).suffix.lower()
    form = _form_of_suffix(suffix)
    if form not in (None, output.form):
        own = _OWN.get(output.form)
        wanted = "" if own is None else f"give a name that ends in {own[0]}, or "
        raise ValueError(
            f"{output.path}: {suffix} stands for another format ({form}), and this would be "
            f"{_described(output.form)}; {wanted}--force writes it"
        )


def _form_of_suffix(suffix: str) -> str | None:
    for form, (own, _) in _OWN.items():
        if suffix == own:
            return form
    for form, suffixes in _OTHER_PICTURES.items():
        if suffix in suffixes:
            return form
    return form_of_extension(suffix)


def _form_of_content(start: bytes) -> str | None:
    """Return the format of the picture that begins with `start`; None for anything else."""
    if not start:
        return None
    start = start.ljust(_LONGEST_SIGNATURE, b"\0")  # Pillow's plugins expect no less than 16 bytes
    if start.startswith(signature.SIGNATURE):
        return "DLF"
    known = form_of_start(start)
    if known is not None:
        return known
    for form, signatures in _OTHER_SIGNATURES.items():
        if start.startswith(signatures):
            return form
    return "HEIF" if start[4:8] == b"ftyp" else None


def _described(form: str) -> str:
    return _OWN[form][1] if form in _OWN else f"a picture ({form})"
