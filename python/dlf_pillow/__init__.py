"""The Pillow plugin of DLF: after `import dlf_pillow`, Pillow opens and saves .dlf files.

    from PIL import Image
    import dlf_pillow

    image.save("x.dlf", quality=50)
    Image.open("x.dlf").show()

`register()` does the same by name; it may be called again, from any thread, and as the initializer
of worker processes. Opening a file reads its header only: neither torch nor NumPy is loaded before
the first pixel is wanted.
"""

from dlf_pillow.plugin import DlfImageFile as DlfImageFile
from dlf_pillow.registration import register as register
from dlf_pillow.saving import save as save

__all__ = ["DlfImageFile", "register", "save"]

register()
