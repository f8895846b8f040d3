"""What a batch has to do: from the words on the command line to jobs.

A word is one of these, or a URL of one of the first three:

- a folder: it is searched below, and its tree is kept;
- a glob pattern: the tree below its fixed part is kept;
- a file or a shard: its name is kept;
- `@FILE`: a list with one path or URL a line, `@-` for standard input.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from dlf import files, outputs
from dlf.batch.settings import Settings, is_shard
from dlf.batch.stores import FsspecStore, LocalStore, Store, is_url, open_store
from dlf.images.inputs import fixed_part, is_pattern, matching
from dlf.outputs import FileIdentity
from dlf.types import StrPath

__all__ = ["Job", "Plan", "Source", "find_inputs"]

_MAX_NAMED = 5


@dataclass(frozen=True, slots=True)
class Job:
    """One input to turn into one output: the number of its source, and names in the stores."""

    source: int
    input: str
    output: str

    @property
    def is_shard(self) -> bool:
        """Whether this is a tar shard, and not one picture."""
        return is_shard(self.input)


@dataclass(frozen=True)
class Source:
    """A store, and the inputs in it; `flat` ones go to the output folder without their own."""

    store: Store
    names: list[str]
    flat: bool = False


@dataclass(frozen=True)
class Plan:
    """All inputs of a batch.

    Attributes:
        problems: places that cannot be searched, and entries of lists that make no sense: what, and
            why.
        ignored: how many files of searched folders are no pictures.
        also_read: files beside the inputs: lists of them, the model, a mask.
    """

    settings: Settings
    sources: list[Source] = field(default_factory=list)
    problems: list[tuple[str, str]] = field(default_factory=list)
    ignored: int = 0
    also_read: list[str] = field(default_factory=list)

    def jobs(self) -> Iterator[Job]:
        """Yield every input, in order."""
        for number, source in enumerate(self.sources):
            for name in source.names:
                relative = posixpath.basename(name) if source.flat else name.lstrip("/")
                yield Job(number, name, self.settings.output_name(relative))

    def read_files(self) -> Iterator[tuple[FileIdentity | str, str]]:
        """Yield everything that is read: which file it is, and its name."""
        for path in self.also_read:
            which = outputs.identity(path, outputs.STDIN)
            if which is not None:
                yield which, path
        for job in self.jobs():
            read = self.sources[job.source].store.identity(job.input)
            if read is not None:
                yield read, job.input


def find_inputs(
    words: Sequence[StrPath | Store],
    target: Store,
    settings: Settings,
    root: StrPath | None = None,
    also_read: Iterable[StrPath] = (),
) -> Plan:
    """Return the plan for these inputs.

    Args:
        words: see above; an open store is a folder.
        target: where the outputs go.
        settings: what is done to them.
        root: the paths and URLs in lists keep their tree below this folder or URL; without it, the
            whole of what is written in the list.
        also_read: files that are read beside the inputs and what names them.

    Raises:
        FileNotFoundError: there is no such input, or no file matches the pattern.
        ValueError: two inputs would have the same output, or one would replace an input.
    """
    search = _Search(target, settings, None if root is None else os.fspath(root))
    for word in words:
        if isinstance(word, Store):
            search.add_folder(word)
        else:
            search.add(os.fspath(word))
    read = [*search.lists, *(os.fspath(path) for path in also_read)]
    plan = Plan(settings, search.sources(), search.problems, search.ignored, read)
    _check_outputs(plan, target)
    return plan


class _Search:
    def __init__(self, target: Store, settings: Settings, root: str | None) -> None:
        self._target = target
        self._settings = settings
        self._root = root
        self._found: list[Source] = []
        self._files: list[str] = []
        self.problems: list[tuple[str, str]] = []
        self.ignored = 0
        self.lists: list[str] = []

    def sources(self) -> list[Source]:
        single = [Source(LocalStore(os.curdir), self._files, flat=True)] if self._files else []
        return [*self._found, *single]

    def add(self, word: str) -> None:
        if word.startswith("@"):
            self._add_list(word[1:])
        elif is_url(word) and isinstance(store := open_store(fixed_part(word)), FsspecStore):
            self._add_url(word, store)
        else:
            self._add_path(open_path(word))

    def _add_path(self, word: str) -> None:
        if os.path.isdir(word):
            self.add_folder(LocalStore(word))
        elif os.path.lexists(word):
            self._files.append(os.path.abspath(word))
        elif is_pattern(word):
            self._add_matches(LocalStore(fixed_part(word)), word, matching(word))
        else:
            raise FileNotFoundError(2, "no such file or folder", word)

    def _add_url(self, word: str, store: FsspecStore) -> None:
        if is_pattern(word):
            pattern = word[len(fixed_part(word)) :].lstrip("/")
            self._add_matches(store, word, store.glob(pattern))
        elif store.is_folder():
            self.add_folder(store)
        else:
            folder, name = word.rsplit("/", 1)
            self._found.append(Source(open_store(folder), [name]))

    def add_folder(self, store: Store) -> None:
        if store.root == self._target.root:
            raise ValueError(f"{store.root}: the output folder must not be the input folder")
        names = []
        for name in store.names(self._target.root, self._note):
            if is_shard(name) or self._settings.takes(name):
                names.append(name)
            else:
                self.ignored += 1
        self._found.append(Source(store, names))

    def _add_matches(self, store: Store, word: str, names: Iterable[str]) -> None:
        below = f"{self._target.root}/"
        kept = [name for name in names if not f"{store.root}/{name}".startswith(below)]
        if not kept:
            raise FileNotFoundError(2, "no file matches", word)
        self._found.append(Source(store, kept))

    def _add_list(self, path: str) -> None:
        self.lists.append(path)
        text = os.fsdecode(files.read_bytes(path))
        lists: dict[str, list[str]] = {}
        for line in text.splitlines():
            if not line.strip():
                continue
            root, name = self._split(line)
            if ".." in name.split("/"):
                self.problems.append((line, "leads out of its root by '..'; give --root"))
            else:
                lists.setdefault(root, []).append(name)
        self._found += [Source(open_store(root), names) for root, names in lists.items()]

    def _split(self, entry: str) -> tuple[str, str]:
        """Return the root that an entry of a list belongs to, and its name below that."""
        if self._root is not None:
            if is_url(self._root):
                prefix = self._root.rstrip("/") + "/"
                return self._root, entry.removeprefix(prefix)
            return self._root, os.path.relpath(os.path.join(self._root, entry), self._root)
        if is_url(entry):
            scheme, rest = entry.split("://", 1)
            host, _, name = rest.partition("/")
            return f"{scheme}://{host}", name
        return os.curdir, os.path.normpath(entry)

    def _note(self, name: str, error: OSError) -> None:
        self.problems.append((name, error.strerror or str(error)))


def open_path(word: str) -> str:
    """Return a `file://` URL as the path that it means, and a path as it is."""
    return open_store(word).root if is_url(word) else word


def _check_outputs(plan: Plan, target: Store) -> None:
    seen: set[str] = set()
    twice: list[str] = []
    replaced: dict[FileIdentity | str, str] = {}
    for job in plan.jobs():
        which = target.identity(job.output)
        if job.output in seen or (which is not None and which in replaced):
            twice.append(job.output)
        seen.add(job.output)
        if which is not None:
            replaced[which] = job.input
    for which, name in plan.read_files() if replaced else ():
        if which in replaced:
            raise ValueError(f"{name}: the output of {replaced[which]} would replace the input")
    if twice:
        named = ", ".join(sorted(set(twice))[:_MAX_NAMED])
        more = f" and {len(twice) - _MAX_NAMED} more" if len(twice) > _MAX_NAMED else ""
        raise ValueError(
            f"several inputs would be written to the same output: {named}{more}; "
            "--keep-extension keeps a.jpg and a.png apart"
        )
