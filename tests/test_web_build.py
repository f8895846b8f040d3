"""What `make web` has made: sizes, instructions, the kernels' tests, names, numbers that agree."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from conftest import ROOT, run

pytestmark = pytest.mark.web

PACKAGE = ROOT / "build" / "web" / "dlf-codec"
SOURCES = ROOT / "web" / "package"
MODULES = ("dlf-simd.wasm", "dlf.wasm")
MOST_GZIPPED = 400_000
VECTORS = """\
import { createHash } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
const [core, module, root] = process.argv.slice(1);
const { Core } = await import(core);
const instance = await Core.start(readFileSync(module));
let count = 0;
for (const name of readdirSync(`${root}/vectors`).filter((name) => name.startsWith("integer-"))) {
  const { checks } = JSON.parse(readFileSync(`${root}/vectors/${name}/test.json`));
  const plain = checks.find((check) => check.tier === "T3" && check.arguments.length === 0);
  if (!plain) continue;
  const [family, seed] = name.split("-");
  const model = instance.open(readFileSync(`${root}/packages/${family}-${seed}.dlfm`));
  const { samples } = instance.decode(model, readFileSync(`${root}/vectors/${name}/input.dlf`));
  if (createHash("sha256").update(samples).digest("hex") !== plain.sha256) throw new Error(name);
  instance.close(model);
  ++count;
}
console.log(count);
"""


@pytest.fixture(scope="module")
def built() -> Path:
    if not (PACKAGE / "package.json").is_file():
        pytest.skip("build/web is missing: make web (Debian: apt-get install emscripten)")
    return PACKAGE


def program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


@pytest.mark.parametrize("module", MODULES)
def test_modules_are_small(built: Path, module: str) -> None:
    assert len(gzip.compress((built / module).read_bytes(), 9)) <= MOST_GZIPPED


@pytest.mark.slow  # disassembles both
def test_only_one_module_has_simd(built: Path) -> None:
    disassemble = program("wasm-dis")
    texts = {name: run(disassemble, "--all-features", built / name) for name in MODULES}
    assert "i32x4.dot_i16x8_s" in texts["dlf-simd.wasm"]
    assert "v128" not in texts["dlf.wasm"]


@pytest.mark.slow  # the tests of the kernels, and of whole programs, in WebAssembly
def test_every_kernel_equals_the_plain_one(built: Path) -> None:
    tests = ROOT / "build" / "wasm" / "simd" / "kernel_tests.js"
    if not tests.is_file():
        pytest.skip("build/wasm/simd/kernel_tests.js is missing: make web")
    said = run(program("node"), tests)
    assert re.search(r"^\d+ tests, 0 failed$", said, re.MULTILINE), said


@pytest.mark.slow  # two modules, and many pictures without SIMD
@pytest.mark.parametrize("module", MODULES)
def test_both_modules_draw_the_same(built: Path, module: str) -> None:
    words = ["--input-type=module", "-e", VECTORS, built / "core.js", built / module]
    assert int(run(program("node"), *words, ROOT / "conformance").split()[-1]) > 15


def test_the_package_is_whole(built: Path) -> None:
    npm = program("npm")
    done = subprocess.run(
        [npm, "pack", "--dry-run", "--json", "--offline"],
        cwd=built,
        capture_output=True,
        text=True,
        check=True,
    )
    [packed] = json.loads(done.stdout)
    names = {entry["path"] for entry in packed["files"]}
    assert names == {path.name for path in built.iterdir()}
    sources = {path.name for path in SOURCES.iterdir()}
    assert names == sources | {*MODULES, "README.md", "LICENSE", "LICENSE.miniz"}


def test_names_and_numbers_agree() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert json.loads((SOURCES / "package.json").read_text())["version"] == version
    header = (ROOT / "core" / "include" / "dlf" / "dlf.h").read_text()
    statuses = set(re.findall(r"X\((DLF_\w+), \d+, ", header)) - {"DLF_OK"}
    types = (SOURCES / "index.d.ts").read_text()
    assert set(re.findall(r'\| "(DLF_\w+)"', types)) == statuses
    used = {name for path in SOURCES.glob("*.js") for name in named(path)}
    assert used <= statuses
    exported = set(re.findall(r"^export (?:async )?function (\w+)", types, re.MULTILINE))
    code = (SOURCES / "index.js").read_text()
    assert exported == set(re.findall(r"^export (?:async )?function (\w+)", code, re.MULTILINE))


def named(path: Path) -> list[str]:
    """The statuses that a module names."""
    return re.findall(r'DlfError\(\s*"(DLF_\w+)"', path.read_text())


def test_types_are_valid(built: Path, tmp_path: Path) -> None:
    compiler = program("tsc")
    (tmp_path / "use.mts").write_text(
        'import { decode, encode, DlfError, type EncodeOptions } from "./dlf-codec/index.js";\n'
        'import "./dlf-codec/img.js";\n'
        "const options: EncodeOptions = { maxBytes: 2000, importance: 'auto' };\n"
        "export async function both(image: ImageData): Promise<ImageData> {\n"
        "  try {\n"
        "    return await decode(await encode(image, options), "
        "{ noise: 'faithful', downscale: 2 });\n"
        "  } catch (error) {\n"
        "    if (error instanceof DlfError && error.status === 'DLF_TRUNCATED_FILE') "
        "return image;\n"
        "    throw error;\n"
        "  }\n"
        "}\n"
        'export const width: number = document.createElement("dlf-img").naturalWidth;\n'
    )
    shutil.copytree(built, tmp_path / "dlf-codec")
    options = ["--noEmit", "--strict", "--target", "es2022", "--moduleResolution", "node16"]
    run(compiler, *options, "--module", "node16", "--lib", "es2022,dom", tmp_path / "use.mts")
