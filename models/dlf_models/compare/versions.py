"""The picture as each codec shows it at the bytes that DLF takes, with what can be measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import dlf
from dlf.importance import Importance

from dlf_models.evaluation.codecs import CodecUnavailable
from dlf_models.evaluation.metric_table import METRICS
from dlf_models.evaluation.metrics import MetricSet, Reference
from dlf_models.evaluation.peers import PEERS, Peer
from dlf_models.evaluation.pictures import Picture
from dlf_models.evaluation.same_bytes import best_within, smallest
from dlf_models.evaluation.weights import MetricUnavailable, Weights

from .bits import BitMap, bit_map

SHOWN_METRICS = ("psnr", "ms_ssim", "lpips")
JUDGES = ("lpips", "ms_ssim", "psnr")
"""What picks a peer's best size: the first that can be measured. LPIPS comes first. Without its
weights it is MS-SSIM, which sees structure, where PSNR would choose the most blurred. PSNR is for
pictures that are too small for MS-SSIM."""


@dataclass(frozen=True)
class Version:
    """One codec's picture.

    Attributes:
        setting: how it was coded, in words.
        size: bytes of the file.
        fits: whether that is within the bytes allowed.
        metrics: None where one has no value.
    """

    key: str
    label: str
    setting: str
    picture: Picture
    size: int
    fits: bool = True
    metrics: dict[str, float | None] = field(default_factory=dict)

    @property
    def bpp(self) -> float:
        """Bits of the whole file per pixel."""
        height, width = self.picture.shape[:2]
        return 8 * self.size / int(height * width)


@dataclass(frozen=True)
class Comparison:
    """Everything that the page shows.

    Attributes:
        versions: the original first, then DLF, then the classical codecs.
        remarks: sentences about what is missing, and why.
    """

    name: str
    versions: list[Version]
    file: bytes
    bits: BitMap
    model: dlf.models.Model
    judge: str
    identities: list[str]
    remarks: list[str]


@dataclass(frozen=True)
class Wanted:
    """quality, bpp, max_bytes, importance: as in `dlf.encode`; against: names of peers."""

    quality: float
    bpp: float | None
    max_bytes: int | None
    against: Sequence[str]
    lpips: Path | None
    importance: Importance | None = None


def compare(
    name: str,
    picture: Picture,
    wanted: Wanted,
    codec: dlf.Codec,
    step: Callable[[int, int], None] = lambda done, total: None,
) -> Comparison:
    """Code and measure `picture`, uint8 [H, W, 3].

    `step(done, total)` is called between codecs. Raises what `Codec.encode` raises, and ValueError
    for a weights file that cannot be used.
    """
    metrics, remarks = _metrics(wanted.lpips)
    reference = metrics.reference(picture)
    side = min(picture.shape[:2])
    judge = next(m for m in JUDGES if m in metrics.names and side >= METRICS[m].min_side)
    total = len(wanted.against) + 1
    step(0, total)
    data = codec.encode(
        picture,
        wanted.quality,
        bpp=wanted.bpp,
        max_bytes=wanted.max_bytes,
        importance=wanted.importance,
    )
    bits = bit_map(data, codec.model)
    setting = f"{codec.model.name}, rate point {bits.header.rate}"
    decoded = codec.decode(data)
    ours = Version(
        "dlf", "DLF", setting, decoded, len(data), True, _measure(metrics, reference, decoded)
    )
    original = Version("original", "Original", "as it is, 24 bits per pixel", picture, picture.size)
    versions, identities = [original, ours], []
    for index, peer_name in enumerate(wanted.against):
        step(index + 1, total)
        try:
            peer = Peer(peer_name)
        except CodecUnavailable as error:
            remarks.append(f"{PEERS[peer_name].label} is not shown: {error}.")
            continue
        identities.append(peer.identity)
        version = _peer_version(peer, peer_name, len(data), reference, metrics, judge)
        versions.append(version)
        if not version.fits:
            remarks.append(
                f"{version.label} cannot make a file this small; its smallest, of "
                f"{version.size:,} bytes, is shown."
            )
    step(total, total)
    return Comparison(name, versions, data, bits, codec.model, judge, identities, remarks)


def _peer_version(
    peer: Peer, name: str, limit: int, reference: Reference, metrics: MetricSet, judge: str
) -> Version:
    picture = reference.picture

    def value(decoded: Picture) -> float:
        found = metrics.measure(reference, decoded, [judge])[judge]
        if found is None:  # equal to the original
            return float("inf")
        return found if METRICS[judge].higher_is_better else -found

    coded = best_within(peer, name, picture, limit, value)
    fits = coded is not None
    if coded is None:
        coded = smallest(peer, name, picture)
    size = {1: "full size", 2: "half size", 4: "quarter size"}[coded.setting.scale]
    return Version(
        name,
        PEERS[name].label,
        f"quality {coded.setting.quality}, {size}",
        coded.decoded,
        len(coded.data),
        fits,
        _measure(metrics, reference, coded.decoded),
    )


def _measure(metrics: MetricSet, reference: Reference, picture: Picture) -> dict[str, float | None]:
    return metrics.measure(reference, picture, metrics.names)


def _metrics(lpips: Path | None) -> tuple[MetricSet, list[str]]:
    if lpips is None:
        reason = "LPIPS is not measured: give its weights with --lpips FILE."
        return MetricSet(None, [m for m in SHOWN_METRICS if m != "lpips"]), [reason]
    try:
        return MetricSet(Weights.from_file(lpips), list(SHOWN_METRICS)), []
    except MetricUnavailable as error:
        raise ValueError(str(error)) from None
