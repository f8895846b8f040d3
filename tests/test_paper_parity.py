"""The paper's architecture against recorded outputs of the published implementation
(../shared/parity).
"""

from __future__ import annotations

import io
import json
import lzma
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from dlf_models.common.prior import SKIP_SCALE
from dlf_models.paper import PaperModel, load_paper_config
from dlf_models.paper.checkpoint import TRAINING_ONLY, load_state_dict
from torch.nn import functional as F

ROOT = Path(__file__).resolve().parents[1]
PARITY = ROOT.parent / "shared" / "parity"
pytestmark = pytest.mark.skipif(
    not (PARITY / "seed1").is_dir(), reason="no ../shared/parity (recorded outputs)"
)
PICTURES = ("256x256", "300x200", "512x768")
SCALE_MIN, SCALE_MAX, SCALE_LEVELS = 0.11, 64.0, 256


def tolerances() -> dict[str, float]:
    """The tolerance of each tensor as the table of the recordings lists it; 0 means exact."""
    result = {}
    for line in (PARITY / "README.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 9 and cells[3] in ("float32", "int32", "int16"):
            result[cells[0]] = 0.0 if cells[7] == "exact" else float(cells[7])
    return result


def scale_index(scales: np.ndarray) -> np.ndarray:
    """Table index of a scale in float32, as the published coder computes it; -1 is skipped."""
    step = (np.log(SCALE_MAX) - np.log(SCALE_MIN)) / (SCALE_LEVELS - 1)
    logs = torch.log(torch.from_numpy(scales).clamp_min(1e-5))
    index = ((logs - np.log(SCALE_MIN)) / step).clamp(0, SCALE_LEVELS - 1).int().numpy()
    return np.where(scales < np.float32(SKIP_SCALE), -1, index)


@pytest.fixture(scope="module")
def model() -> PaperModel:
    with torch.device("meta"):
        built = PaperModel(load_paper_config(PARITY / "seed1" / "config.yaml"), targets=True)
    raw = lzma.decompress((PARITY / "seed1" / "model.ckpt.xz").read_bytes())
    state = torch.load(io.BytesIO(raw), map_location="cpu", weights_only=True)["state_dict"]
    load_state_dict(built, state)
    return built.eval().requires_grad_(False)


def hook_stages(model: PaperModel, seen: dict[str, Any]) -> list[Any]:
    """Record what the stages give under the names of the recordings."""
    hybrid = model.hybrid_codec
    watched: dict[str, Any] = {
        "patch_embed": hybrid.encoder.patch_embed,
        "enc_feat_in": hybrid.encoder.feat_in,
        "dec_feat_init": hybrid.decoder.init_feat_up,
        "fus_titok_in": model.prior_fusion.titok_in,
        "fus_feat_in": model.prior_fusion.feat_in,
        "fus_merge": model.prior_fusion.merge,
        "logits": model.prior_fusion,
        "vqdec_mid": model.vqgan.decoder.mid.block_2,
        "vqdec_up4": model.vqgan.decoder.up["4"].attn[-1],
        "vqdec_up3": model.vqgan.decoder.up["3"].block[-1],
    }
    for side, half in (("enc", hybrid.encoder), ("dec", hybrid.decoder)):
        watched[f"{side}_ln_pre"] = half.ln_pre
        watched[f"{side}_ln_post"] = half.ln_post
        for i in range(len(half.transformer)):
            watched[f"{side}_transformer{i}"] = half.transformer[i]
        for i in (1, 3):
            watched[f"{side}_inter{i}"] = half.inter_blocks[i]
            watched[f"{side}_featblk{i}_swin"] = half.feat_blocks[i][0]
            watched[f"{side}_featblk{i}"] = half.feat_blocks[i]

    def recorder(name: str) -> Any:
        def hook(_module: Any, _inputs: Any, output: Any) -> None:
            if name.startswith(("enc_inter", "dec_inter")):
                seen[f"{name}_titok"], seen[f"{name}_feat"] = output[0].transpose(0, 1), output[1]
            elif "transformer" in name:
                seen[name] = output.transpose(0, 1)
            else:
                seen[name] = output

        return hook

    return [module.register_forward_hook(recorder(name)) for name, module in watched.items()]


@pytest.fixture(scope="module", params=PICTURES)
def run(request: pytest.FixtureRequest, model: PaperModel) -> Iterator[tuple[Any, dict[str, Any]]]:
    """One recorded picture and everything that our model makes of it, from the 8-bit picture on."""
    recorded = np.load(PARITY / "seed1" / f"img_{request.param}.npz")
    picture = torch.from_numpy(recorded["image_u8"]).permute(2, 0, 1).unsqueeze(0)
    height, width = picture.shape[2:]
    x = picture.float() / 255 * 2 - 1
    x = F.pad(x, (0, -width % 256, 0, -height % 256), mode="replicate")
    seen: dict[str, Any] = {"x_padded": x}
    hooks = hook_stages(model, seen)
    with torch.inference_mode():
        hybrid = model.hybrid_codec
        z, seen["enc_h"] = hybrid.encoder(x * 0.5 + 0.5, hybrid.latent_tokens)
        tokens, features = model.analysis(x * 0.5 + 0.5)
        assert torch.equal(features, seen["enc_h"])
        seen["enc_z"], seen["tokens"] = z, tokens
        seen["vq_loss"] = hybrid.quantize.loss(z, tokens)
        seen["z_hat"] = hybrid.quantize.values(tokens)
        seen["y"] = model.bottleneck(features, 0)
        prior = hybrid.quantize_feat.quantise(seen["y"])
        seen["h_hat"] = hybrid.quantize_feat.decode(prior["latent"])
        grid = (x.shape[2] // 256, x.shape[3] // 256)
        seen["image"] = model.synthesis(tokens, prior["latent"], 0, *grid)
        seen["x_hat"] = seen["image"] * 2 - 1
        seen["titok_hat"], seen["feat_hat"] = hybrid.decoder(seen["z_hat"], seen["h_hat"])
        seen["vqgan_latent"] = model.vqgan.quantize.expectation(seen["logits"])
        seen["vq_train_indices"] = model.vqgan.encode_indices(x)
        bits = 0.0
        for k in range(4):
            symbol, scale = prior[f"symbol{k}"], prior[f"coded_scale{k}"]
            bits += float(hybrid.quantize_feat.estimate_bits(symbol, scale).sum())
            seen[f"part{k}_symbols"], seen[f"part{k}_scales_w"] = symbol, scale
            seen[f"part{k}_scales"], seen[f"part{k}_means"] = prior[f"scale{k}"], prior[f"mean{k}"]
            seen[f"part{k}_y_res"] = prior[f"residual{k}"]
            seen[f"part{k}_indexes"] = torch.from_numpy(scale_index(scale.numpy()))
    for hook in hooks:
        hook.remove()
    seen["h_bpp_est"] = torch.tensor(bits / (height * width))
    seen["quant_step"], seen["quant_step_raw"] = prior["step"], prior["step_raw"]
    seen["y_hat"] = prior["latent"]
    seen["x_hat_s4"] = seen["x_hat"][:, :, ::4, ::4]
    seen["x_hat_crop"] = seen["x_hat"][:, :, 192:320, 192:320]
    for name in ("titok_hat", "feat_hat", "enc_feat_in", "dec_feat_init"):
        seen[f"{name}_c4"] = seen[name][:, ::4]
    yield recorded, seen


def test_every_stage_is_within_its_listed_tolerance(run: tuple[Any, dict[str, Any]]) -> None:
    recorded, seen = run
    limits = tolerances()
    checked, wrong = 0, []
    for name in recorded.files:
        if name not in limits:
            assert name.endswith(("_u8", "_bit_stream")), f"{name} has no listed tolerance"
            continue
        expected = recorded[name].astype(np.float64)
        ours = seen[name].numpy().astype(np.float64)
        assert ours.size == expected.size, name
        difference = float(np.abs(ours.reshape(expected.shape) - expected).max())
        checked += 1
        if difference > limits[name]:
            wrong.append(f"{name}: {difference:.2e} > {limits[name]:.0e}")
    assert not wrong, "; ".join(wrong)
    assert checked >= 40


def test_decoded_pixels_differ_only_at_rounding_borders(run: tuple[Any, dict[str, Any]]) -> None:
    recorded, seen = run
    expected = recorded["x_rec_u8"]
    height, width = expected.shape[:2]
    exact = (seen["image"].clamp(0, 1) * 255)[0, :, :height, :width].permute(1, 2, 0).numpy()
    ours = np.floor(exact + 0.5)
    differs = ours != expected
    assert np.abs(ours - expected.astype(np.float64)).max() <= 1
    border = np.abs(exact - np.floor(exact) - 0.5)
    tolerance = tolerances()["x_hat"] * 0.5 * 255
    assert border[differs].max(initial=0.0) <= tolerance
    assert differs.mean() < 0.005


def test_every_published_key_has_its_place() -> None:
    with torch.device("meta"):
        full = PaperModel(
            load_paper_config(ROOT / "models" / "configs" / "dlf-l.yaml"), targets=True
        )
    published = json.loads((PARITY / "statedict_full.json").read_text())
    assert len(published) == 2249
    needed = {e["key"]: e["shape"] for e in published if not e["key"].startswith(TRAINING_ONLY)}
    ours = {key: list(value.shape) for key, value in full.state_dict().items()}
    assert ours == needed
    assert len(published) - len(needed) == 58
    assert sum(int(np.prod(shape)) for shape in ours.values()) > 1.2e9


def test_table_indexes_of_recorded_scales() -> None:
    recorded = np.load(PARITY / "entropy_vectors.npz")
    assert np.array_equal(scale_index(recorded["index_scales"]), recorded["index_expected"])
