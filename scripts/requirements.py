"""Print the requirements of an extra together with the project's own, for `pip install`.

Together, because an extra's packages must not replace the torch that the extension is built for.
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path


def main(extra: str) -> None:
    """Print them on one line."""
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
    print(*project["dependencies"], *project["optional-dependencies"][extra])


if __name__ == "__main__":
    main(sys.argv[1])
