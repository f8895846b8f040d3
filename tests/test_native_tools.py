"""dlfenc and dlfdec, as they are installed, beside the command line in Python: the same bytes, the
same pixels, the same exit statuses.
"""

from __future__ import annotations

import io
import os
import re
import stat
import subprocess
from pathlib import Path

import dlf
import numpy as np
import pytest
from conftest import ROOT, scene
from dlf.cli import main as python_dlf
from native_tools import Done, Tool, pnm_bytes, tool_of
from PIL import Image, PngImagePlugin

OPTIONS = re.compile(r"--[a-z][a-z-]+")


def python_encode(source: Path, target: Path, *options: str) -> bytes:
    assert python_dlf(["encode", "--quiet", *options, str(source), str(target)]) == 0
    return target.read_bytes()


def python_pixels(source: Path, folder: Path, *options: str) -> np.ndarray:
    target = folder / "python.png"
    assert python_dlf(["decode", "--quiet", *options, str(source), str(target)]) == 0
    return np.asarray(Image.open(target))


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
@pytest.mark.parametrize("options", [("-q", "70"), ("--bpp", "3"), ("--bytes", "1600"), ()])
def test_files_are_those_of_the_python_command(
    dlfenc: Tool,
    pictures: dict[str, Image.Image],
    tmp_path: Path,
    mode: str,
    options: tuple[str, ...],
) -> None:
    source, target = tmp_path / "in.pam", tmp_path / "out.dlf"
    source.write_bytes(pnm_bytes(pictures[mode], "pam"))
    pictures[mode].save(tmp_path / "in.png")
    done = dlfenc(*options, source, target)
    assert done.status == 0, done.error
    expected = python_encode(tmp_path / "in.png", tmp_path / "python.dlf", *options)
    assert target.read_bytes() == expected
    assert f"{len(expected)} bytes" in done.out.decode()


def png_cases() -> dict[str, Image.Image]:
    rgb = Image.fromarray(scene(50, 70, seed=4))
    palette = rgb.quantize(20)
    clear = palette.copy()
    clear.info["transparency"] = 3
    gray = rgb.convert("L")
    keyed = gray.copy()
    keyed.info["transparency"] = int(np.asarray(gray)[5, 5])
    alpha = rgb.convert("RGBA")
    alpha.putalpha(gray)
    return {
        "gray": gray,
        "bits": rgb.convert("1"),
        "palette": palette,
        "clear palette": clear,
        "clear gray": keyed,
        "alpha": alpha,
        "gray alpha": alpha.convert("LA"),
    }


@pytest.mark.parametrize("name", list(png_cases()))
def test_kinds_of_png(dlfenc: Tool, png: None, tmp_path: Path, name: str) -> None:
    source = tmp_path / "in.png"
    png_cases()[name].save(source)
    assert dlfenc(source, tmp_path / "out.dlf").status == 0
    expected = python_encode(source, tmp_path / "python.dlf")
    assert (tmp_path / "out.dlf").read_bytes() == expected


def test_png_with_metadata(dlfenc: Tool, dlfdec: Tool, png: None, tmp_path: Path) -> None:
    from dlf import icc

    image = Image.fromarray(scene(40, 60, seed=7))
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "words"
    texts = PngImagePlugin.PngInfo()
    texts.add_itxt("XML:com.adobe.xmp", "<x/>")
    source, coded, back = tmp_path / "in.png", tmp_path / "a.dlf", tmp_path / "back.png"
    profile = icc.display_p3_profile()
    image.save(source, exif=exif, pnginfo=texts, icc_profile=profile)

    plain = dlfenc(source, coded)
    assert "colour profile is not applied" in plain.error
    assert "orientation      6" in dlfdec("--info", coded).out.decode()
    assert dlfdec(coded, back).status == 0
    with Image.open(back) as turned:
        assert turned.getexif()[0x0112] == 6

    kept = ("--keep", "exif", "--keep", "icc", "--keep", "xmp")
    assert dlfenc(*kept, source, coded).error == ""
    assert coded.read_bytes() == python_encode(source, tmp_path / "python.dlf", *kept)
    assert dlfdec(coded, back).status == 0
    with Image.open(back) as reopened:
        assert reopened.getexif()[0x010E] == "words"
        assert reopened.info["icc_profile"] == profile
        assert reopened.info["xmp"] in (b"<x/>", "<x/>")


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_pictures_are_those_of_the_python_command(
    dlfdec: Tool, pictures: dict[str, Image.Image], tmp_path: Path, mode: str
) -> None:
    pictures[mode].save(tmp_path / "in.png")
    coded = tmp_path / "a.dlf"
    python_encode(tmp_path / "in.png", coded)
    for options in ((), ("--layers", "semantic")):
        expected = python_pixels(coded, tmp_path, *options)
        done = dlfdec(*options, coded, tmp_path / "out.pam")
        assert done.status == 0, done.error
        head, samples = (tmp_path / "out.pam").read_bytes().split(b"ENDHDR\n", 1)
        assert samples == expected.tobytes()
        assert f"DEPTH {len(mode)}\n".encode() in head
        if "--layers" not in options:
            part = dlfdec(*options, "--region", "11,7,20,13", "--format", "pam", coded, "-")
            assert part.out.endswith(expected[7:20, 11:31].tobytes())
            assert b"WIDTH 20\nHEIGHT 13\n" in part.out


def test_reduced_pictures_are_those_of_the_python_command(
    dlfdec: Tool, chunky_dlf: bytes, tmp_path: Path
) -> None:
    coded = tmp_path / "a.dlf"
    coded.write_bytes(chunky_dlf)
    for downscale in ("2", "8"):
        expected = python_pixels(coded, tmp_path, "--downscale", downscale)
        done = dlfdec("--downscale", downscale, "--format", "pam", coded, "-")
        assert done.out.endswith(b"ENDHDR\n" + expected.tobytes())


def test_formats_of_the_output(dlfdec: Tool, photo_dlf: bytes, png: None, tmp_path: Path) -> None:
    coded = tmp_path / "a.dlf"
    coded.write_bytes(photo_dlf)
    expected = python_pixels(coded, tmp_path)
    for name in ("a.png", "a.ppm", "a.pnm", "a.PNG"):
        assert dlfdec("--quiet", coded, tmp_path / name) == Done(0, b"", "")
        assert np.array_equal(np.asarray(Image.open(tmp_path / name)), expected)
    piped = dlfdec("-", "-", stdin=photo_dlf)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(piped.out))), expected)
    assert "-: 168x120 RGB" in piped.error
    for name in ("a.pgm", "a.jpg", "a"):
        assert dlfdec(coded, tmp_path / name).status == 2
        assert not (tmp_path / name).exists()


def test_pipes(dlfenc: Tool, photo: Image.Image, photo_dlf: bytes) -> None:
    done = dlfenc("-q", "100", "-", "-", stdin=pnm_bytes(photo, "ppm"))
    assert done.out == photo_dlf
    assert "-: " in done.error


def test_statuses_of_the_python_command(
    dlfdec: Tool, photo_dlf: bytes, chunky_dlf: bytes, tmp_path: Path
) -> None:
    def patched(at: int, value: int) -> bytes:
        return photo_dlf[:at] + bytes([value]) + photo_dlf[at + 1 :]

    cases = {
        "text": (b"no .dlf file", 10),
        "flipped": (patched(8, photo_dlf[8] ^ 1), 10),
        "longer": (photo_dlf + b"x", 10),
        "header cut": (photo_dlf[:9], 11),
        "cut": (photo_dlf[:-5], 11),
        "chunks cut": (chunky_dlf[:-9], 11),
        "empty": (b"", 11),
        "version": (patched(4, 2), 12),
    }
    out = tmp_path / "out.ppm"
    for name, (content, status) in cases.items():
        path = tmp_path / "case.dlf"
        path.write_bytes(content)
        done = dlfdec(path, out)
        assert done.status == status, (name, done.error)
        assert re.fullmatch(r"dlfdec: \S+: [^\n]+\n", done.error), name
        assert python_dlf(["decode", str(path), str(tmp_path / "out.png")]) == status, name
        assert not out.exists()
    path.write_bytes(photo_dlf)
    for name in ("pixels", "side", "memory", "file-bytes"):
        assert dlfdec(f"--max-{name}", "100", path, out).status == 13, name
    path.write_bytes(dlf.encode(np.zeros((8, 8), np.uint8), xmp=b" " * 101))
    assert dlfdec("--max-chunk-bytes", "100", path, out).status == 13
    assert dlfdec("--max-chunk-bytes", "101", path, out).status == 0
    out.unlink()
    path.write_bytes(photo_dlf)
    assert dlfdec("--model", "absent", path, out).status == 14
    assert dlfdec("--model", path, path, out).status == 14
    assert dlfdec(tmp_path / "absent.dlf", out).status == 1
    assert dlfdec(path, tmp_path / "absent" / "out.ppm").status == 1
    wrong = (
        (),
        (path,),
        (path, out, out),
        ("--layers", "some", path, out),
        ("--downscale", "3", path, out),
        ("--region", "1,2,3", path, out),
        ("--region", "0,0,9999,1", path, out),
        ("--threads", "0", path, out),
        ("--device", "abacus", path, out),
        ("--unknown", path, out),
    )
    for words in wrong:
        assert dlfdec(*words).status == 2, words
    assert not out.exists()
    cut = tmp_path / "cut.dlf"
    cut.write_bytes(photo_dlf[:-5])
    accepted = dlfdec("--allow-truncated", cut, out)
    assert (accepted.status, "truncated file" in accepted.out.decode()) == (0, True)


def test_statuses_of_encoding(dlfenc: Tool, photo: Image.Image, tmp_path: Path) -> None:
    source, out = tmp_path / "in.ppm", tmp_path / "out.dlf"
    good = pnm_bytes(photo, "ppm")
    deep = b"P5\n2 2\n65535\n" + bytes(8)
    cases = ((b"text", 10), (b"", 10), (good[:-1], 10), (b"P6 0 5 255\n", 10), (deep, 12))
    for content, status in cases:
        source.write_bytes(content)
        assert dlfenc(source, out).status == status, content[:12]
    source.write_bytes(good)
    wrong = (("-q", "101"), ("-q", "x"), ("--bpp", "0"), ("--bytes", "0"), ("--bytes", "-5"))
    for words in (*wrong, ("-q", "1", "--bpp", "1"), ("--bytes", "20"), ("--bpp", "1e-9")):
        assert dlfenc(*words, source, out).status == 2, words
    assert dlfenc("--model", "absent", source, out).status == 14
    assert dlfenc(tmp_path / "absent.ppm", out).status == 1
    assert not out.exists()


def test_messages_are_one_line_of_utf8_whatever_names_hold(
    dlfenc: Tool, dlfdec: Tool, photo: Image.Image, tmp_path: Path
) -> None:
    """`tool_of` reads standard error as strict UTF-8."""
    folder = tmp_path / os.fsdecode(b"two\nlines, \xff no UTF-8, \x1b[31m red")
    folder.mkdir()
    source, coded, back = folder / "a.ppm", folder / "a.dlf", folder / "b.ppm"
    source.write_bytes(pnm_bytes(photo, "ppm"))
    shown = "two lines, \\xff no UTF-8, \\x1b[31m red/"
    for done in (dlfenc(source, coded), dlfdec(coded, back)):
        assert (done.status, done.error) == (0, "")
        [line] = done.out.decode().splitlines()
        assert shown in line
    (folder / "c.dlf").write_bytes(b"text")
    failing = [
        (dlfenc(folder / "absent", coded), 1),
        (dlfenc(source, folder / "a.jpg"), 2),
        (dlfenc(coded, folder / "new.dlf"), 10),
        (dlfenc("--model", folder / "absent.dlfm", source, coded), 14),
        (dlfenc("--importance", f"{folder}/mask.png", source, coded), 1),
        (dlfenc("-q", folder, source, coded), 2),
        (dlfenc(f"--x{folder}", source, coded), 2),
        (dlfdec(folder / "c.dlf", back), 10),
        (dlfdec(f"--no-clobber={folder}", coded, back), 2),
        (dlfdec("--model", folder, coded, back), 14),
    ]
    for done, status in failing:
        assert (done.status, done.error.count("\n")) == (status, 1), done
        assert shown.rstrip("/") in done.error
    verbose = dlfenc("--verbose", "--model", folder / "absent.dlfm", source, coded)
    assert all(line.startswith("dlfenc: ") for line in verbose.error.splitlines())


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--colour",), "unknown or ambiguous option '--colour'"),
        (("--no",), "unknown or ambiguous option '--no'"),
        (("-z",), "unknown option '-z'"),
        (("--force=1",), "--force=1: this option takes no value"),
        (("--model",), "--model needs a value"),
    ],
)
def test_options_that_do_not_exist(dlfdec: Tool, words: tuple[str, ...], complaint: str) -> None:
    assert dlfdec(*words) == Done(2, b"", f"dlfdec: {complaint}\n")


def test_exif_is_kept_without_the_structure_of_another_file(
    dlfenc: Tool, png: None, tmp_path: Path
) -> None:
    image, exif = Image.fromarray(scene(40, 60, seed=7)), Image.Exif()
    exif[0x010E] = "words"
    for tag in (0x0100, 0x0111, 0x0117, 0x0142, 0x0145):  # width, strips, tiles
        exif[tag] = 7
    image.save(tmp_path / "in.png", exif=exif)
    assert dlfenc("--keep", "exif", tmp_path / "in.png", tmp_path / "a.dlf").status == 0
    content = (tmp_path / "a.dlf").read_bytes()
    kept = Image.Exif()
    kept.load(dlf.info(content).exif)
    assert dict(kept) == {0x010E: "words"}
    expected = python_encode(tmp_path / "in.png", tmp_path / "python.dlf", "--keep", "exif")
    assert content == expected


def test_png_that_is_damaged_or_deep(dlfenc: Tool, png: None, tmp_path: Path) -> None:
    source, out = tmp_path / "in.png", tmp_path / "out.dlf"
    Image.fromarray(scene(20, 20, seed=1)).save(source)
    whole = source.read_bytes()
    for content in (whole[: len(whole) // 2], whole[:60] + bytes(40) + whole[100:]):
        source.write_bytes(content)
        done = dlfenc(source, out)
        assert (done.status, done.error.count("\n")) == (10, 1)
    Image.fromarray(np.full((4, 4), 40000, np.uint16)).save(source)
    assert dlfenc(source, out).status == 12
    assert not out.exists()


def test_output_is_whole_or_not_at_all(dlfdec: Tool, photo_dlf: bytes, tmp_path: Path) -> None:
    coded, real, link = tmp_path / "a.dlf", tmp_path / "real.ppm", tmp_path / "link.ppm"
    coded.write_bytes(photo_dlf)
    real.write_bytes(b"old")
    real.chmod(0o640)
    link.symlink_to(real)
    cut = tmp_path / "cut.dlf"
    cut.write_bytes(photo_dlf[:-5])
    assert dlfdec(cut, link).status == 11
    assert real.read_bytes() == b"old"
    assert dlfdec(coded, link).status == 0
    assert link.is_symlink()
    assert real.read_bytes().startswith(b"P6")
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    plain = tmp_path / "new.ppm"
    assert dlfdec(coded, plain).status == 0
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE(plain.stat().st_mode) == 0o666 & ~mask
    assert dlfdec(coded, "/dev/full", "--format", "ppm").status == 1
    assert dlfdec(coded, tmp_path, "--format", "ppm").status == 1
    assert not list(tmp_path.glob(".*"))


def test_a_hostile_header_is_refused_before_the_rest_arrives(tools: Path, photo_dlf: bytes) -> None:
    command = [str(tools / "dlfdec"), "--max-pixels", "1000", "--format", "pam", "-", "-"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, **pipes) as running:
        assert running.stdin is not None
        running.stdin.write(photo_dlf[:26])
        running.stdin.flush()  # and it stays open
        assert running.wait(timeout=60) == 13


def test_info(dlfdec: Tool, chunky_dlf: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.dlf"
    path.write_bytes(chunky_dlf)
    lines = dict(
        re.split(r"\s{2,}", line, maxsplit=1)
        for line in dlfdec("--info", path).out.decode().splitlines()
        if not line.startswith("chunk")
    )
    assert (lines["width"], lines["height"], lines["mode"]) == ("83", "61", "RGBA")
    assert (lines["orientation"], lines["file bytes"]) == ("6", str(len(chunky_dlf)))
    assert dlfdec("--info", "-", stdin=chunky_dlf[:8]).status == 11


def test_model_is_found_without_being_named(
    dlfenc: Tool, dlfdec: Tool, photo: Image.Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The packages are installed beside the programs."""
    monkeypatch.delenv("DLF_MODEL_PATH")
    source, coded = tmp_path / "in.ppm", tmp_path / "a.dlf"
    source.write_bytes(pnm_bytes(photo, "ppm"))
    assert dlfenc("--model", "test", source, coded).status == 0
    installed = "share/dlf/models/test.dlfm"
    assert installed in dlfdec("--verbose", coded, tmp_path / "out.ppm").error


@pytest.mark.parametrize("name", ["dlfenc", "dlfdec"])
def test_help_version_and_man_page_agree(tools: Path, installed_library: Path, name: str) -> None:
    call = tool_of(tools / name)
    shown = call("--help")
    assert (shown.status, shown.error) == (0, "")
    header = (ROOT / "core" / "include" / "dlf" / "dlf.h").read_text()
    version = ".".join(re.findall(r"#define DLF_VERSION_\w+ (\d+)", header))
    assert call("--version") == Done(0, f"{name} {version}\n".encode(), "")
    page = (installed_library / "share" / "man" / "man1" / f"{name}.1").read_text()
    in_page = set(OPTIONS.findall(page.replace("\\-", "-")))
    assert in_page == set(OPTIONS.findall(shown.out.decode()))
