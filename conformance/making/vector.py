"""One vector: a file, and what every command must make of it (README.md describes test.json)."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from conformance.decoders import environment, search_path
from conformance.fingerprints import TENSORS, fingerprint, pixel_hash
from conformance.layout import INPUT, PACKAGE, TEST, model_hash, package_folders
from conformance.making.watching import watch
from conformance.reference.decoder import read_alpha
from conformance.reference.file import read_file
from conformance.reference.header import read_header
from conformance.reference.package import find
from conformance.reference.report import facts, tensors
from conformance.reference.status import Refused, Status
from conformance.reference_decoder import build_parser, pixels

UNTOLD = ("bpp", "semantic_bytes", "detail_bytes")
"""Facts that vectors leave out: they follow from others, or need the model.

What a byte or a flag of the header announces is told only of files that have it: `importance_map`,
and the display size of reduced pictures."""

FLOATING_PIXELS = ("§9.1", "§9.2.1", "§9.2.2", "§9.3", "§9.4", "§9.5")
"""Clauses on pixels that do not bind integer packages."""

DecodePixels = Callable[..., NDArray[np.uint8]]
"""`dlf.decode`: the reference for pixels (§9.5)."""


@dataclass
class Vector:
    """A vector in the making.

    Attributes:
        id: the name of its folder.
        description: one sentence on what it is about.
        data: the file.
        model: the name of the installed package that it needs, None where it brings its own or
            needs none.
        refused: the status and the clause that refuse the file, None for a valid one.
        by: the first command that refuses it, "info", "symbols" or "decode".
        pictures: what is decoded to pixels, by the arguments of `decode`: "" all, or one of
            "--layers semantic" and "--allow-truncated"; any for an integer package.
        best_effort: whether `symbols --allow-truncated` is run, and must succeed.
        package: the bytes of the package that it brings.
        clauses: clauses that it exercises besides those that the reference decoder came by.
    """

    id: str
    description: str
    data: bytes
    model: str | None = "test"
    refused: tuple[Status, str] | None = None
    by: str = "info"
    pictures: tuple[str, ...] = ()
    best_effort: bool = False
    package: bytes | None = None
    clauses: tuple[str, ...] = ()
    seen: set[str] = field(default_factory=set)

    def write(self, folder: Path, decode: DecodePixels) -> None:
        """Write the vector below `folder`, after checking what is said of it."""
        place = folder / self.id
        place.mkdir(parents=True)
        (place / INPUT).write_bytes(self.data)
        if self.package is not None:
            (place / PACKAGE).write_bytes(self.package)
        with environment(search_path(package_folders(place))):
            checks = [self.check_info(), self.check_symbols()]
            if self.best_effort:
                checks.append(self.check_symbols("--allow-truncated"))
            exact = bool(self.pictures) and self.is_exact()
            for arguments in self.pictures:
                if exact and not self.is_refused(arguments):
                    checks.append(self.check_exact(place, arguments))
                else:
                    checks.append(self.check_decode(place, arguments, decode))
        clauses = self.seen.union(self.clauses).difference(FLOATING_PIXELS if exact else ())
        test = {
            "description": self.description,
            "model": self.model,
            "model_sha256": None if self.model is None else model_hash(self.model),
            "refused_by": None if self.refused is None else self.refused[1],
            "clauses": sorted(clauses, key=_clause_order),
            "checks": checks,
        }
        (place / TEST).write_text(
            json.dumps(test, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
        )

    def check_info(self) -> dict[str, Any]:
        """T1."""
        expected = self.refused if self.by == "info" else None
        found = self.outcome(lambda: facts(self.data, with_layers=False), expected)
        check: dict[str, Any] = {"tier": "T1", "command": "info", "arguments": []}
        check["status"] = name_of(expected)
        if found is not None:
            check["facts"] = {name: fact for name, fact in found.items() if name not in UNTOLD}
            if not found["importance_map"]:
                del check["facts"]["importance_map"]
            if (found["display_width"], found["display_height"]) == (
                found["width"],
                found["height"],
            ):
                del check["facts"]["display_width"], check["facts"]["display_height"]
        return check

    def check_symbols(self, *arguments: str) -> dict[str, Any]:
        """T2."""
        expected = None if arguments or self.by == "decode" else self.refused
        found = self.outcome(lambda: tensors(self.data, allow_cut=bool(arguments)), expected)
        check: dict[str, Any] = {"tier": "T2", "command": "symbols", "arguments": list(arguments)}
        check["status"] = name_of(expected)
        if found is not None:
            told = [name for name in TENSORS if name in found]
            check["tensors"] = {name: fingerprint(name, found[name]) for name in told}
            check["token_bytes"] = int(found["token_bytes"])
            if found["complete"]:
                check["final_state"] = int(found["final_state"])
        return check

    def check_decode(self, place: Path, arguments: str, decode: DecodePixels) -> dict[str, Any]:
        """T3."""
        options: dict[str, Any] = {}
        if arguments == "--layers semantic":
            options["layers"] = "semantic"
        elif arguments == "--allow-truncated":
            options["allow_truncated"] = True
        check: dict[str, Any] = {"tier": "T3", "command": "decode", "arguments": arguments.split()}
        refused = self.is_refused(arguments)
        plane = None
        if not refused or self.by == "decode":  # otherwise alpha is not looked at any more (§4.4)
            expected = self.refused if refused else None
            plane = self.outcome(lambda: {"alpha": self.alpha()}, expected)
        check["status"] = name_of(self.refused if refused else None)
        if not refused:
            name = reference_name(arguments)
            samples = decode(self.data, **options)
            if plane is not None and plane["alpha"] is not None:
                assert np.array_equal(samples[..., -1], plane["alpha"])
            Image.fromarray(samples).save(place / name, optimize=True)
            check["reference"] = name
        return check

    def is_refused(self, arguments: str) -> bool:
        """Whether `decode` with these arguments is refused; options make the best of a file."""
        return self.refused is not None and not arguments

    def is_exact(self) -> bool:
        """Whether the file is for an integer package, so that the reference decoder draws."""
        try:
            return find(read_header(self.data).model_id).synthesis is not None
        except Refused:
            return False

    def check_exact(self, place: Path, arguments: str) -> dict[str, Any]:
        """T3 with the reference decoder's pixels; the number of threads changes none of them."""
        words = arguments.split()
        asked = build_parser().parse_args(["decode", INPUT, "out.png", *words])
        found = self.outcome(lambda: {"pixels": pixels(self.data, asked)}, None)
        assert found is not None
        name = reference_name(arguments.split("--threads")[0].rstrip())
        samples = found["pixels"]
        gray = samples.shape[2] == 1
        Image.fromarray(samples[..., 0] if gray else samples).save(place / name, optimize=True)
        return {
            "tier": "T3",
            "command": "decode",
            "arguments": words,
            "status": Status.OK.name,
            "sha256": pixel_hash(samples),
            "reference": name,
        }

    def alpha(self) -> NDArray[np.uint8] | None:
        """The alpha plane, when the file is whole and has one."""
        file = read_file(self.data, allow_cut=True)
        return None if file.truncated else read_alpha(file)

    def outcome(
        self, work: Callable[[], dict[str, Any]], expected: tuple[Status, str] | None
    ) -> dict[str, Any] | None:
        """Let the reference decoder do `work`; it must be refused as `expected`."""
        try:
            found, seen = watch(work)
            got = None
        except Refused as refused:
            seen = {refused.clause, "§1.5", "§11"}
            found, got = None, (refused.status, refused.clause)
        if got != expected:
            raise AssertionError(f"{self.id}: expected {expected}, got {got}")
        self.seen |= seen
        return found


def reference_name(arguments: str) -> str:
    """What the picture is called that `decode` with these arguments has to give."""
    return "reference" + arguments.replace("--", "-").replace(" ", "-").replace(",", "-") + ".png"


def name_of(refused: tuple[Status, str] | None) -> str:
    """The status by its name in §1.5."""
    return (Status.OK if refused is None else refused[0]).name


def _clause_order(clause: str) -> tuple[bool, str, list[int]]:
    """Sections first, then the annexes; numbers by their value."""
    letter, *numbers = clause.removeprefix("§").split(".")
    annex = letter.isalpha()
    return annex, letter * annex, [int(number) for number in [letter] * (not annex) + numbers]
