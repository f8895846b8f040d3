"""Datasets of .dlf files for PyTorch: a Dataset, a collate function, a decoder for webdataset.

Where the pixels are decoded is a choice between two lines:

    DataLoader(DlfDataset(paths), 32, num_workers=4, collate_fn=DlfCollate())  # in the workers
    decoded(DataLoader(DlfDataset(paths), 32, num_workers=4, collate_fn=list), "cuda")  # here

The first suits CPUs. In the second the workers only read, and the process that owns the GPU decodes
there. CUDA does not survive the fork of a worker, and the networks are then loaded once. `import
dlf` alone does not import torch; this module does.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from torch.utils.data import Dataset, default_collate

from dlf.coding import shared_codec
from dlf.files import read_bytes
from dlf.limits import Limits, check_limits
from dlf.options import Backend, Precision
from dlf.types import Buffer, StrPath

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = [
    "DlfCollate",
    "DlfDataset",
    "decode_tensor",
    "decoded",
    "register_webdataset",
    "webdataset_decoder",
]

Mode = Literal["L", "RGB"]


def decode_tensor(
    data: Buffer,
    mode: Mode = "RGB",
    *,
    model: StrPath | None = None,
    device: str = "cpu",
    threads: int | None = None,
    precision: Precision = "fp32",
    backend: Backend = "auto",
    limits: Limits | None = None,
) -> torch.Tensor:
    """Return the pixels of a .dlf file as a uint8 tensor C x H x W in 0..255, on `device`.

    Args:
        data: the content of the file.
        mode: "RGB" (C = 3) or "L" (C = 1). Alpha is dropped, gray becomes RGB and RGB gray (luma).
        model, device, threads, precision, backend: as for `dlf.Codec`, of which the process keeps
            one for each choice.
        limits: what the call may cost; None is the defaults of `dlf.Limits`.

    Raises:
        DlfError: what is wrong with the file; see `dlf.decode`.
        ValueError: `mode` is neither.
    """
    options = {
        "model": model,
        "device": device,
        "threads": threads,
        "precision": precision,
        "backend": backend,
    }
    return _decode_tensors([data], mode, options, limits)[0]


def _decode_tensors(
    files: Sequence[Buffer], mode: Mode, options: Mapping[str, Any], limits: Limits | None
) -> list[torch.Tensor]:
    """Return what `decode_tensor` says of each file; on a GPU those of one size go together."""
    if mode not in ("L", "RGB"):
        raise ValueError(f"mode must be 'L' or 'RGB', not {mode!r}")
    pictures = shared_codec(**options).decode_batch(files, limits=limits)
    return [
        torch.from_numpy(_in_mode(pixels, mode)).permute(2, 0, 1).contiguous().to(options["device"])
        for pixels in pictures
    ]


def _in_mode(pixels: npt.NDArray[np.uint8], mode: Mode) -> npt.NDArray[np.uint8]:
    """Return the pixels as H x W x 1 or H x W x 3."""
    if pixels.ndim == 2:
        pixels = pixels[:, :, np.newaxis]
    colours = pixels[:, :, :1] if pixels.shape[2] in (1, 2) else pixels[:, :, :3]
    if mode == "RGB":
        return np.repeat(colours, 3, axis=2) if colours.shape[2] == 1 else colours
    if colours.shape[2] == 1:
        return colours
    from PIL import Image

    return np.array(Image.fromarray(np.ascontiguousarray(colours)).convert("L"))[:, :, np.newaxis]


class DlfDataset(Dataset[Any]):
    """The contents of .dlf files, as bytes, with their labels where there are any.

    An item is `bytes`, or `(bytes, label)`; `DlfCollate` or `decoded` turns those into pixels.
    """

    def __init__(self, paths: Iterable[StrPath], labels: Sequence[Any] | None = None) -> None:
        self._paths = [os.fspath(path) for path in paths]
        if labels is not None and len(labels) != len(self._paths):
            raise ValueError(f"{len(labels)} labels for {len(self._paths)} files")
        self._labels = labels

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, index: int) -> Any:
        data = read_bytes(self._paths[index])
        return data if self._labels is None else (data, self._labels[index])


class DlfCollate:
    """A `collate_fn` that decodes: .dlf contents become pixels, the rest is collated as always.

    A sample is `bytes`, or a tuple, list or mapping that holds some. Bytes that are no .dlf file
    are an error. Pictures of one size are stacked to B x C x H x W; of several, they come as a list
    unless `transform` makes them one size.
    """

    def __init__(
        self,
        transform: Callable[[torch.Tensor], torch.Tensor] | None = None,
        *,
        mode: Mode = "RGB",
        model: StrPath | None = None,
        device: str = "cpu",
        threads: int | None = None,
        precision: Precision = "fp32",
        backend: Backend = "auto",
        limits: Limits | None = None,
    ) -> None:
        """`transform` gets each picture as uint8 C x H x W; the rest is as in `decode_tensor`.

        `limits` hold for each file.
        """
        self._transform = transform
        self._limits = check_limits(limits)
        self._mode: Mode = mode
        self._options = {
            "model": model,
            "device": device,
            "threads": threads,
            "precision": precision,
            "backend": backend,
        }

    def __call__(self, samples: Sequence[Any]) -> Any:
        """Return the batch of these samples."""
        first = samples[0]
        if isinstance(first, bytes | bytearray | memoryview):
            return _stacked(self._decode(samples))
        if isinstance(first, Mapping):
            return {name: self([sample[name] for sample in samples]) for name in first}
        if isinstance(first, tuple | list):
            return [self(list(column)) for column in zip(*samples, strict=True)]
        return default_collate(list(samples))

    def _decode(self, files: Sequence[Buffer]) -> list[torch.Tensor]:
        pictures = _decode_tensors(files, self._mode, self._options, self._limits)
        return pictures if self._transform is None else [self._transform(p) for p in pictures]


def _stacked(pictures: list[torch.Tensor]) -> torch.Tensor | list[torch.Tensor]:
    if any(picture.shape != pictures[0].shape for picture in pictures):
        return pictures
    return torch.stack(pictures)


def decoded(
    batches: Iterable[Sequence[Any]], device: str = "cuda", **options: Any
) -> Iterator[Any]:
    """Yield batches that are decoded in this process, on `device`.

    Args:
        batches: lists of samples: a DataLoader with `collate_fn=list`.
        device: "cpu", "cuda" or "cuda:N".
        options: further ones of `DlfCollate`.
    """
    collate = DlfCollate(device=device, **options)
    for samples in batches:
        yield collate(samples)


def webdataset_decoder(
    mode: Mode = "RGB", **options: Any
) -> Callable[[str, bytes], torch.Tensor | None]:
    """Return a handler for `WebDataset(...).decode(handler)`, for members that end in .dlf.

    `options` are those of `decode_tensor`.
    """

    def handler(key: str, data: bytes) -> torch.Tensor | None:
        if key.rpartition(".")[2].lower() != "dlf":
            return None
        return decode_tensor(data, mode, **options)

    return handler


def register_webdataset(mode: Mode = "RGB", **options: Any) -> None:
    """Make `WebDataset(...).decode()`, with any arguments, decode .dlf in this process.

    Worker processes that are forked inherit it; ones that are spawned call it in `worker_init_fn`,
    or use `webdataset_decoder`.

    Raises:
        ImportError: webdataset is not installed.
    """
    from webdataset import autodecode

    handler = webdataset_decoder(mode, **options)
    autodecode.decoders["dlf"] = lambda data: handler("dlf", data)
