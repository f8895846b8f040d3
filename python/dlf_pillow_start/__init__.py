"""What `python -m dlf_pillow --enable` runs in every Python: .dlf files in Pillow with no import.

At the start nothing is imported: a finder waits until the program imports `PIL.Image`. Then .dlf
files are announced there by name and signature, and the plugin is loaded when one is opened or
saved.
No error leaves this module: a broken installation shows when a .dlf file is opened, and harms
nobody else.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = (
    False  # as type checkers read it; importing `typing` would cost more than all the rest
)
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

__all__ = ["wait_for_pillow"]

_PILLOW = "PIL.Image"


def wait_for_pillow() -> None:
    """Announce .dlf files to Pillow when it is imported, or now if it has been.

    Called twice at the start of a virtual environment: Python reads the .pth files of one twice.
    """
    if _PILLOW in sys.modules:
        _announce(sys.modules[_PILLOW])
    elif not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


class _Finder:
    """Finds nothing by itself; it sees to it that what follows on the import of Pillow happens."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != _PILLOW:
            return None
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        for finder in sys.meta_path:
            find = getattr(finder, "find_spec", None)
            spec: ModuleSpec | None = find and find(name, path, target)
            if spec is not None:
                _follow(spec.loader)
                return spec
        return None


def _follow(loader: Any) -> None:
    """Let `loader` announce .dlf files after the module that it loads next."""
    load = loader.exec_module

    def load_and_announce(module: ModuleType) -> None:
        vars(loader).pop("exec_module", None)  # gone where somebody else has done the like
        load(module)
        _announce(module)

    try:
        loader.exec_module = load_and_announce
    except AttributeError:  # a loader of another kind, perhaps of a frozen program
        pass


def _announce(image: Any) -> None:
    """Register what loads the plugin; the plugin registers itself in its place."""
    try:
        from dlf import signature
    except Exception:  # noqa: BLE001 - the program is no business of ours
        return

    def accept(prefix: bytes) -> bool | str:
        if not prefix.startswith(signature.SIGNATURE):
            return False
        try:
            import dlf_pillow  # noqa: F401 - registers
        except Exception as error:  # noqa: BLE001 - Pillow shows the text
            return f"the plugin for .dlf files cannot be loaded: {error}"
        answer: bool | str = image.OPEN[signature.FORMAT][1](prefix)
        return answer

    def open_file(file: Any, name: Any) -> Any:
        return image.OPEN[signature.FORMAT][0](file, name)

    def save(picture: Any, file: Any, name: Any) -> None:
        import dlf_pillow  # noqa: F401 - registers

        image.SAVE[signature.FORMAT](picture, file, name)

    def save_all(picture: Any, file: Any, name: Any) -> None:
        import dlf_pillow  # noqa: F401 - registers

        image.SAVE_ALL[signature.FORMAT](picture, file, name)

    image.register_open(signature.FORMAT, open_file, accept)
    image.register_save(signature.FORMAT, save)
    image.register_save_all(signature.FORMAT, save_all)
    image.register_extensions(signature.FORMAT, [signature.EXTENSION])
    image.register_mime(signature.FORMAT, signature.MIME_TYPE)
