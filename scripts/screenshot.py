"""The picture of `dlf compare` in the documentation: the page, as headless Chromium shows it.

python scripts/screenshot.py REPORT.html OUT.jpg
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
WIDTH, HEIGHT = 1180, 900
QUALITY = 85
SETTLED = 1.0
"""Seconds after which buttons have stopped fading."""


def main() -> int:
    """Open the page, show the best classical codec on the left, and keep what is seen."""
    sys.path.insert(0, str(ROOT / "tests"))
    from chromium import Page

    report, target = map(Path, sys.argv[1:])
    with Page(WIDTH, HEIGHT) as page:
        page.open(report)
        page.click("input[name=left][value=avif]")
        page.evaluate("window.scrollTo(0, 0)")
        time.sleep(SETTLED)
        Image.fromarray(page.screenshot()).save(target, quality=QUALITY, optimize=True)
    print(target)
    return 0


if __name__ == "__main__":
    sys.exit(main())
