"""What a command writes for each of its inputs: a file, one in a folder, or by a template.

A template has the fields {stem}, {name}, {ext} (without the dot) and {parent} of the input. In an
output folder the tree below the fixed part of a pattern is kept.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from dlf.files import STANDARD_STREAM
from dlf.images.inputs import Input
from dlf.outputs import Output, Overwrite, judge

__all__ = ["Conversion", "Conversions", "split_output"]

FIELDS = ("stem", "name", "ext", "parent")


@dataclass(frozen=True)
class Conversion:
    """One input and its output; `-` is a standard stream."""

    source: str
    target: str


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


class Conversions:
    """What is read, and what is written for each of it.

    Attributes:
        jobs: in the order of the inputs.
    """

    def __init__(self, sources: Sequence[Input], output: str, suffix: str) -> None:
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
        self.jobs: list[Conversion] = []
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
            self.jobs.append(Conversion(source.path, target))

    def judge(
        self, forms: Callable[[Conversion], str], also_read: Iterable[str], overwrite: Overwrite
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
