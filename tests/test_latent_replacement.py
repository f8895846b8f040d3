"""`dlf.symbols.replace_latents`: a file with other latents is the same file but for its symbols."""

from __future__ import annotations

import dlf
import numpy as np
import pytest
from dlf.header import opened
from dlf.symbols import decode_symbols, replace_latents
from dlf_models.package.reading import read_package
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

pytestmark = pytest.mark.usefixtures("model_environment")


def latents_of(data: bytes) -> np.ndarray:
    """What the decoder has (§7.7), as real numbers."""
    normative = read_package(dlf.Codec().model.path).normative
    bits = normative.mean_fraction + normative.step_fraction
    return (decode_symbols(data)["latent"] * 2.0**-bits).astype(np.float32)


def test_its_own_latents_give_the_file(photo_dlf: bytes, chunky_dlf: bytes) -> None:
    for data in (photo_dlf, chunky_dlf):
        assert replace_latents(data, latents_of(data)) == data


def test_an_importance_map_stays(encoding_model: str, encoding_codec: dlf.Codec) -> None:
    picture = np.random.default_rng(3).integers(0, 256, (40, 56, 3), np.uint8)
    data = encoding_codec.encode(picture, 40, importance=[(8, 8, 24, 16)])
    before = decode_symbols(data, encoding_model)
    other = np.full(before["latent"].shape, 2.5, np.float32)
    after = decode_symbols(replace_latents(data, other, encoding_model), encoding_model)
    assert np.array_equal(before["rate_index"], after["rate_index"])
    assert np.array_equal(before["tokens"], after["tokens"])


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), spread=st.floats(0.0, 40.0))
def test_any_latents_are_coded(photo_dlf: bytes, seed: int, spread: float) -> None:
    rng = np.random.default_rng(seed)
    before = decode_symbols(photo_dlf)
    latents = rng.normal(0, spread, before["latent"].shape).astype(np.float32)
    latents.flat[seed % latents.size] = np.nan
    data = replace_latents(photo_dlf, latents)
    after = decode_symbols(data)
    assert np.array_equal(before["tokens"], after["tokens"])
    assert after["complete"]
    assert replace_latents(data, latents_of(data)) == data
    header, wanted = dict(opened(data).header), dict(opened(photo_dlf).header)
    assert header.pop("payload_bytes") > 0
    wanted.pop("payload_bytes")
    assert {**header, "header_bytes": 0} == {**wanted, "header_bytes": 0}
    dlf.decode(data)


def test_a_price_saves_bits(photo: Image.Image) -> None:
    data = dlf.encode(photo, 90)
    latents = latents_of(data) + np.float32(0.3)
    sizes = [len(replace_latents(data, latents, bit_price=p)) for p in (0.0, 0.05, 0.3, 1.0)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] < sizes[0]


@settings(max_examples=25, deadline=None)
@given(share=st.floats(0.8, 1.2), shift=st.floats(-0.3, 0.3))
def test_a_size_is_kept(photo: Image.Image, share: float, shift: float) -> None:
    data = dlf.encode(photo, 90)
    latents = latents_of(data) + np.float32(shift)
    whole = len(replace_latents(data, latents))
    limit = int(share * whole)
    try:
        found = replace_latents(data, latents, max_bytes=limit)
    except dlf.TooFewBytes:
        assert len(replace_latents(data, latents, bit_price=1.0)) > limit
        return
    assert 0.9 * min(limit, whole) <= len(found) <= limit
    if limit >= whole:
        assert found == replace_latents(data, latents)


def test_sizes_that_cannot_be(photo_dlf: bytes) -> None:
    latents = latents_of(photo_dlf)
    with pytest.raises(dlf.TooFewBytes, match="in 20 bytes; the smallest file has"):
        replace_latents(photo_dlf, latents, max_bytes=20)
    assert replace_latents(photo_dlf, latents, max_bytes=10**30) == photo_dlf
    for wrong in (-5, 0, 2.5, "many"):
        with pytest.raises(ValueError, match="max_bytes"):
            replace_latents(photo_dlf, latents, max_bytes=wrong)
    with pytest.raises(ValueError, match="not both"):
        replace_latents(photo_dlf, latents, bit_price=0.1, max_bytes=500)


def test_what_cannot_be_coded(photo_dlf: bytes) -> None:
    latents = latents_of(photo_dlf)
    with pytest.raises(ValueError, match="latent"):
        replace_latents(photo_dlf, latents[:, :-1])
    with pytest.raises(TypeError, match="latents"):
        replace_latents(photo_dlf, latents.astype(np.float64))
    for price in (-0.1, float("nan")):
        with pytest.raises(ValueError, match="price"):
            replace_latents(photo_dlf, latents, bit_price=price)
    with pytest.raises(dlf.TruncatedFile):
        replace_latents(photo_dlf[:-1], latents)
    with pytest.raises(dlf.ModelError):
        replace_latents(photo_dlf, latents, "nowhere")
