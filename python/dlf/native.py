"""The compiled codec as Python uses it: calls go on part by part, and Python code runs in between.

So a progress function may do what Python code may do anywhere: raise, switch greenlets, fork, wait.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from dlf import _core
from dlf.errors import DlfError

__all__ = ["Codec"]

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


def _driven(
    start: Callable[_Arguments, _core.Call[_Result]],
) -> Callable[_Arguments, _Result]:
    """Return the function that starts a call and sees it through."""

    @wraps(start)
    def drive(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Result:
        call = start(*args, **kwargs)
        try:
            while call.wait():
                if call.progress is not None and call.progress(call.done, call.total) is False:
                    raise DlfError("cancelled by the caller")
        finally:
            call.end()
        return call.result()

    return drive


class Codec(_core.Codec):
    """One model package with its networks loaded; see `_core.Codec`, whose calls these are."""

    encode = _driven(_core.Codec.start_encode)
    encode_batch = _driven(_core.Codec.start_encode_batch)
    encode_to_size = _driven(_core.Codec.start_encode_to_size)
    decode = _driven(_core.Codec.start_decode)
    decode_samples = _driven(_core.Codec.start_decode_samples)
    decode_batch = _driven(_core.Codec.start_decode_batch)
