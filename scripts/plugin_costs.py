"""Measures what the Pillow plugin costs: importing it, opening, decoding, thumbnails.

    python scripts/plugin_costs.py [--rounds N] [--image photo.png] [--write docs/plugins.md]

What happens once in a process (an import, the first open) is measured in N new processes, the rest
N times in this one. The table is Markdown, in milliseconds; `--write` puts it between the two marks
of a document.
"""

from __future__ import annotations

import argparse
import io
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import dlf_pillow
from PIL import Image

SIZE = (768, 512)
THUMBNAILS = (256, 128, 64)
MARKS = ("<!-- costs -->\n", "<!-- end of costs -->\n")

# What a new process prints: seconds of each step, whose name stands before it.
IN_A_NEW_PROCESS = {
    "`import dlf_pillow`, beyond Pillow": ("", "import dlf_pillow"),
    "first `Image.open` of a .dlf path": ("import dlf_pillow", "Image.open(dlf)"),
    "first `Image.open` of a .dlf in memory": (
        "import dlf_pillow; file = io.BytesIO(open(dlf, 'rb').read())",
        "Image.open(file)",
    ),
    "the same with a PNG, for comparison": (
        "file = io.BytesIO(open(png, 'rb').read())",
        "Image.open(file)",
    ),
    "first `Image.open(...).load()`": ("import dlf_pillow", "Image.open(dlf).load()"),
}
PROGRAM = """
import io, sys, time
from PIL import Image, ImageFile
dlf, png, before, measured = sys.argv[1:]
exec(before)
code = compile(measured, "measured", "exec")
start = time.perf_counter()
exec(code)
print(time.perf_counter() - start)
"""


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--image", type=Path, help="a photograph; default: a made-up picture")
    parser.add_argument("--write", type=Path, help="a document that holds the two marks")
    arguments = parser.parse_args()
    picture = Image.open(arguments.image) if arguments.image else made_up()
    lines = ["| what | median | least |", "|---|---:|---:|"]
    for name, seconds in measured(picture.convert("RGB"), arguments.rounds):
        cells = (f"{1e3 * value:.3g}" for value in (statistics.median(seconds), min(seconds)))
        lines.append(f"| {name} | {' | '.join(cells)} |")
    table = "\n".join(lines) + "\n"
    print(table, end="")
    if arguments.write:
        head, rest = arguments.write.read_text().split(MARKS[0])
        tail = rest.split(MARKS[1])[1]
        arguments.write.write_text(f"{head}{MARKS[0]}{table}{MARKS[1]}{tail}")
    return 0


def measured(picture: Image.Image, rounds: int) -> Iterator[tuple[str, list[float]]]:
    """Yield each row's name and the seconds of its rounds."""
    with tempfile.TemporaryDirectory() as folder:
        dlf, png = Path(folder, "x.dlf"), Path(folder, "x.png")
        picture.save(dlf)
        picture.save(png)
        for name, (before, code) in IN_A_NEW_PROCESS.items():
            command = [sys.executable, "-c", PROGRAM, str(dlf), str(png), before, code]
            runs = [subprocess.run(command, check=True, capture_output=True) for _ in range(rounds)]
            yield name, [float(run.stdout) for run in runs]
        for name, action in in_this_process(dlf.read_bytes(), str(dlf)).items():
            action()
            yield name, [timed(action) for _ in range(rounds)]


def in_this_process(data: bytes, path: str) -> dict[str, Callable[[], object]]:
    """What can be measured again and again, with its name."""

    def thumbnail(side: int) -> None:
        Image.open(io.BytesIO(data)).thumbnail((side, side))

    width, height = Image.open(path).size
    actions: dict[str, Callable[[], object]] = {
        "every later `Image.open` of a path": lambda: Image.open(path),
        f"`load()`, {width}x{height}": lambda: Image.open(io.BytesIO(data)).load(),
    }
    for side in THUMBNAILS:
        actions[f"`thumbnail(({side}, {side}))`"] = (
            lambda side=side: thumbnail(side)  # type: ignore[misc]
        )
    return actions


def timed(action: Callable[[], object]) -> float:
    """Return the seconds that `action` takes."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def made_up() -> Image.Image:
    """A picture of gradients and discs."""
    bands = [Image.linear_gradient("L"), Image.radial_gradient("L")]
    return Image.merge("RGB", (*bands, bands[0].rotate(90))).resize(SIZE)


if __name__ == "__main__":
    dlf_pillow.register()
    sys.exit(main())
