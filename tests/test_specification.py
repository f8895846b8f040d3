"""The constants of Python are those of core/BITSTREAM.md, Annex D."""

from __future__ import annotations

import re

import pytest
from conftest import ROOT
from dlf import header, specification

TEXT = (ROOT / "core" / "BITSTREAM.md").read_text(encoding="utf-8")
ANNEX = {
    name: int(value)
    for name, value in re.findall(r"^\| k(\w+) \| (\d+) \|", TEXT, flags=re.MULTILINE)
}
NUMBERS = {
    name: value
    for name, value in vars(specification).items()
    if isinstance(value, int) and name != "PACKAGE_FLAGS_OFFSET"
}


def annex_name(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))


@pytest.mark.parametrize("name", sorted(NUMBERS))
def test_a_number_is_that_of_annex_d(name: str) -> None:
    assert ANNEX[annex_name(name)] == NUMBERS[name]


def test_the_longest_header_is_that_of_annex_d() -> None:
    assert header.MAX_HEADER_BYTES == ANNEX["MaxHeaderBytes"]


@pytest.mark.parametrize("name", ["NORMATIVE", "ENCODER"])
def test_members_are_those_of_annex_a(name: str) -> None:
    assert f"`{getattr(specification, f'{name}_MEMBER')}`" in TEXT
    assert getattr(specification, f"{name}_MAGIC").decode() in TEXT
