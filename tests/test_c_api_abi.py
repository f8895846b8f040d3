"""What programs that are already compiled rely on: layouts, numbers, symbols, library names.

core/abi/0.1.txt holds the interface of version 0.1. Nothing in it may change; what is new is added
to it (`PYTHONPATH=. python tests/test_c_api_abi.py` prints the interface as it is). Before the
first release it was drawn anew twice. First the fields of dlf_info, dlf_package_info and the four
structs of options were put in order by subject. Then names were made those of the glossary
(BITSTREAM.md §1.4). DLF_MAX_HEADER_BYTES became 27 when headers got a display size.
"""

from __future__ import annotations

import ctypes
import re
from pathlib import Path

import c_library
import pytest
from c_library import Sized
from conftest import ROOT, STRICT, run

HEADER = ROOT / "core" / "include" / "dlf" / "dlf.h"
RECORD = ROOT / "core" / "abi" / "0.1.txt"
MAPS = ROOT / "core" / "cmake"
STRUCT = re.compile(r"typedef struct (dlf_\w+) \{(.*?)\n\} \1;", re.DOTALL)
LIBRARIES = ("dlf", "dlf_torch")


def without_comments(text: str) -> str:
    return re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)


def structs() -> dict[str, list[str]]:
    """Every public struct of the header and its fields, in order."""
    found = {}
    for name, body in STRUCT.findall(without_comments(HEADER.read_text())):
        fields = []
        for statement in re.sub(r"\([^()]*\)(?=;)", "", body).split(";"):
            words = re.sub(r"\[\w+\]|\(\*(\w+)\)", r"\1", statement).replace("*", " ").split(",")
            fields += [word.split()[-1] for word in words if word.split()]
        found[name] = fields
    return found


def enumerators() -> list[str]:
    text = without_comments(HEADER.read_text())
    found = re.findall(r"X\((DLF_\w+), \d+,", text)
    for body in re.findall(r"typedef enum dlf_\w+ \{(.*?)\}", text, re.DOTALL):
        found += re.findall(r"(DLF_\w+) = ", body)
    return [*dict.fromkeys(found), "DLF_MAX_HEADER_BYTES"] + re.findall(
        r"#define (DLF_CHUNK_\w+) \d+", text
    )


def declared() -> list[str]:
    return re.findall(r"DLF_API [^;(]*?\b(dlf_\w+)\(", HEADER.read_text())


def interface(compiler: str, folder: Path) -> list[str]:
    """The interface as a C compiler sees it, one fact a line."""
    lines = ["#include <dlf/dlf.h>", "#include <stdio.h>", "int main(void) {"]
    for name, fields in structs().items():
        for field in fields:
            place = f"offsetof({name}, {field}), sizeof((({name} *)0)->{field})"
            lines.append(f'  printf("{name}.{field} %zu %zu\\n", {place});')
    lines += [f'  printf("{name} %d\\n", (int){name});' for name in enumerators()]
    source, program = folder / "interface.c", folder / "interface"
    source.write_text("\n".join([*lines, "  return 0;", "}"]) + "\n")
    run(compiler, "-std=c99", *STRICT, "-I", HEADER.parents[1], source, "-o", program)
    return [*run(program).splitlines(), *(f"{name}()" for name in declared())]


def test_nothing_has_moved(compiler: str, tmp_path: Path) -> None:
    now = interface(compiler, tmp_path)
    recorded = RECORD.read_text().splitlines()
    gone = [line for line in recorded if line not in now]
    assert not gone, "programs that are compiled already rely on these"
    assert [line for line in now if line not in recorded] == [], f"add these to {RECORD.name}"


def test_new_fields_stand_at_the_end(compiler: str, tmp_path: Path) -> None:
    """Within a struct offsets only grow, and it begins with its size."""
    last: dict[str, int] = {}
    for line in interface(compiler, tmp_path):
        name, _, field = line.split()[0].partition(".")
        if field:
            offset = int(line.split()[1])
            assert offset == 0 if name not in last else offset > last[name], line
            assert (field == "struct_size") == (name not in last)
            last[name] = offset
    assert set(last) == set(structs())


def test_the_structs_of_these_tests_are_those_of_the_header(compiler: str, tmp_path: Path) -> None:
    facts = dict(line.split(" ", 1) for line in interface(compiler, tmp_path) if "." in line)
    mirrored = set()
    for kind in vars(c_library).values():
        if isinstance(kind, type) and issubclass(kind, Sized) and kind is not Sized:
            name = "dlf_" + re.sub(r"(?<!^)([A-Z])", r"_\1", kind.__name__).lower()
            mirrored.add(name)
            fields = {field for field, _ in kind._fields_}
            assert fields == set(structs()[name]), name
            for field in fields:
                place = getattr(kind, field)
                assert facts[f"{name}.{field}"] == f"{place.offset} {place.size}", (name, field)
    assert mirrored == set(structs())


@pytest.mark.parametrize("library", LIBRARIES)
def test_exported_symbols_are_the_declared_ones_with_their_version(
    installed_library: Path, library: str
) -> None:
    printed = run("nm", "-D", "--defined-only", installed_library / "lib" / f"lib{library}.so")
    exported = {line.split()[-1] for line in printed.splitlines()} - {"DLF_0.1"}
    listed = re.findall(r"^    (dlf_\w+);$", (MAPS / f"{library}.map").read_text(), re.MULTILINE)
    exported.discard("DLF_0.1@@DLF_0.1")
    assert exported == {f"{name}@@DLF_0.1" for name in listed}
    assert set(listed) <= set(declared())


def test_every_function_is_exported_by_one_library() -> None:
    listed = [
        name
        for library in LIBRARIES
        for name in re.findall(
            r"^    (dlf_\w+);$", (MAPS / f"{library}.map").read_text(), re.MULTILINE
        )
    ]
    assert sorted(listed) == sorted(declared())


@pytest.mark.parametrize("library", LIBRARIES)
def test_names_of_the_libraries(installed_library: Path, library: str) -> None:
    folder = installed_library / "lib"
    soname = f"lib{library}.so.0.1"
    assert f"[{soname}]" in run("readelf", "-d", folder / soname)
    whole = (folder / soname).resolve()
    assert re.fullmatch(rf"lib{library}\.so\.0\.1\.\d+", whole.name)
    assert (folder / f"lib{library}.so").resolve() == whole
    assert ctypes.CDLL(str(folder / soname))


if __name__ == "__main__":
    import shutil
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        print("\n".join(interface(shutil.which("cc") or "cc", Path(folder))))
