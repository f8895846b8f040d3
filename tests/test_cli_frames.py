"""Commands on files that hold several pictures: refused by name, unless `--frame` picks one."""

from __future__ import annotations

from pathlib import Path

import dlf
import pytest
from command_line import run
from PIL import Image

pytestmark = pytest.mark.usefixtures("model_environment")


@pytest.fixture(params=["gif", "webp", "png", "tiff", "ppm"])
def animation(request: pytest.FixtureRequest, working_folder: Path) -> Path:
    path = working_folder / f"moving.{request.param}"
    frames = [Image.new("RGB", (64, 64), (i * 80, 40, 0)) for i in range(3)]
    if request.param == "ppm":
        for frame in frames:
            frame.save(working_folder / "one.ppm")
            with path.open("ab") as file:
                file.write((working_folder / "one.ppm").read_bytes())
    else:
        frames[0].save(path, save_all=True, append_images=frames[1:])
    return path


def test_animations_are_refused_by_name(
    animation: Path, working_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    moving = animation.name
    for words in (["encode", moving, "m.dlf"], ["compare", moving, "-o", "m.html"]):
        assert run(*words) == 12
        assert f"{moving}: holds " in capsys.readouterr().err
    assert run("batch", moving, "out", "--workers", "0", "--quiet") == 3
    assert f"{moving}: holds " in capsys.readouterr().err
    assert run("eval", moving, "--no-dlf", "--against", "webp:10", "--no-cache") != 0
    assert "holds " in capsys.readouterr().err
    assert (
        not list(working_folder.glob("m.*"))
        and not (working_folder / "out" / "moving.dlf").exists()
    )


def test_a_frame_can_be_picked(animation: Path, working_folder: Path) -> None:
    if animation.suffix == ".ppm":
        pytest.skip("Pillow reads the first picture only")
    with Image.open(animation) as image:
        image.seek(2)
        expected = dlf.encode(image)
    assert run("encode", animation, "m.dlf", "--frame", "2", "--quiet") == 0
    assert (working_folder / "m.dlf").read_bytes() == expected
    assert run("batch", animation, "out", "--frame", "2", "--workers", "0", "--quiet") == 0
    assert (working_folder / "out" / "moving.dlf").read_bytes() == expected


def test_frames_that_are_not_there(
    working_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("L", (8, 8)).save(
        "two.gif", save_all=True, append_images=[Image.new("L", (8, 8), 255)]
    )
    for words, message in (
        (["two.gif", "--frame", "2"], "two.gif: there is no frame 2; the file has frames 0 to 1"),
        (["a.png", "--frame", "1"], "a.png: there is no frame 1; the file has frame 0 only"),
        (["a.png", "--frame", "-1"], "frame must be a number of at least 0"),
        (["a.png", "--frame", "first"], "frame must be a number of at least 0, not 'first'"),
    ):
        assert run("encode", words[0], "x.dlf", *words[1:]) == 2
        assert message in capsys.readouterr().err
    assert run("encode", "a.png", "x.dlf", "--frame", "0", "--quiet") == 0
