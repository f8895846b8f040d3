"""Measuring one picture at many settings, in one process."""

from __future__ import annotations

import dataclasses
import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from dlf.files import write_atomically
from PIL import Image

from . import frechet, ours
from .cache import Cache, Entry
from .codecs import CodecUnavailable, PictureCodec, Setting
from .cost import Cost, measured
from .metric_table import METRICS, values_of
from .metrics import MetricSet, Reference
from .paths import saved_paths
from .peers import Peer
from .pictures import Picture, picture_digest, read_picture
from .squeezenet import SqueezeFeatures
from .weights import MetricUnavailable, Weights

# What codecs and metrics raise for a picture that they cannot take; it stops nothing else.
_FAILURES = (
    ArithmeticError,
    AssertionError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)


@dataclass(frozen=True)
class Plan:
    """What every process of a run needs to know.

    lpips: weights file, None = the package `lpips`; metrics: names, None = all; cache: folder;
    model, device: for DLF; save: folder for reconstructions or None;
    frame: of files that hold several pictures.
    """

    cache: Path
    lpips: Path | None = None
    metrics: tuple[str, ...] | None = None
    model: str | None = None
    device: str = "cpu"
    save: Path | None = None
    frame: int | None = None


@dataclass(frozen=True)
class Task:
    """A picture file, the name it goes by in the report, and settings of one codec."""

    path: Path
    name: str
    settings: tuple[Setting, ...]


@dataclass
class Record:
    """One picture at one setting.

    Bytes are those of the whole file; costs are those of the run that coded it first. `error` tells
    why there are no figures.
    """

    name: str
    setting: Setting
    width: int
    height: int
    mode: str
    key: str
    original_key: str
    bytes: int = 0
    layers: dict[str, int] = field(default_factory=dict)
    metrics: dict[str, float | None] = field(default_factory=dict)
    encoding: Cost | None = None
    decoding: Cost | None = None
    error: str | None = None

    @property
    def bpp(self) -> float:
        """Bits of the whole file per pixel."""
        return 8 * self.bytes / (self.width * self.height)


class Worker:
    """Holds the networks and codecs of one process."""

    def __init__(self, plan: Plan) -> None:
        torch.set_num_threads(1)
        self._plan = plan
        self._cache = Cache(plan.cache)
        self.metrics, self._features, self._weights = _networks(plan)
        self._codecs: dict[str, PictureCodec] = {}
        self._original: tuple[str, Reference] | None = None

    @property
    def features_version(self) -> str | None:
        """Names the feature network; None when there is none and no Frechet distance."""
        return None if self._weights is None else f"{frechet.VERSION} {self._weights.digest}"

    def read(self, path: Path) -> Picture:
        """The picture to measure.

        Raises:
            UnreadablePicture: what is wrong with it.
        """
        return read_picture(path, self._plan.frame)[0]

    def codec(self, name: str) -> PictureCodec:
        """The codec, made at the first use.

        Raises:
            CodecUnavailable: it cannot be used here.
        """
        if name not in self._codecs:
            made = ours.Dlf(self._plan.model, self._plan.device) if name == ours.NAME else None
            self._codecs[name] = made or Peer(name)
        return self._codecs[name]

    def measure(self, task: Task) -> list[Record]:
        """Measure each setting of the task.

        Raises:
            UnreadablePicture, CodecUnavailable: the picture or the codec cannot be used.
        """
        picture, mode = read_picture(task.path, self._plan.frame)
        height, width = picture.shape[:2]
        digest = picture_digest(picture)
        original_key = Cache.key(digest, "original", "")
        self._store_features(original_key, picture)
        records = []
        for setting in task.settings:
            codec = self.codec(setting.codec)
            key = Cache.key(digest, codec.identity, str(setting))
            record = Record(task.name, setting, width, height, mode, key, original_key)
            try:
                self._fill(record, codec, picture, digest)
            except CodecUnavailable:
                raise
            except _FAILURES as error:
                record.error = f"{type(error).__name__}: {error}"
            records.append(record)
        return records

    def _fill(self, record: Record, codec: PictureCodec, picture: Picture, digest: str) -> None:
        entry = self._cache.read(record.key) or {}
        known: dict[str, float | None] = entry.get("metrics", {})
        names = self.metrics.names
        tags = {value: self._tag(name, value) for name in names for value in values_of(name)}
        missing = [name for name in names if any(tags[v] not in known for v in values_of(name))]
        version = self.features_version
        lacks_features = version is not None and (
            self._cache.read_features(record.key, version) is None
        )
        if not entry or missing or lacks_features or self._plan.save:
            decoded, data = self._code(record, codec, picture, entry)
            if missing:
                reference = self._reference(digest, picture)
                values = self.metrics.measure(reference, decoded, missing)
                known = {**known, **{tags[name]: value for name, value in values.items()}}
                entry["metrics"] = known
            if lacks_features:
                self._store_features(record.key, decoded)
            self._cache.write(record.key, entry)
            if self._plan.save:
                _save(self._plan.save, record, decoded, data)
        record.metrics = {name: known[tag] for name, tag in tags.items()}
        record.bytes, record.layers = entry["bytes"], entry["layers"]
        record.encoding = Cost.from_json(entry["encoding"])
        record.decoding = Cost.from_json(entry["decoding"])

    def _code(
        self, record: Record, codec: PictureCodec, picture: Picture, entry: Entry
    ) -> tuple[Picture, bytes]:
        setting = record.setting
        data, encoding = measured(lambda: codec.encode(picture, setting))
        decoded, decoding = measured(
            lambda: codec.decode(data, setting, record.height, record.width)
        )
        if decoded.shape != picture.shape:
            raise ValueError(f"decoded to {decoded.shape}, not {picture.shape}")
        if not entry:
            entry.update(
                bytes=len(data),
                layers=codec.layers(data),
                encoding=dataclasses.asdict(encoding),
                decoding=dataclasses.asdict(decoding),
                metrics={},
            )
        return decoded, data

    def _tag(self, metric: str, value: str) -> str:
        """What a value of a metric is cached under: its name and everything that shapes it."""
        identity = self.metrics.identities.get(metric)
        return f"{value} {METRICS[metric].version}{f' {identity}' if identity else ''}"

    def _reference(self, digest: str, picture: Picture) -> Reference:
        if self._original is None or self._original[0] != digest:
            self._original = digest, self.metrics.reference(picture)
        return self._original[1]

    def _store_features(self, key: str, picture: Picture) -> None:
        version = self.features_version
        if version is None or self._features is None:
            return
        if self._cache.read_features(key, version) is None:
            rows = frechet.patch_features(self._features, picture)
            self._cache.write_features(key, version, rows)


def _networks(plan: Plan) -> tuple[MetricSet, SqueezeFeatures | None, Weights | None]:
    """The metrics that can be measured, with the feature network where there are weights."""
    weights: Weights | None = None
    features: SqueezeFeatures | None = None
    reason = None
    if plan.lpips is None and plan.metrics is not None and "lpips" not in plan.metrics:
        return MetricSet(None, list(plan.metrics)), None, None
    try:
        weights = Weights.from_file(plan.lpips) if plan.lpips else Weights.from_package()
        features = SqueezeFeatures(weights)
    except MetricUnavailable as error:
        weights, reason = None, str(error)
    metrics = MetricSet(weights, list(plan.metrics) if plan.metrics is not None else None)
    if reason and "lpips" in metrics.unavailable:
        advice = "" if plan.lpips else "; give a weights file with --lpips"
        metrics.unavailable["lpips"] = reason + advice
    return metrics, features, weights


def _save(folder: Path, record: Record, decoded: Picture, data: bytes) -> None:
    """The reconstruction as PNG, and the coded file beside it."""
    picture, coded = saved_paths(folder, record.setting, record.name)
    picture.parent.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(decoded)).save(buffer, "PNG")
    write_atomically(picture, buffer.getvalue())
    write_atomically(coded, data)


def cost_json(stage: str, cost: Cost | None) -> dict[str, Any]:
    """The fields of a cost under the name of what it was spent on."""
    values = dataclasses.asdict(cost) if cost else {}
    return {f"{stage}_{name}": value for name, value in values.items()}


def as_json(record: Record) -> dict[str, Any]:
    """The record as plain values for the JSON report."""
    fields: dict[str, Any] = {
        "image": record.name,
        "codec": record.setting.codec,
        "quality": record.setting.quality,
        "scale": record.setting.scale,
        "width": record.width,
        "height": record.height,
    }
    if record.error:
        return {**fields, "error": record.error}
    return {
        **fields,
        "bytes": record.bytes,
        "bpp": record.bpp,
        "layers": record.layers,
        **record.metrics,
        **cost_json("encode", record.encoding),
        **cost_json("decode", record.decoding),
    }
