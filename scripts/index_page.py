"""README.md as a package index shows it, where no other file of the repository is.

setup.py calls it. With the repository's address every relative link becomes an absolute one;
without, it becomes its text, or the name of the file it leads to, and pictures are left out.
"""

from __future__ import annotations

import re

_LINK = re.compile(r"(!?)\[([^\]]*)\]\((?![a-z]+:|#)([^)\s]+)\)")


def index_page(readme: str, address: str | None, version: str) -> str:
    """Returns the text in Markdown.

    Args:
        readme: the content of README.md.
        address: where the repository is, such as ``https://forge.example/dlf``; None: nowhere yet.
        version: of the release, which is a tag ``vVERSION`` of the repository.
    """

    def absolute(found: re.Match[str]) -> str:
        picture, text, path = found.groups()
        if address is not None:
            kind = "raw" if picture else "blob"
            return f"{picture}[{text}]({address.rstrip('/')}/{kind}/v{version}/{path})"
        if picture:
            return ""
        return text if path in text.strip("`") else f"{text} (`{path}`)"

    # What is shown as code stays as it is.
    parts = re.split(r"(^```.*?^```)", readme, flags=re.MULTILINE | re.DOTALL)
    shown = [part if part.startswith("```") else _LINK.sub(absolute, part) for part in parts]
    return re.sub(r"\n{3,}", "\n\n", "".join(shown))
