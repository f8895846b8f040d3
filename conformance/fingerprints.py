"""Fingerprints of the tensors that `symbols` writes: the vectors hold these, not the tensors."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

TENSORS = {
    "rate_index": "u1",
    "tokens": "<i2",
    "bank": "u1",
    "scale_index": "<i2",
    "symbols": "<i2",
    "mean": "<i2",
    "step": "<i2",
    "y_hat": "<i2",
    "latent": "<i4",
}
"""The tensors in the order in which decoding gives them, and the integers that are hashed.

`rate_index` is there only for files with an importance map.
"""


def canonical(name: str, tensor: NDArray[Any]) -> NDArray[Any]:
    """`tensor` as the integers that are hashed.

    Raises:
        ValueError: that would change it.
    """
    if tensor.dtype.kind not in "iu":
        raise ValueError(f"{name} holds {tensor.dtype}, not integers")
    result = tensor.astype(TENSORS[name])
    if not np.array_equal(result, tensor):
        raise ValueError(f"{name} does not fit {TENSORS[name]}")
    return result


def sha256(name: str, tensor: NDArray[Any]) -> str:
    """SHA-256 of the tensor's values, little-endian and row-major, in hexadecimal."""
    return hashlib.sha256(canonical(name, tensor).tobytes()).hexdigest()


def fnv1a64(name: str, tensor: NDArray[Any]) -> str:
    """FNV-1a, 64 bits, of the same bytes: for decoders that have no better hash at hand."""
    value = 14695981039346656037
    for byte in canonical(name, tensor).tobytes():
        value = (value ^ byte) * 1099511628211 & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"


def fingerprint(name: str, tensor: NDArray[Any]) -> dict[str, Any]:
    """What a vector says about one tensor."""
    return {
        "shape": list(tensor.shape),
        "sha256": sha256(name, tensor),
        "fnv1a64": fnv1a64(name, tensor),
    }


def pixel_hash(pixels: NDArray[np.uint8]) -> str:
    """SHA-256 of the samples of a picture [rows][columns][channels], row-major, in hexadecimal."""
    return hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).hexdigest()
