"""Times of dlf-codec in headless Chromium and Firefox, on one thread, and the sizes of its modules.

python scripts/bench_web.py PACKAGE.dlfm PHOTO [--times 9]

The picture is coded at quality 50. CPU time is that of the whole browser.
"""

from __future__ import annotations

import argparse
import gzip
import os
import platform
import statistics
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_PICTURE = "picture.rgba"
# In the page: from bytes to ImageData and back, the worker's messages included.
_SCRIPT = """\
(async () => {{
  const samples = await (await fetch("{picture}")).arrayBuffer();
  const image = new ImageData(new Uint8ClampedArray(samples), {width}, {height});
  window.encodeOnce = async () => (window.file = await codec.encode(image, {{ quality: 50 }}));
  window.decodeOnce = () => codec.decode(file);
  window.timed = async (action, times) => {{
    const found = [];
    for (let i = 0; i < times; ++i) {{
      const start = performance.now();
      await action();
      found.push(performance.now() - start);
    }}
    return found;
  }};
  return timed(encodeOnce, 1).then(() => file.length);
}})()"""


def main() -> int:
    """Measure and print."""
    sys.path[:0] = [str(ROOT / "tests"), str(ROOT)]
    from dlf import models
    from dlf.web_models import write_folder
    from PIL import Image
    from web_site import browser_page, open_blank, served_copy

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("package", type=Path)
    parser.add_argument("photo", type=Path)
    parser.add_argument("--times", type=int, default=9)
    arguments = parser.parse_args()
    with Image.open(arguments.photo) as photo:
        image = photo.convert("RGBA")
    print(_cpu())
    with tempfile.TemporaryDirectory() as folder, served_copy(Path(folder) / "site") as site:
        for module in sorted((site.folder / "dlf-codec").glob("*.wasm")):
            data = module.read_bytes()
            print(f"{module.name}: {len(data)} bytes, {len(gzip.compress(data, 9))} gzipped")
        (site.folder / _PICTURE).write_bytes(image.tobytes())
        write_folder(site.folder / "models", [models.load(arguments.package)])
        for browser in ("chromium", "firefox"):
            with browser_page(browser) as page:
                open_blank(page, site)
                script = _SCRIPT.format(picture=_PICTURE, width=image.width, height=image.height)
                size = page.evaluate(script)
                agent = page.evaluate("navigator.userAgent.match(/(Firefox|Chrome)[^ ]+/)[0]")
                print(f"{agent}, {image.width}x{image.height}, file of {size} bytes:")
                for what in ("encode", "decode"):
                    page.evaluate(f"timed({what}Once, 1)")
                    before = _cpu_seconds(page.process_id)
                    times = page.evaluate(f"timed({what}Once, {arguments.times})")
                    cpu = (_cpu_seconds(page.process_id) - before) / arguments.times * 1000
                    print(
                        f"  {what}: {cpu:.0f} ms of CPU time, "
                        f"elapsed median {statistics.median(times):.0f} ms, "
                        f"best {min(times):.0f} ms"
                    )
    return 0


def _cpu_seconds(process: int) -> float:
    """CPU time of a process and its living descendants: what it takes on a quiet machine."""
    ticks = 0
    parents: dict[int, int] = {}
    used: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has just ended
        number = int(path.parent.name)
        parents[number] = int(fields[1])
        used[number] = int(fields[11]) + int(fields[12])
    for number, spent in used.items():
        above = number
        while above not in (0, process):
            above = parents.get(above, 0)
        if above == process:
            ticks += spent
    return ticks / os.sysconf("SC_CLK_TCK")


def _cpu() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text()
        fields = dict(line.split(":", 1) for line in text.split("\n\n")[0].splitlines())
        named = {key.strip(): value.strip() for key, value in fields.items()}
        return (
            f"{named['model name']}, family {named['cpu family']}, model {named['model']}, "
            f"{named.get('cpu MHz', '?')} MHz"
        )
    except (OSError, KeyError, ValueError):
        return platform.processor() or platform.machine()


if __name__ == "__main__":
    sys.exit(main())
