"""The imageio plugin of DLF: after `import dlf_imageio`, imageio reads and writes .dlf files.

    import imageio.v3 as iio
    import dlf_imageio

    iio.imwrite("x.dlf", array, quality=50)
    array = iio.imread("x.dlf")

`register()` does the same by name and may be called again, from any thread.
"""

from dlf_imageio.registration import register as register

__all__ = ["register"]

register()
