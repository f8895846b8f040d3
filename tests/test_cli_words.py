"""What words of the command line may be: numbers, names, regions, formats; and the answers."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import dlf
import numpy as np
import pytest
from command_line import run
from dlf.cli.main import COMMANDS
from PIL import Image

pytestmark = pytest.mark.usefixtures("model_environment")


@pytest.fixture
def folder(working_folder: Path) -> Path:
    return working_folder


def test_no_word_lists_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert run() == 0
    listed = capsys.readouterr().out
    assert all(f"\n    {command}" in listed for command in COMMANDS)
    for word in ("-V", "--version"):
        assert run(word) == 0
        assert capsys.readouterr().out == f"dlf {dlf.__version__}\n"


# --- decode


@pytest.mark.parametrize(("word", "form"), [("jpg", "JPEG"), (".WebP", "WEBP"), ("png", "PNG")])
def test_standard_output_gets_the_format_that_is_asked_for(
    word: str, form: str, folder: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert run("decode", "a.dlf", "-", "--format", word) == 0
    with Image.open(io.BytesIO(capfdbinary.readouterr().out)) as image:
        assert image.format == form


def test_format_names_what_is_written_whatever_the_name_ends_in(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for target in ("plain", "a.data"):
        assert run("decode", "a.dlf", target, "--format", "jpg", "--quiet") == 0
        with Image.open(target) as image:
            assert image.format == "JPEG"
    assert run("decode", "a.dlf", "x", "--format", "txt") == 2
    assert "Pillow writes no format called 'txt'" in capsys.readouterr().err


def test_a_region_is_cut_out_of_the_picture(
    folder: Path, photo_dlf: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = dlf.decode(photo_dlf)
    assert run("decode", "a.dlf", "part.png", "--region", "11,7,20,13") == 0
    assert "part.png: 20x13 RGB" in capsys.readouterr().out
    with Image.open("part.png") as image:
        assert np.array_equal(np.asarray(image), whole[7:20, 11:31])
    assert np.array_equal(dlf.decode(photo_dlf, region=(11, 7, 20, 13)), whole[7:20, 11:31])


@pytest.mark.parametrize(
    ("region", "message"),
    [
        ("1,2,3", "region must be four whole numbers"),
        ("1,2,3,x", "region must be four whole numbers"),
        ("-1,2,3,4", "region must be four whole numbers"),
        ("1,2,0,4", "region must be four whole numbers"),
        ("1,2,3.5,4", "region must be four whole numbers"),
        ("1,2,1e30,4", "region must be four whole numbers"),
        ("0,0,9999,1", "a.dlf: "),
    ],
)
def test_wrong_regions(
    region: str, message: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("decode", "a.dlf", "part.png", f"--region={region}") == 2
    assert message in capsys.readouterr().err
    assert not Path("part.png").exists()


# --- encode


def test_an_allowance_that_is_not_used_is_told(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = "; the best that test gives, of the 200000 bytes allowed"
    assert run("encode", "a.png", "x.dlf", "--bytes", 200000) == 0
    assert told in capsys.readouterr().out
    assert run("encode", "a.png", "x.dlf", "--bytes", 200000, "--json") == 0
    assert json.loads(capsys.readouterr().out)["best_rate"] is True
    for options in (["-q", 100], ["--bytes", len(Path("x.dlf").read_bytes())]):
        assert run("encode", "a.png", "x.dlf", *options) == 0
        assert "the best" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("encode a b --bytes 2KB", "must be a whole number of bytes such as 2000, not '2KB'"),
        ("encode a b --bytes 1.5", "must be a whole number of bytes such as 2000, not 1.5"),
        ("encode a b --bytes 0", "must be a whole number of bytes such as 2000, not 0"),
        ("encode a b -q high", "quality must be a number from 0 to 100, not 'high'"),
        ("encode a b --bpp x", "bpp must be a number of at least 0, not 'x'"),
        ("encode a b --threads two", "threads must be a number from 1 to 256, not 'two'"),
        ("decode a b --downscale x", "downscale must be 1, 2, 4 or 8, not 'x'"),
        ("decode a b --max-pixels 2M", "max_pixels must be a "),
        (
            "batch a b --megapixels 0",
            "--megapixels: must be a number of million pixels above 0, not 0",
        ),
        ("batch a b --workers x", "workers must be a number of at least 0, not 'x'"),
        ("batch a b --gpus-per-worker x", "must be a number of GPUs of at least 0, not 'x'"),
        ("eval a --processes 0", "must be a whole number of at least 1, not 0"),
        ("export a b --data c --limit x", "must be a whole number of at least 1, not 'x'"),
    ],
)
def test_words_that_are_no_such_number(
    words: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*words.split()) == 2
    error = capsys.readouterr().err
    assert message in error
    assert "invalid" not in error


def test_messages_name_the_file(
    folder: Path, photo_dlf: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("cut.dlf").write_bytes(photo_dlf[:-5])
    Path("bad.dlf").write_bytes(b"nothing")
    for words, name in (
        (["encode", "a.png", "x.dlf", "--bytes", "3"], "a.png"),
        (["decode", "cut.dlf", "x.png"], "cut.dlf"),
        (["decode", "bad.dlf", "x.png"], "bad.dlf"),
        (["info", "bad.dlf"], "bad.dlf"),
        (["verify", "cut.dlf"], "cut.dlf"),
        (["symbols", "bad.dlf", "x.npz"], "bad.dlf"),
        (["compare", "a.png", "--bytes", "3", "-o", "x.html"], "a.png"),
    ):
        assert run(*words) in (2, 10, 11)
        assert capsys.readouterr().err.startswith(f"dlf: {name}: ")


# --- trees


def test_a_pattern_keeps_its_tree(
    pictures: dict[str, Image.Image], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("p/a.png", "p/x/a.png", "p/x/y/a.png", "p/z/b.png"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        pictures["RGB"].save(name)

    def written(out: str) -> list[str]:
        return sorted(str(p.relative_to(out)) for p in Path(out).rglob("*.dlf"))

    assert run("encode", "p/**/*.png", "out/", "--quiet") == 0
    assert written("out") == ["a.dlf", "x/a.dlf", "x/y/a.dlf", "z/b.dlf"]
    assert run("encode", f"{folder}/p/*/*.png", "two/", "--quiet") == 0
    assert written("two") == ["x/a.dlf", "z/b.dlf"]
    assert run("encode", "p/x/*.png", "three/", "--quiet") == 0
    assert written("three") == ["a.dlf"]
    assert run("decode", "out/**/*.dlf", "back/", "--quiet") == 0
    assert (folder / "back/x/y/a.png").is_file()
    assert run("encode", "p/a.png", "p/x/a.png", "four/") == 2
    assert "would both become" in capsys.readouterr().err
    assert not Path("four").exists()


# --- names


def test_names_that_no_stream_can_show(folder: Path) -> None:
    bad = os.fsdecode(b"bad\xffname")
    (folder / "a.png").rename(folder / f"{bad}.png")
    program = (
        "import sys\nfrom dlf.cli import main\n"
        f"bad = {bad!r}\n"
        "for words in (['encode', bad + '.png', bad + '.dlf'], ['verify', bad + '.dlf'],\n"
        "              ['encode', bad + '.png', bad + '.png'], ['info', '.', '--json'],\n"
        "              ['symbols', bad + '.dlf', bad + '.npz'], ['info', bad],\n"
        "              ['batch', bad + '.png', 'out', '--workers', '0', '--quiet']):\n"
        "    sys.argv[1:] = words\n"
        "    print(main(), file=sys.__stderr__)\n"
    )
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8:strict"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, check=False
    )
    lines = done.stderr.decode("utf-8").splitlines()  # strictly
    statuses = [line for line in lines if not line.startswith("dlf: ")]
    assert statuses == ["0", "0", "2", "0", "0", "1", "0"], lines
    assert b"bad\\udcffname.dlf: ok\n" in done.stdout
    assert (folder / f"{bad}.npz").exists() and (folder / "out" / f"{bad}.dlf").exists()


def test_a_package_whose_name_is_no_text(
    test_package: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = os.fsdecode(b"bad\xff.dlfm")
    (folder / bad).symlink_to(test_package)
    for words in (["encode", "a.png", "x.dlf"], ["decode", "x.dlf", "x.png"]):
        assert run(*words, "--model", bad) == 0, capsys.readouterr().err
    assert Path("x.dlf").exists() and Path("x.png").exists()


def test_a_comparison_of_a_name_that_is_no_text(folder: Path) -> None:
    bad = os.fsdecode(b"bad\xffname")
    (folder / "a.png").rename(folder / f"{bad}.png")
    assert run("compare", f"{bad}.png", "--against", "webp", "--quiet") == 0
    page = (folder / f"{bad}.html").read_bytes()
    assert b"bad\\xffname" in page
    page.decode("utf-8")
    words = ["--no-dlf", "--against", "webp:10", "--metrics", "psnr", "--per-image", "--no-cache"]
    assert run("eval", f"{bad}.png", *words, "--card", "card.md", "--quiet") != 0  # there is none
    Path("card.md").write_text("<!-- evaluation: begin -->\n<!-- evaluation: end -->\n")
    assert run("eval", f"{bad}.png", *words, "--card", "card.md", "--quiet") == 0
    assert "bad" in Path("card.md").read_text(encoding="utf-8")


def test_names_that_are_too_long(
    pictures: dict[str, Image.Image], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    long = "\u00fc" * 125  # 250 bytes
    pictures["RGB"].save(f"{long}.png")
    assert run("encode", f"{long}.png", "out/", "--quiet") == 0
    assert (folder / "out" / f"{long}.dlf").is_file()
    assert run("encode", f"{long}.png", "-o", "{stem}-small.dlf") == 1
    error = capsys.readouterr().err
    assert error.startswith(f"dlf: {long}-small.dlf: ")
    assert "name too long" in error
