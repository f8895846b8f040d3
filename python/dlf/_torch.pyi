"""The torch backend; loads libtorch, but not the Python package torch."""

BACKEND: object
"""What `dlf._core` takes to run the networks of a package: TorchScript, or integer programs."""

BUILT_FOR_TORCH: str
"""The version of libtorch that this module was compiled with and must run with."""

def check_device(device: str) -> None:
    """Raise ValueError, which says why, unless the networks can run on `device`."""
