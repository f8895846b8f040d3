"""Where the bits are: code lengths that follow from the frequency tables alone."""

from __future__ import annotations

from pathlib import Path

import dlf
import numpy as np
import pytest
from dlf.symbols import code_lengths, decode_symbols
from PIL import Image

CODER_BYTES = 5  # four of the first state, and one of rounding

pytestmark = pytest.mark.usefixtures("model_environment")


@pytest.mark.parametrize("quality", [0, 40, 100])
def test_they_add_up_to_the_payload(photo: Image.Image, quality: int) -> None:
    data = dlf.encode(photo, quality)
    header, lengths = dlf.info(data), code_lengths(data)
    window = dlf.Codec().model.window
    assert lengths["windows"].shape == (-(-header.height // window), -(-header.width // window))
    assert lengths["positions"].shape == (-(-header.height // 32), -(-header.width // 32))
    overhead = header.payload_bytes - (lengths["windows"].sum() + lengths["positions"].sum()) / 8
    assert 0 < overhead <= CODER_BYTES


def test_they_lie_where_the_symbols_are(photo_dlf: bytes) -> None:
    found, lengths = decode_symbols(photo_dlf), code_lengths(photo_dlf)
    coded = (found["scale_index"] >= 0).any(axis=0)
    assert np.array_equal(lengths["positions"] > 0, coded)
    assert coded.any()
    # The semantic layer is read first: its bits end where its last byte was read, a state later.
    assert abs(lengths["windows"].sum() / 8 - found["token_bytes"]) <= CODER_BYTES


def test_on_photographs(shipped_default: Path, kodak: list[Path]) -> None:
    codec = dlf.Codec(shipped_default)
    for path in kodak[:3]:
        data = codec.encode(Image.open(path), 30)
        lengths = code_lengths(data, shipped_default)
        total = (lengths["windows"].sum() + lengths["positions"].sum()) / 8
        assert 0 < dlf.info(data).payload_bytes - total <= CODER_BYTES


def test_failures_are_those_of_decoding(photo_dlf: bytes) -> None:
    with pytest.raises(dlf.TruncatedFile):
        code_lengths(photo_dlf[:-3])
    assert code_lengths(photo_dlf[:-3], allow_truncated=True)["windows"].sum() > 0
    with pytest.raises(dlf.ModelError, match="unknown model 'nowhere'"):
        code_lengths(photo_dlf, "nowhere")
