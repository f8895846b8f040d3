"""Making the plugin known to imageio, which has no entry points: two dictionaries hold all."""

from __future__ import annotations

from dlf import forks, signature
from imageio.config import (
    FileExtension,
    PluginConfig,
    extension_list,
    known_extensions,
    known_plugins,
)

__all__ = ["register"]


def register() -> None:
    """Make imageio read and write .dlf files; may be called any number of times.

    Raises:
        ImportError: the compiled part of dlf is missing (imageio itself would advise to install
            something else).
    """
    try:
        with forks.undivided():
            import dlf.header  # noqa: F401 - only whether it loads
    except ImportError as error:
        raise ImportError(f"dlf is not completely installed: {error}") from error
    name = signature.FORMAT
    plugin = PluginConfig(
        name=name,
        class_name="DlfPlugin",
        module_name="dlf_imageio.plugin",
        install_name="dlf",
    )
    extension = FileExtension(
        extension=signature.EXTENSION,
        priority=[name],
        name=name,
        description="DLF learned image",
    )
    with forks.undivided():
        if known_plugins.get(name) is not None and signature.EXTENSION in known_extensions:
            return
        # First in the order: without a hint imageio asks all plugins in turn, and refusing takes
        # ours one short read where others take milliseconds.
        others = dict(known_plugins)
        known_plugins.clear()
        known_plugins.update({name: plugin, name.lower(): plugin, **others})
        known_extensions[signature.EXTENSION] = [extension]
        extension_list.append(extension)
