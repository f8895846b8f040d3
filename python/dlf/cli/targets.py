"""What a command works on, and what it writes: files, folders, patterns and templates.

`IN...` may be files, folders (the files in it that fit) and glob patterns, which a shell without
them leaves as they are (`**` goes through folders). The output is a file, a folder, or a template
with the fields {stem}, {name}, {ext} (without the dot) and {parent} of the input. In an output folder
the tree below the fixed part of a pattern is kept.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from dlf.files import STANDARD_STREAM
from dlf.outputs import Output, Overwrite, judge

__all__ = ["DLF_SUFFIX", "Job", "Plan", "Source", "expand", "is_dlf", "is_image", "split_output"]

DLF_SUFFIX = ".dlf"
FIELDS = ("stem", "name", "ext", "parent")


@dataclass(frozen=True)
class Source:
    """One input, and its folder below the fixed part of the pattern that has found it, or ""."""

    path: str
    folder: str = ""


@dataclass(frozen=True)
class Job:
    """One input and its output; `-` is a standard stream."""

    source: str
    target: str


def is_dlf(name: str) -> bool:
    """Return whether a file in a folder is taken for a .dlf file."""
    return name.lower().endswith(DLF_SUFFIX)


def is_image(name: str) -> bool:
    """Return whether a file in a folder is taken for an image that can be encoded."""
    from PIL import Image

    form = Image.registered_extensions().get(Path(name).suffix.lower())
    return form in Image.OPEN and form not in ("DLF", "PDF", "MPEG")


def split_output(words: Sequence[str], option: str | None, metavar: str) -> tuple[list[str], str]:
    """Return the inputs and the output of `IN... OUT`, or of `IN... -o OUT`.

    Raises:
        ValueError: there is no output.
    """
    if option is not None:
        return list(words), option
    if len(words) < 2:
        raise ValueError(f"the following arguments are required: {metavar} (or -o {metavar})")
    return list(words[:-1]), words[-1]


def expand(words: Sequence[str], fits: Callable[[str], bool]) -> list[Source]:
    """Return the files that `words` mean, each once, in order; what a folder has, sorted.

    A word that is no pattern and no folder is returned as it is, whether or not there is a file.

    Raises:
        ValueError: a pattern or a folder without a file that fits, or `-` among other inputs.
    """
    found: list[Source] = []
    for word in words:
        if word != STANDARD_STREAM and os.path.isdir(word):
            inside = [os.path.join(word, name) for name in os.listdir(word) if fits(name)]
            names = _some(sorted(filter(os.path.isfile, inside)), f"no file to read in {word}")
            found += map(Source, names)
        elif glob.has_magic(word) and not os.path.exists(word):
            matches = filter(os.path.isfile, glob.glob(word, recursive=True))
            root = _fixed_part(word)
            found += [
                Source(name, _below(root, name))
                for name in _some(sorted(matches), f"no file matches {word}")
            ]
        else:
            found.append(Source(word))
    first: dict[str, Source] = {}
    for source in found:
        first.setdefault(source.path, source)
    if len(first) > 1 and STANDARD_STREAM in first:
        raise ValueError("- (standard input) cannot be read among other inputs")
    return list(first.values())


def _fixed_part(pattern: str) -> str:
    """Return the folder above the first component that is a pattern."""
    folder = pattern
    while glob.has_magic(folder):
        folder = os.path.dirname(folder)
    return folder or os.curdir


def _below(root: str, name: str) -> str:
    folder = os.path.relpath(os.path.dirname(name) or os.curdir, root)
    return "" if folder == os.curdir else folder


class Plan:
    """What is read, and what is written for each of it.

    Attributes:
        jobs: in the order of the inputs.
    """

    def __init__(self, sources: Sequence[Source], output: str, suffix: str) -> None:
        """Name the outputs; `suffix` is that of files in an output folder.

        Raises:
            ValueError: a template with an unknown field, or several inputs for one file.
        """
        is_template = "{" in output
        is_folder = not is_template and (output.endswith(os.sep) or os.path.isdir(output))
        self._makes_folders = is_template or is_folder
        if len(sources) > 1 and not self._makes_folders:
            raise ValueError(
                f"{len(sources)} inputs need a folder or a template as output, "
                f"for example -o 'out/{{stem}}{suffix}', not {output}"
            )
        self.jobs: list[Job] = []
        owners: dict[str, str] = {}
        for source in sources:
            if is_template:
                target = _fill(output, source.path)
            elif is_folder:
                name = _path(source.path).stem + suffix
                target = os.path.join(output, source.folder, name)
            else:
                target = output
            owner = owners.setdefault(os.path.realpath(target), source.path)
            if owner != source.path:
                raise ValueError(
                    f"{owner} and {source.path} would both become {target}; "
                    "use {parent} or {ext} in the output"
                )
            self.jobs.append(Job(source.path, target))

    def judge(
        self, forms: Callable[[Job], str], also_read: Iterable[str], overwrite: Overwrite
    ) -> None:
        """Judge all outputs by `dlf.outputs`, then make their folders.

        `forms` tells the format of an output, and `also_read` are files beside the inputs.

        Raises:
            ValueError, OSError: an output that must not, or cannot, be written.
        """
        judge(
            [Output(job.target, forms(job)) for job in self.jobs],
            [*(job.source for job in self.jobs), *also_read],
            overwrite,
            makes_folders=self._makes_folders,
        )
        if self._makes_folders:
            for job in self.jobs:
                Path(job.target).parent.mkdir(parents=True, exist_ok=True)


def _some(files: list[str], complaint: str) -> list[str]:
    if not files:
        raise ValueError(complaint)
    return files


def _path(source: str) -> Path:
    return Path("stdin" if source == STANDARD_STREAM else source)


def _fill(template: str, source: str) -> str:
    path = _path(source)
    fields = {
        "stem": path.stem,
        "name": path.name,
        "ext": path.suffix.lstrip("."),
        "parent": os.fspath(path.parent),
    }
    try:
        return template.format_map(fields)
    except (KeyError, IndexError, ValueError, AttributeError):
        known = ", ".join(f"{{{field}}}" for field in FIELDS)
        raise ValueError(f"{template}: the fields of a template are {known}") from None
