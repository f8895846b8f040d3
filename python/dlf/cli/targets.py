"""What a command works on, and what it writes: files, folders, patterns and templates.

`IN...` may be files, folders (the files in it that fit) and glob patterns, which a shell without
them leaves as they are (`**` goes through folders). The output is a file, a folder, or a template
with the fields {stem}, {name}, {ext} (without the dot) and {parent} of the input.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from dlf.files import STANDARD_STREAM

__all__ = ["DLF_SUFFIX", "Job", "expand", "is_dlf", "is_image", "jobs", "split_output"]

DLF_SUFFIX = ".dlf"
FIELDS = ("stem", "name", "ext", "parent")


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


def expand(words: Sequence[str], fits: Callable[[str], bool]) -> list[str]:
    """Return the files that `words` mean, each once, in order; what a folder has, sorted.

    A word that is no pattern and no folder is returned as it is, whether or not there is a file.

    Raises:
        ValueError: a pattern or a folder without a file that fits, or `-` among other inputs.
    """
    found: list[str] = []
    for word in words:
        if word != STANDARD_STREAM and os.path.isdir(word):
            inside = [os.path.join(word, name) for name in os.listdir(word) if fits(name)]
            found += _some(sorted(filter(os.path.isfile, inside)), f"no file to read in {word}")
        elif glob.has_magic(word) and not os.path.exists(word):
            matches = filter(os.path.isfile, glob.glob(word, recursive=True))
            found += _some(sorted(matches), f"no file matches {word}")
        else:
            found.append(word)
    unique = list(dict.fromkeys(found))
    if len(unique) > 1 and STANDARD_STREAM in unique:
        raise ValueError("- (standard input) cannot be read among other inputs")
    return unique


def jobs(sources: Sequence[str], output: str, suffix: str) -> list[Job]:
    """Return what to write for each source; `suffix` is that of files in an output folder.

    Raises:
        ValueError: a template with an unknown field, several sources for one file, a source that
            would be written over.
    """
    if "{" in output:
        template = output
    elif output.endswith(os.sep) or os.path.isdir(output):
        template = os.path.join(output.replace("}", "}}"), "{stem}" + suffix)
    elif len(sources) > 1:
        raise ValueError(
            f"{len(sources)} inputs need a folder or a template as output, "
            f"for example -o 'out/{{stem}}{suffix}', not {output}"
        )
    else:
        return [Job(sources[0], output)]
    planned = [Job(source, _fill(template, source)) for source in sources]
    owners: dict[str, str] = {}
    for job in planned:
        real = os.path.realpath(job.target)
        if job.source != STANDARD_STREAM and real == os.path.realpath(job.source):
            raise ValueError(f"{job.source} would be written over by its own output")
        if real in owners:
            raise ValueError(
                f"{owners[real]} and {job.source} would both become {job.target}; "
                "use {parent} or {ext} in the output"
            )
        owners[real] = job.source
        Path(job.target).parent.mkdir(parents=True, exist_ok=True)
    return planned


def _some(files: list[str], complaint: str) -> list[str]:
    if not files:
        raise ValueError(complaint)
    return files


def _fill(template: str, source: str) -> str:
    path = Path("stdin" if source == STANDARD_STREAM else source)
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
