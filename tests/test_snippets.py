"""Every shell command in README.md and the other documents runs as it is written.

Programs in Python are run by test_api_cookbook.py, test_limits.py and test_torch_data.py, those in
C by test_c_api_packages.py, pages and scripts by test_web_readme.py. `pip` and `make` are stand-ins
here: they check what they are asked for. What they would do is done by test_install.py and by `make
test` itself.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from conftest import ROOT, scene
from PIL import Image

LPIPS = ROOT.parent / "shared" / "lpips" / "lpips_squeeze.npz"
COMPILES, CODES = "compiles the core once more", "codes many files"
SLOW = {
    ("README.md", 3): COMPILES,
    ("core/fuzz/README.md", 0): COMPILES,
    ("docs/batch.md", 0): CODES,
    ("docs/command-line.md", 0): CODES,
    ("docs/evaluation.md", 0): CODES,
}
NOT_RUN = {
    ("README.md", 1): "test_install.py runs it",
    ("docs/batch.md", 1): "needs a Ray cluster and a bucket; test_batch_ray.py has a cluster",
    ("docs/c-api.md", 0): "installs for the whole machine; that of README.md is run",
    ("docs/desktop.md", 0): "lists what README.md installs; test_pixbuf_loader.py does the same",
    ("docs/paper-checkpoints.md", 0): "needs a checkpoint of five gigabytes",
    ("models/TRAINING.md", 0): "trains for an hour, and on an accelerator",
    ("models/TRAINING.md", 1): "replaces the default model; test_new_default.py does it elsewhere",
    (
        "conformance/README.md",
        0,
    ): "starts a thousand programs; test_conformance_suite.py does the same in one",
    ("conformance/README.md", 1): "replaces the vectors",
    ("docs/wheels.md", 0): "compiles the core for two CPUs; test_wheels.py builds one wheel",
    ("web/README.md", 0): "installs for the whole machine, and serves until it is stopped",
}
PROGRAMS = {
    "python": {"README.md", "SECURITY.md", "docs/batch.md", "docs/cookbook.md"},
    "c": {"docs/c-api.md"},
    "html": {"web/README.md"},
    "js": {"web/README.md"},
}
"""Where there are programs in each language, all of which some test runs."""
BYTES = {"normative", "file", "reduced", "integer-normative", "integer-file"}
"""What blocks of the specification are called that hold no program; its tests read them."""

PIP = """#!{python}
import re, sys, tomllib
extras = tomllib.load(open({pyproject!r}, "rb"))["project"]["optional-dependencies"]
command, *words = sys.argv[1:]
assert command == "install"
for word in (word for word in words if not word.startswith("-")):
    found = re.fullmatch(r"\\.(?:\\[([\\w,]+)\\])?", word)
    assert found, word
    assert set((found[1] or "torch").split(",")) <= set(extras), word
"""


def documents() -> list[str]:
    """Every document of the repository that shows commands."""
    words = ["git", "-C", str(ROOT), "ls-files", "*.md"]
    listed = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()
    return [name for name in listed if name != "CHANGELOG.md" and "third_party" not in name]


def shell_blocks(document: str) -> list[str]:
    """The blocks of shell commands; all sessions of a document, "$ ..." with outputs, are one."""
    text = (ROOT / document).read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    sessions = re.findall(r"^```\n(\$ .*?)^```", text, re.MULTILINE | re.DOTALL)
    return [*(["".join(sessions)] if sessions else []), *blocks]


def cases() -> list[object]:
    found: list[object] = []
    for document in documents():
        for number in range(len(shell_blocks(document))):
            key = (document, number)
            marks = pytest.mark.slow if key in SLOW else ()
            if key not in NOT_RUN:
                found.append(pytest.param(*key, id=f"{document}-{number}", marks=marks))
    return found


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """The root of a clone with the pictures that the documents speak of; the home is elsewhere."""
    root, programs = tmp_path / "clone", tmp_path / "programs"
    for folder in (root / "photos", programs, tmp_path / "home"):
        folder.mkdir(parents=True)
    words = ["git", "-C", str(ROOT), "ls-tree", "--name-only", "HEAD"]
    for name in subprocess.run(words, capture_output=True, text=True, check=True).stdout.split():
        (root / name).symlink_to(ROOT / name)
    Image.fromarray(scene(512, 768, seed=1)).save(root / "parrots.png")
    for name in ("photo.png", "photo.jpg"):
        Image.fromarray(scene(384, 512, seed=2)).save(root / name)
    for number, size in enumerate(((256, 384), (384, 256)), 1):  # landscape and portrait
        Image.fromarray(scene(*size, seed=number)).save(root / "photos" / f"kodim{number:02}.png")
    if LPIPS.is_file():
        (root / LPIPS.name).symlink_to(LPIPS)
    pip = PIP.format(python=sys.executable, pyproject=str(ROOT / "pyproject.toml"))
    make = '#!/bin/sh\nexec /usr/bin/env PATH="$PATH_OF_MAKE" make --dry-run "$@"\n'
    python = f'#!/bin/sh\nexec {sys.executable} "$@"\n'
    for name, text in {"pip": pip, "make": make, "python": python}.items():
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    return root


def shell(commands: str, place: Path) -> subprocess.CompletedProcess[str]:
    """Run commands as a person with the environment of the tests would."""
    tools = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {key: value for key, value in os.environ.items() if key != "DLF_MODEL_PATH"} | {
        "HOME": str(place.parent / "home"),
        "PATH": f"{place.parent / 'programs'}{os.pathsep}{tools}",
        "PATH_OF_MAKE": tools,
    }
    return subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", commands],
        cwd=place,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def steps(block: str) -> list[tuple[str, bool]]:
    """The commands of a block, and whether each fails according to the output that is shown."""
    if not block.startswith("$ "):
        return [(block, False)]
    found = []
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, output = re.split(r"(?<!\\)\n", part, maxsplit=1)  # a line may go on below
        found.append((command, output.startswith(("dlf: ", "usage: "))))
    return found


@pytest.mark.parametrize(("document", "number"), cases())
def test_commands_run_as_written(document: str, number: int, place: Path) -> None:
    block = shell_blocks(document)[number]
    if LPIPS.name in block and not LPIPS.is_file():
        pytest.skip("no ../shared/lpips weights")
    for command, fails in steps(block):
        done = shell(command, place)
        said = f"{command}\n{done.stdout[-2000:]}{done.stderr[-4000:]}"
        assert (done.returncode != 0) == fails, said


def test_nothing_is_listed_that_is_not_there() -> None:
    keys = {(d, number) for d in documents() for number in range(len(shell_blocks(d)))}
    assert set(SLOW) | set(NOT_RUN) <= keys


def test_programs_stand_where_they_are_run() -> None:
    found: dict[str, set[str]] = {}
    for document in documents():
        text = (ROOT / document).read_text(encoding="utf-8")
        for language in re.findall(r"^ *(?:```|~~~)(\S+)", text, re.MULTILINE):
            found.setdefault(language, set()).add(document)
    assert {name: found[name] for name in found.keys() - {"sh"} - BYTES} == PROGRAMS


def test_no_command_hides_where_none_is_looked_for() -> None:
    """A line that begins with `$ ` stands in a block that begins with one, and is run."""
    for document in documents():
        text = (ROOT / document).read_text(encoding="utf-8")
        shown = re.findall(r"^ *\$ .*", text, re.MULTILINE)
        runs = re.findall(r"^\$ .*", "".join(shell_blocks(document)), re.MULTILINE)
        assert shown == runs, document


def test_no_package_of_ours_is_advised_that_is_not_published() -> None:
    words = ["git", "-C", str(ROOT), "grep", "-nE", r"pip install [^#]*\bdlf(\[|['\" ]|$)"]
    words += ["--", "*.md", "python/*.py", "models/*.py", "scripts/*.py"]
    assert subprocess.run(words, capture_output=True, text=True, check=False).stdout == ""


def test_extras_that_are_advised_exist() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    text = "".join((ROOT / document).read_text(encoding="utf-8") for document in documents())
    advised = {
        e for found in re.findall(r"pip install ['\"]?\.\[([\w,]+)", text) for e in found.split(",")
    }
    assert advised <= set(project["optional-dependencies"])
    assert {"torch", "eval", "ray"} <= advised
