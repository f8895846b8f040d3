"""The metrics of `dlf eval` against published implementations and against their definitions."""

from __future__ import annotations

import importlib.util
import math
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from dlf_models.evaluation.lpips import LPIPS
from dlf_models.evaluation.metric_table import METRICS
from dlf_models.evaluation.metrics import MetricSet, ms_ssim, psnr, to_tensor
from dlf_models.evaluation.weights import MetricUnavailable, Weights
from evaluation_samples import SHARED, pair, random_weights
from PIL import Image

LPIPS_FILE = SHARED / "lpips" / "lpips_squeeze.npz"
needs_lpips = pytest.mark.skipif(not LPIPS_FILE.is_file(), reason="no ../shared/lpips weights")


def test_psnr_is_its_definition() -> None:
    a = np.full((8, 8, 3), 100, np.uint8)
    assert psnr(a, a + 5) == pytest.approx(20 * math.log10(255 / 5))
    assert psnr(np.zeros_like(a), np.full_like(a, 255)) == 0.0  # uint8 does not wrap
    assert psnr(a, a) == math.inf


def test_ms_ssim_reference_value() -> None:
    a, b = pair()
    x, y = to_tensor(a), to_tensor(b)
    assert float(ms_ssim(x, x)) == pytest.approx(1.0, abs=1e-6)
    assert float(ms_ssim(x, y)) == pytest.approx(float(ms_ssim(y, x)), abs=1e-6)
    # pytorch-msssim 1.0.0, data_range=1
    assert float(ms_ssim(x, y)) == pytest.approx(0.852408, abs=2e-6)
    with pytest.raises(ValueError, match="161"):
        ms_ssim(x[..., :160], y[..., :160])


def test_ms_ssim_at_fewer_scales_has_gradients_everywhere() -> None:
    """Training uses it on small crops, also where it is 0 at first: opposite pictures."""
    a, b = (to_tensor(image)[..., :81, :81] for image in pair())
    assert float(ms_ssim(a, a, scales=4)) == pytest.approx(1.0, abs=1e-6)
    assert 0 < float(ms_ssim(a, b, scales=4)) < 1
    opposite = (1 - a).requires_grad_()
    ms_ssim(opposite, a, scales=4, smallest=1e-3).sum().backward()
    assert opposite.grad is not None
    assert bool(opposite.grad.isfinite().all())
    with pytest.raises(ValueError, match="81"):
        ms_ssim(a[..., :80], b[..., :80], scales=4)


def test_ms_ssim_agrees_with_the_package() -> None:
    package = pytest.importorskip("pytorch_msssim")
    for size in ((161, 300), (200, 177)):
        x, y = (to_tensor(image) for image in pair(*size))
        ours, theirs = float(ms_ssim(x, y)), float(package.ms_ssim(x, y, data_range=1.0))
        assert ours == pytest.approx(theirs, abs=2e-6)


@needs_lpips
def test_lpips_agrees_with_the_independent_computation() -> None:
    spec = importlib.util.spec_from_file_location("reference", LPIPS_FILE.with_suffix(".py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    written, sys.dont_write_bytecode = sys.dont_write_bytecode, True  # shared is read-only
    try:
        spec.loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = written
    reference, ours = module.LPIPS(LPIPS_FILE), LPIPS(LPIPS_FILE)
    a, b = pair(97, 131)
    pairs = [(to_tensor(a), to_tensor(b)), (to_tensor(a), to_tensor(a[:, ::-1].copy()))]
    kodak = SHARED / "kodak" / "kodim05.png"
    if kodak.is_file():
        with Image.open(kodak) as image:
            crop = np.asarray(image.convert("RGB"))[100:330, 200:455]
        pairs.append((to_tensor(crop), to_tensor(crop // 32 * 32 + 16)))
    for x, y in pairs:
        with torch.no_grad():
            expected = float(reference(x, y, normalize=True))
        assert expected > 0.01
        assert float(ours(x, y)) == pytest.approx(expected, abs=1e-5)
        assert float(ours(x, x)) == 0.0


def test_lpips_agrees_with_the_package() -> None:
    package = pytest.importorskip("lpips")
    torch.manual_seed(5)
    model = package.LPIPS(net="squeeze", pnet_rand=True, verbose=False).eval()
    ours = LPIPS(Weights.from_package_model(model))
    x, y = (to_tensor(image) for image in pair(90, 120))
    with torch.no_grad():
        expected = float(model(x, y, normalize=True))
    assert float(ours(x, y)) == pytest.approx(expected, abs=1e-5, rel=1e-5)


def test_lpips_is_a_usable_loss() -> None:
    network = LPIPS(random_weights())
    target = to_tensor(pair(64, 64)[0]).repeat(2, 1, 1, 1)
    flat = torch.zeros_like(target, requires_grad=True)
    distances = network(flat, target)
    assert distances.shape == (2,)
    distances.sum().backward()
    assert flat.grad is not None and bool(torch.isfinite(flat.grad).all())
    assert float(flat.grad.abs().sum()) > 0
    assert all(not parameter.requires_grad for parameter in network.parameters())


def test_weights_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    with pytest.raises(MetricUnavailable, match="no weights file .*nowhere.npz"):
        Weights.from_file(tmp_path / "nowhere.npz")
    text = tmp_path / "text.npz"
    text.write_text("not an archive")
    with pytest.raises(MetricUnavailable, match="text.npz is not an .npz"):
        Weights.from_file(text)
    partial = tmp_path / "partial.npz"
    np.savez(partial, **{"0.weight": np.zeros((64, 3, 3, 3), np.float32)})
    with pytest.raises(MetricUnavailable, match=r"partial.npz has no lin0.model.1.weight"):
        Weights.from_file(partial)
    good = random_weights()
    del good.features["7.squeeze.bias"]
    with pytest.raises(MetricUnavailable, match=r"7.squeeze.bias"):
        LPIPS(good)


def test_metric_set_measures_what_it_can() -> None:
    a, b = pair()
    metrics = MetricSet(weights=None)
    assert "--lpips" in metrics.unavailable["lpips"]
    assert {"psnr", "ms_ssim"} <= set(metrics.names)
    assert set(metrics.names) | set(metrics.unavailable) == set(METRICS)
    reference = metrics.reference(a)
    worse = metrics.measure(reference, b, metrics.names)
    same = metrics.measure(reference, a, metrics.names)
    assert same["psnr"] is None  # infinite
    for name in metrics.names:
        if name == "psnr" or METRICS[name].needs:  # the picture shows nobody
            continue
        better = same[name] > worse[name] if METRICS[name].higher_is_better else (
            same[name] < worse[name]
        )  # fmt: skip
        assert better, name
    with pytest.raises(ValueError, match="no metric 'vmaf'"):
        MetricSet(only=["vmaf"])
    with pytest.raises(ValueError, match="does not match"):
        metrics.measure(reference, b[1:], ["psnr"])


def test_small_pictures_leave_out_what_needs_more_pixels() -> None:
    metrics = MetricSet(weights=random_weights(), only=["psnr", "ms_ssim", "lpips"])
    a, b = pair(40, 30)
    result = metrics.measure(metrics.reference(a), b, metrics.names)
    assert result["ms_ssim"] is None
    assert result["psnr"] is not None and result["lpips"] is not None
