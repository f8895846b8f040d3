"""`dlf import-official`: the recorded small checkpoint becomes a package that codes pictures."""

from __future__ import annotations

import io
import lzma
import pickle
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from dlf import _core
from dlf.cli import main
from dlf_models.package.programs import Program
from dlf_models.package.tables import FrequencyTable
from dlf_models.package.torchscript import NormativePart, assemble_package, read_package
from dlf_models.paper import CheckpointError, PaperConfig, PaperModel, load_checkpoint
from dlf_models.paper.checkpoint import SKIPPABLE, load_state_dict, read_state_dict
from dlf_models.paper.config import load_paper_config
from dlf_models.paper.integer_prior import LINEAR_SCALE_FRACTION
from dlf_models.paper.package import detail_bits, table_bits
from tiny_networks import TINY_PAPER

from conformance.reference.grids import Grids
from conformance.reference.network import Register
from conformance.reference.network import run as run_program
from conformance.reference.package import load


def import_official(words: Sequence[str]) -> int:
    """`dlf import-official` in this process; returns the exit status."""
    return main(["import-official", *words])


ROOT = Path(__file__).resolve().parents[1]
PARITY = ROOT.parent / "shared" / "parity"
CONFIG = PARITY / "seed1" / "config.yaml"
PICTURES = ("256x256", "300x200", "512x768")
needs_parity = pytest.mark.skipif(
    not CONFIG.is_file(), reason="no ../shared/parity (recorded outputs)"
)


def recorded(picture: str) -> Any:
    return np.load(PARITY / "seed1" / f"img_{picture}.npz")


@pytest.fixture(scope="module")
def tiny() -> dict[str, Any]:
    """A state dict that fits `TINY_PAPER`, with what only training needs beside it."""
    torch.manual_seed(0)
    state = dict(PaperModel(TINY_PAPER).state_dict())
    state.update({prefix + "x": torch.zeros(1) for prefix in SKIPPABLE})
    return state


def tiny_model() -> PaperModel:
    with torch.device("meta"):
        return PaperModel(TINY_PAPER)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("paper") / "nano.ckpt"
    path.write_bytes(lzma.decompress((PARITY / "seed1" / "model.ckpt.xz").read_bytes()))
    return path


@pytest.fixture(scope="module")
def package(checkpoint: Path) -> Path:
    """The imported package, under the name of the default model for `DLF_MODEL_PATH`."""
    out = checkpoint.with_name("dlf-s.dlfm")
    out.with_suffix(".partial").write_bytes(b"a file of the user")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONHASHSEED", "0")  # stay in this process, which has torch already
        report = io.StringIO()
        patch.setattr("sys.stdout", report)
        assert (
            import_official([str(checkpoint), str(out), "--config", str(CONFIG), "--name", "nano"])
            == 0
        )
    out.with_suffix(".txt").write_text(report.getvalue())
    return out


@pytest.fixture(scope="module")
def normative(package: Path) -> NormativePart:
    return read_package(package.read_bytes())[0]


@needs_parity
def test_report_and_package(package: Path, normative: NormativePart) -> None:
    report = package.with_suffix(".txt").read_text()
    for words in ("9363225 in 975", "55 img_loss", "94 vqgan.encoder", "integer prior", "32 of 32"):
        assert words in report, words
    names = zipfile.ZipFile(package).namelist()
    assert not [n for n in names if n.endswith(".debug_pkl")]
    assert str(ROOT).encode() not in package.read_bytes()
    assert not list(package.parent.glob(".dlf-*"))
    assert package.with_suffix(".partial").read_bytes() == b"a file of the user"
    assert normative.levels == (256,) and normative.latent_align == 256
    assert max(layer.accumulator_bound() for layer in normative.layers) < 2**31


@needs_parity
@pytest.mark.parametrize("picture", PICTURES)
def test_integer_prior_costs_what_the_float_prior_costs(
    picture: str, package: Path, normative: NormativePart
) -> None:
    file = recorded(picture)
    symbols = np.concatenate([file[f"part{k}_symbols"].ravel() for k in range(4)]).astype(np.int64)
    scales = np.concatenate([file[f"part{k}_scales_w"].ravel() for k in range(4)])
    bounds = normative.thresholds / 2.0**LINEAR_SCALE_FRACTION
    indexes = np.searchsorted(bounds, scales, side="right") - 1
    exact = table_bits(normative.scale_tables, symbols, indexes) / 8
    integer = detail_bits(_core.Package(str(package)), file["y"][0]) / 8
    assert abs(integer - exact) <= max(4, 0.005 * exact)
    # And the package's tables are no worse than the published coder's, flag and state apart.
    assert integer <= 1.005 * (file["h_bit_stream"].size - 5) + 4


@needs_parity
def test_integer_prior_follows_the_float_prior(package: Path, normative: NormativePart) -> None:
    """As the reference decoder runs it."""
    file = recorded("512x768")
    model = load(package)
    height, width = file["y"].shape[2:]
    grids = Grids(height * model.latent_stride, width * model.latent_stride)
    vector = np.broadcast_to(
        model.rate_vectors[0][:, None, None], (len(model.rate_vectors[0]), height, width)
    )
    inputs = [Register(model.latent_stride, vector.astype(np.int64))]
    step, scale, mean, _ = run_program(model.programs[0], model.layers, inputs, grids)
    for ours, fraction, name in (
        (step, normative.step_fraction, "quant_step"),
        (scale, LINEAR_SCALE_FRACTION, "part0_scales"),
        (mean, normative.mean_fraction, "part0_means"),
    ):
        assert np.abs(ours * 2.0**-fraction - file[name][0]).max() < 0.01, name


@needs_parity
def test_files_of_the_imported_model(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dlf = pytest.importorskip("dlf")
    pytest.importorskip("dlf._core")
    import dlf_pillow  # noqa: F401  (registers the format)
    from dlf import _core
    from PIL import Image

    monkeypatch.setenv("DLF_MODEL_PATH", str(package.parent))
    file = recorded("300x200")
    codec = dlf.Codec(package)
    data = codec.encode(file["image_u8"])
    assert len(data) <= 1.005 * (file["z_bit_stream"].size + file["h_bit_stream"].size) + 14
    symbols = _core.decode_symbols(data, _core.Package(str(package)))
    assert np.array_equal(symbols["tokens"].ravel(), file["tokens"].ravel())
    decoded = codec.decode(data)
    with Image.open(io.BytesIO(data)) as image:
        assert np.array_equal(np.asarray(image), decoded)

    # The decoded pixels are those of the float synthesis from the file's own latents.
    module = torch.jit.load(str(package))
    latent = symbols["y_hat"].astype(np.float64) * symbols["step"]
    normative, _ = read_package(package.read_bytes())
    latent *= 2.0 ** -(normative.mean_fraction + normative.step_fraction)
    with torch.inference_mode():
        tokens = torch.from_numpy(symbols["tokens"].astype(np.int64)).reshape(2, 32)
        drawn_from = torch.from_numpy(latent.astype(np.float32)).unsqueeze(0)
        expected = module.synthesis(tokens, drawn_from, 0, 2, 1)
    expected = (expected[0, :, :300, :200].clamp(0, 1) * 255 + 0.5).floor().permute(1, 2, 0).numpy()
    assert np.abs(expected - decoded).max() <= 1


@needs_parity
def test_wrong_configuration_names_the_first_difference(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"of another size, first .*expected \["):
        load_checkpoint(checkpoint, PaperConfig())
    narrow = CONFIG.read_text().replace("feat_dim: 64", "feat_dim: 128")
    (tmp_path / "wrong.yaml").write_text(narrow)
    with pytest.raises(CheckpointError, match="of another size"):
        load_checkpoint(checkpoint, load_paper_config(tmp_path / "wrong.yaml"))


def test_failure_leaves_nothing_and_tells_why(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    text, out = tmp_path / "text.ckpt", tmp_path / "out.dlfm"
    text.write_text("hello")
    assert import_official([str(text), str(out)]) == 2
    error = capfd.readouterr().err.splitlines()
    assert error == [f"dlf: {text}: not a PyTorch checkpoint (a zip archive made by torch.save)"]
    assert list(tmp_path.iterdir()) == [text]


def test_truncated_checkpoint(tmp_path: Path, tiny: dict[str, Any]) -> None:
    whole = tmp_path / "whole.ckpt"
    torch.save({"state_dict": tiny}, whole)
    data = whole.read_bytes()
    cut = tmp_path / "cut.ckpt"
    for size in (len(data) // 2, len(data) - 10, 100):
        cut.write_bytes(data[:size])
        with pytest.raises(CheckpointError, match="truncated"):
            read_state_dict(cut)


@pytest.mark.parametrize(
    "content", [b"", b"hello, world", b"\x89PNG\r\n\x1a\n" + bytes(100), bytes(1000)]
)
def test_file_that_is_not_a_checkpoint(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.ckpt"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="not a PyTorch checkpoint"):
        read_state_dict(path)


def test_other_archives_and_contents(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "text")
    with pytest.raises(CheckpointError, match="damaged checkpoint"):
        read_state_dict(path)
    torch.save([1, 2, 3], path)
    with pytest.raises(CheckpointError, match="no state dict"):
        read_state_dict(path)
    torch.save({"state_dict": {"features.0.weight": torch.zeros(3)}}, path)
    with pytest.raises(CheckpointError, match="another architecture.*features.0.weight"):
        load_checkpoint(path, TINY_PAPER)
    with pytest.raises(FileNotFoundError, match="missing.ckpt"):
        read_state_dict(tmp_path / "missing.ckpt")


class Harmful:
    """Would write a file if it were unpickled."""

    def __init__(self, target: str) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return Path.touch, (Path(self.target),)


@pytest.mark.parametrize("legacy", [False, True])
def test_checkpoint_that_would_run_code(tmp_path: Path, legacy: bool) -> None:
    path, victim = tmp_path / "x.ckpt", tmp_path / "victim"
    content = {"state_dict": {"a": torch.zeros(1)}, "x": Harmful(str(victim))}
    torch.save(content, path, _use_new_zipfile_serialization=not legacy)
    with pytest.raises(CheckpointError):
        read_state_dict(path)
    path.write_bytes(pickle.dumps(Harmful(str(victim))))
    with pytest.raises(CheckpointError):
        read_state_dict(path)
    assert not victim.exists()


def test_keys_are_refused_and_skipped_by_name(tiny: dict[str, Any]) -> None:
    model = tiny_model()
    gone = "hybrid_codec.quantize_feat.enc_q"
    with pytest.raises(CheckpointError, match=f"1 missing: {gone}"):
        load_state_dict(model, {k: v for k, v in tiny.items() if k != gone})
    with pytest.raises(CheckpointError, match="1 unexpected: hybrid_codec.extra"):
        load_state_dict(model, {**tiny, "hybrid_codec.extra": torch.zeros(1)})
    with pytest.raises(CheckpointError, match=rf"{gone} \[1\], expected \[1, 64, 1, 1\]"):
        load_state_dict(model, {**tiny, gone: torch.zeros(1)})
    with pytest.raises(CheckpointError, match=f"{gone} holds values that are not finite"):
        load_state_dict(model, {**tiny, gone: torch.full((1, 64, 1, 1), float("nan"))})
    report = load_state_dict(model, tiny)
    assert len(report.skipped) == len(SKIPPABLE)
    assert report.keys == len(tiny) - len(SKIPPABLE)


def test_half_precision_weights_change_the_picture_little(tiny: dict[str, Any]) -> None:
    full, stored = tiny_model().eval(), tiny_model().eval()
    assert load_state_dict(full, tiny).weight_change == 0
    assert 0 < load_state_dict(stored, tiny, weights=torch.float16).weight_change < 2**-10
    assert stored.vqgan.decoder.conv_in.weight.dtype == torch.float16
    image = torch.rand(1, 3, 256, 256, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        tokens, features = full.analysis(image)
        y = full.bottleneck(features, 0)
        exact = full.synthesis(tokens, y, 0, 1, 1)
        half = stored.synthesis(tokens, y, 0, 1, 1)
    assert half.dtype == torch.float32
    difference = (half - exact).abs() * 255
    assert 0 < float(difference.mean()) < 0.1 and float(difference.max()) < 4


def test_large_packages_keep_classic_offsets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    archive = io.BytesIO()
    torch.jit.save(torch.jit.script(torch.nn.Linear(64, 64)), archive)
    normative = NormativePart(
        window=256,
        tokens_per_window=1,
        levels=(4,),
        latent_channels=4,
        mean_fraction=8,
        step_fraction=8,
        token_tables=[FrequencyTable(np.full(4, 16384))],
        token_map=np.zeros(1, np.uint16),
        thresholds=np.array([1], np.int16),
        scale_tables=[FrequencyTable(np.array([65535, 1]))],
        rate_vectors=np.zeros((1, 1), np.int16),
        layers=[],
        programs=(Program(1), Program(2), Program(2), Program(2)),
    )
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 1000)  # as if the archive were beyond 2 GiB
    data = assemble_package(archive.getvalue(), normative, "{}")
    assert zipfile.ZIP64_LIMIT == 1000
    assert b"PK\x06\x06" not in data and len(data) > 16000
    assert read_package(data)[0].network_digest == normative.network_digest
    with pytest.raises(ValueError, match="already is a model package"):
        assemble_package(data, normative, "{}")


def test_configurations_name_what_is_wrong(tmp_path: Path) -> None:
    ours = ROOT / "models" / "configs" / "dlf-l.yaml"
    assert load_paper_config(ours) == PaperConfig()
    path = tmp_path / "c.yaml"
    for text, words in (
        ("paper: {widht: 3}", "unknown key 'widht'"),
        ("network: {}", "neither a 'paper' mapping"),
        ("[1, 2", "not a YAML file"),
        ("model: {params: {feat_dim: 3}}", "missing key 'config.model.vq_model'"),
    ):
        path.write_text(text)
        with pytest.raises(ValueError, match=words):
            load_paper_config(path)
