"""dlf.h in ctypes, for the tests of the C interface. Structs and names are those of the header."""

from __future__ import annotations

import ctypes
from ctypes import (
    POINTER,
    byref,
    c_char,
    c_char_p,
    c_int,
    c_int8,
    c_size_t,
    c_uint32,
    c_uint64,
    c_void_p,
)
from enum import IntEnum
from pathlib import Path
from typing import Any

import numpy as np
from conftest import scene

ALLOCATE = ctypes.CFUNCTYPE(c_void_p, c_void_p, c_size_t)
RELEASE = ctypes.CFUNCTYPE(None, c_void_p, c_void_p)
PROGRESS = ctypes.CFUNCTYPE(c_int, c_void_p, c_uint32, c_uint32)
LOG = ctypes.CFUNCTYPE(None, c_void_p, c_int, c_char_p)


class Status(IntEnum):
    """DLF_STATUS_LIST."""

    OK = 0
    INVALID_FILE = 1
    TRUNCATED_FILE = 2
    UNSUPPORTED = 3
    LIMIT_EXCEEDED = 4
    MODEL_ERROR = 5
    INVALID_ARGUMENT = 6
    OUT_OF_MEMORY = 7
    CANCELLED = 8
    INTERNAL = 9


class Stage(IntEnum):
    """dlf_stage."""

    START = 0
    INFO = 1
    SEMANTIC = 2
    COMPLETE = 3
    FINISHED = 4


class Sized(ctypes.Structure):
    """A struct that begins with its size, set as DLF_INIT does."""

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        self.struct_size = ctypes.sizeof(self)


class Error(Sized):
    _fields_ = (
        ("struct_size", c_size_t),
        ("status", c_int),
        ("offset", c_uint64),
        ("message", c_char * 256),
    )


class Limits(Sized):
    _fields_ = (
        ("struct_size", c_size_t),
        ("max_pixels", c_uint64),
        ("max_side", c_uint32),
        ("max_memory", c_uint64),
        ("max_chunk_bytes", c_uint64),
        ("max_file_bytes", c_uint64),
    )


class Allocator(Sized):
    _fields_ = (
        ("struct_size", c_size_t),
        ("user", c_void_p),
        ("allocate", ALLOCATE),
        ("release", RELEASE),
    )


class Logger(Sized):
    _fields_ = (
        ("struct_size", c_size_t),
        ("user", c_void_p),
        ("log", LOG),
        ("level", c_int),
    )


class Buffer(Sized):
    _fields_ = (
        ("struct_size", c_size_t),
        ("data", c_void_p),
        ("size", c_size_t),
        ("allocator", Allocator),
    )

    def content(self) -> bytes:
        """The bytes; the buffer keeps them."""
        return ctypes.string_at(self.data, self.size) if self.data else b""


class Info(Sized):
    _fields_ = (
        ("struct_size", c_size_t),
        *((name, c_uint32) for name in ("version", "model_id", "width", "height", "channels")),
        ("orientation", c_uint32),
        ("color_space", c_int),
        *((name, c_uint32) for name in ("rate", "has_importance_map", "header_bytes")),
        *((name, c_uint32) for name in ("payload_bytes", "has_chunks", "has_trailer")),
        *((name, c_uint32) for name in ("display_width", "display_height")),
    )


class Chunk(Sized):
    _fields_ = (
        ("struct_size", c_size_t),
        ("type", c_uint32),
        ("critical", c_uint32),
        ("safe_to_copy", c_uint32),
        ("data", c_void_p),
        ("size", c_size_t),
    )


class PackageInfo(Sized):
    _fields_ = (
        ("struct_size", c_size_t),
        ("model_id", c_uint32),
        ("sha256", c_char * 65),
        *((name, c_uint32) for name in ("rate_points", "has_importance_maps", "window")),
        *((name, c_uint32) for name in ("tokens_per_window", "digits", "latent_channels")),
        ("latent_stride", c_uint32),
    )


class Tensor(Sized):
    _fields_ = (
        ("struct_size", c_size_t),
        ("bytes_per_value", c_uint32),
        ("dimensions", c_uint32),
        ("shape", c_uint32 * 3),
        ("data", c_void_p),
    )


class Estimate(Sized):
    _fields_ = (
        ("struct_size", c_size_t),
        ("output_bytes", c_uint64),
        ("memory_bytes", c_uint64),
        ("multiply_accumulates", c_uint64),
        ("parts", c_uint32),
        ("reduced_memory_bytes", c_uint64 * 3),
        ("reduced_multiply_accumulates", c_uint64 * 3),
    )


class DecoderOptions(Sized):
    _fields_ = (
        ("struct_size", c_size_t),
        ("allow_truncated", c_uint32),
        ("downscale", c_uint32),
        ("limits", POINTER(Limits)),
        ("allocator", POINTER(Allocator)),
        ("logger", POINTER(Logger)),
    )


class DecoderState(Sized):
    _fields_ = (
        ("struct_size", c_size_t),
        ("stage", c_int),
        *((name, c_uint64) for name in ("bytes_received", "bytes_wanted", "file_bytes")),
    )


class CodecOptions(Sized):
    _fields_ = (
        ("struct_size", c_size_t),
        ("device", c_char_p),
        ("backend", c_int),
        ("precision", c_int),
        ("threads", c_uint32),
        ("logger", POINTER(Logger)),
    )


class Image(Sized):
    _fields_ = (
        ("struct_size", c_size_t),
        ("data", c_void_p),
        ("width", c_uint32),
        ("height", c_uint32),
        ("channels", c_uint32),
        ("stride", c_size_t),
    )


class EncodeOptions(Sized):
    _fields_ = (
        ("struct_size", c_size_t),
        ("rate", c_uint32),
        ("max_bytes", c_uint64),
        ("importance", POINTER(c_int8)),
        *((f"importance_{name}", c_uint32) for name in ("width", "height")),
        ("find_importance", c_uint32),
        ("orientation", c_uint32),
        ("color_space", c_int),
        ("chunks", POINTER(Chunk)),
        ("chunk_count", c_size_t),
        ("limits", POINTER(Limits)),
        ("allocator", POINTER(Allocator)),
        ("progress", PROGRESS),
        ("progress_user", c_void_p),
        *((f"display_{name}", c_uint32) for name in ("width", "height")),
    )


class DecodeOptions(Sized):
    _fields_ = (
        ("struct_size", c_size_t),
        *((f"region_{name}", c_uint32) for name in ("x", "y", "width", "height")),
        ("downscale", c_uint32),
        ("noise", c_int),
        ("semantic_only", c_uint32),
        ("allow_truncated", c_uint32),
        ("limits", POINTER(Limits)),
        ("allocator", POINTER(Allocator)),
        ("progress", PROGRESS),
        ("progress_user", c_void_p),
    )


class Picture(Sized):
    _fields_ = (
        ("struct_size", c_size_t),
        ("width", c_uint32),
        ("height", c_uint32),
        ("channels", c_uint32),
        ("complete", c_uint32),
        ("samples", Buffer),
    )


class Library:
    """Both installed libraries; functions by their names without `dlf_`."""

    def __init__(self, folder: Path) -> None:
        self._parts = [ctypes.CDLL(str(folder / name)) for name in ("libdlf.so", "libdlf_torch.so")]
        self.function("status_string").restype = c_char_p
        self.function("version").restype = c_char_p
        self.function("chunks_count").restype = c_size_t
        self.function("codec_package").restype = c_void_p
        self.function("package_json").restype = c_char_p
        self.function("decoder_data").restype = c_void_p

    def function(self, name: str) -> Any:
        """The C function `dlf_NAME`."""
        return next(
            getattr(part, f"dlf_{name}") for part in self._parts if hasattr(part, f"dlf_{name}")
        )

    def __getattr__(self, name: str) -> Any:
        return self.function(name)

    def open_codec(self, package: Path, **options: Any) -> c_void_p:
        """A codec for `package`; the caller frees it."""
        codec, error = c_void_p(), Error()
        given = CodecOptions(**options)
        status = self.codec_open(str(package).encode(), byref(given), byref(codec), byref(error))
        assert status == Status.OK, error.message
        return codec

    def open_decoder(self, package: c_void_p | None, **options: Any) -> c_void_p:
        """A decoder of pushed input; the caller frees it."""
        decoder, error = c_void_p(), Error()
        given = DecoderOptions(**options)
        status = self.decoder_open(package, byref(given), byref(decoder), byref(error))
        assert status == Status.OK, error.message
        return decoder

    def push(self, decoder: c_void_p, piece: bytes) -> tuple[Status, Error]:
        """Give the decoder its next bytes."""
        error = Error()
        status = self.decoder_push(decoder, piece, c_size_t(len(piece)), byref(error))
        return Status(status), error

    def state(self, decoder: c_void_p) -> DecoderState:
        """Where the decoder stands."""
        state = DecoderState()
        assert self.decoder_get_state(decoder, byref(state), None) == Status.OK
        return state

    def encode(
        self, codec: c_void_p, pixels: bytes, width: int, height: int, channels: int, **options: Any
    ) -> tuple[Status, bytes, Error]:
        """Encode; returns the status, the file, and the error."""
        file, error = Buffer(), Error()
        image = Image(
            data=ctypes.cast(c_char_p(pixels), c_void_p),
            width=width,
            height=height,
            channels=channels,
        )
        status = self.dlf_encode(codec, image, EncodeOptions(**options), file, error)
        content = file.content()
        self.buffer_free(byref(file))
        return Status(status), content, error

    def dlf_encode(self, codec: c_void_p, image: Any, options: Any, file: Any, error: Any) -> int:
        """The plain function, by reference."""
        return int(
            self.function("encode")(codec, byref(image), byref(options), byref(file), byref(error))
        )

    def chunky_file(self, codec: c_void_p) -> bytes:
        """A file of 30x20 pixels with alpha, turned, and with a private chunk."""
        rgba = np.dstack([scene(20, 30, seed=6), np.full((20, 30), 7, np.uint8)]).tobytes()
        content = b"private " * 20
        chunk = Chunk(type=20, data=ctypes.cast(c_char_p(content), c_void_p), size=len(content))
        status, data, error = self.encode(
            codec, rgba, 30, 20, 4, chunks=ctypes.pointer(chunk), chunk_count=1, orientation=6
        )
        assert status == Status.OK, error.message
        return data

    def decode(
        self, codec: c_void_p, data: bytes, **options: Any
    ) -> tuple[Status, Picture, bytes, Error]:
        """Decode; returns the status, the picture (its samples freed), the samples, the error."""
        return self._picture("decode", codec, data, c_size_t(len(data)), **options)

    def decoder_picture(
        self, decoder: c_void_p, codec: c_void_p, **options: Any
    ) -> tuple[Status, Picture, bytes, Error]:
        """The same from pushed input."""
        return self._picture("decoder_picture", decoder, codec, **options)

    def _picture(
        self, function: str, *source: Any, **options: Any
    ) -> tuple[Status, Picture, bytes, Error]:
        picture, error = Picture(), Error()
        given = DecodeOptions(**options)
        status = self.function(function)(*source, byref(given), byref(picture), byref(error))
        samples = picture.samples.content()
        self.buffer_free(byref(picture.samples))
        return Status(status), picture, samples, error

    def probe(self, data: bytes) -> tuple[Status, Info, Error]:
        """Read a header."""
        info, error = Info(), Error()
        status = self.function("probe")(data, c_size_t(len(data)), byref(info), byref(error))
        return Status(status), info, error
