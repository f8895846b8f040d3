"""Whatever the host has set in torch: the same bytes and pixels, its settings kept afterwards."""

from __future__ import annotations

import ctypes
import ctypes.util
import platform
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from conftest import scene
from dlf import native
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.backends import mkldnn
from torch.utils.flop_counter import FlopCounterMode
from torch_models import SensitiveTransforms, random_torch_package

RATE = 4
Coded = tuple[bytes, npt.NDArray[np.uint8]]
Context = AbstractContextManager[Any]


@contextmanager
def changed(change: Callable[[Any], object], value: Any, before: Any) -> Iterator[None]:
    """Have a setting of the process at `value`, and at last as it was `before`."""
    change(value)
    try:
        yield
    finally:
        change(before)


@contextmanager
def no_profiling_executor() -> Iterator[None]:
    before = torch._C._jit_set_profiling_executor(False)
    try:
        yield
    finally:
        torch._C._jit_set_profiling_executor(before)


def precision(owner: Any, value: str) -> Context:
    return changed(lambda name: setattr(owner, "fp32_precision", name), value, "none")


LIBM = ctypes.CDLL(ctypes.util.find_library("m"))
UPWARD = 0x800 if platform.machine() == "x86_64" else 0x400000

CONTEXTS: dict[str, Callable[[], Context]] = {
    "default dtype float64": lambda: changed(torch.set_default_dtype, torch.float64, torch.float32),
    "default dtype float16": lambda: changed(torch.set_default_dtype, torch.float16, torch.float32),
    "default dtype bfloat16": lambda: changed(
        torch.set_default_dtype, torch.bfloat16, torch.float32
    ),
    "default device": lambda: torch.device("meta"),
    "matmul precision": lambda: changed(torch.set_float32_matmul_precision, "medium", "highest"),
    "precision of all": lambda: precision(torch.backends, "bf16"),
    "precision of mkldnn": lambda: precision(mkldnn, "bf16"),
    "precision of convolutions": lambda: precision(mkldnn.conv, "bf16"),
    "precision of products": lambda: precision(mkldnn.matmul, "bf16"),
    "no mkldnn": lambda: mkldnn.flags(enabled=False),
    "deterministic mkldnn": lambda: mkldnn.flags(enabled=True, deterministic=True),
    "no nnpack": lambda: torch.backends.nnpack.flags(enabled=False),
    "attention": lambda: torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH),
    "sums of attention": lambda: changed(
        torch.backends.cuda.allow_fp16_bf16_reduction_math_sdp, True, False
    ),
    "deterministic": lambda: changed(torch.use_deterministic_algorithms, True, False),
    "threads": lambda: changed(torch.set_num_threads, 3, torch.get_num_threads()),
    "executor": no_profiling_executor,
    "flush denormals": lambda: changed(torch.set_flush_denormal, True, False),
    "rounding": lambda: changed(LIBM.fesetround, UPWARD, 0),
    "inference": torch.inference_mode,
    "no gradients": torch.no_grad,
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
    "flop counter": lambda: FlopCounterMode(display=False),
    "fake tensors": FakeTensorMode,
    "profiler": lambda: torch.profiler.profile(),
}


def matmul_precision() -> str:
    try:
        return torch.get_float32_matmul_precision()
    except RuntimeError:  # torch's word for what only its newer settings can say
        return "mixed"


def settings() -> tuple[Any, ...]:
    return (
        torch.get_default_dtype(),
        matmul_precision(),
        torch.backends.fp32_precision,
        mkldnn.fp32_precision,
        mkldnn.conv.fp32_precision,
        mkldnn.matmul.fp32_precision,
        torch._C._get_mkldnn_enabled(),
        torch.backends.cuda.flash_sdp_enabled(),
        torch.backends.cuda.mem_efficient_sdp_enabled(),
        torch.backends.cuda.math_sdp_enabled(),
        torch.backends.cuda.cudnn_sdp_enabled(),
        torch.backends.cuda.fp16_bf16_reduction_math_sdp_allowed(),
        mkldnn.deterministic,
        torch.are_deterministic_algorithms_enabled(),
        torch.get_num_threads(),
        torch.is_inference_mode_enabled(),
        torch.is_grad_enabled(),
        torch.is_autocast_enabled("cpu"),
        torch.initial_seed(),
        LIBM.fegetround(),
    )


@pytest.fixture(scope="module")
def sensitive_package(torch_package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Networks whose pictures show settings that those of `torch_package` do not."""
    path = tmp_path_factory.mktemp("package") / "sensitive.dlfm"
    path.write_bytes(random_torch_package(torch_package.read_bytes(), SensitiveTransforms))
    return path


@pytest.fixture(scope="module")
def codecs(torch_package: Path, sensitive_package: Path) -> dict[str, native.Codec]:
    names: Any = ("fp32", "bf16")
    made = {name: native.Codec(str(torch_package), precision=name) for name in names}
    for name in names:
        made[f"sensitive {name}"] = native.Codec(str(sensitive_package), precision=name)
    return made


@pytest.fixture(scope="module")
def picture() -> npt.NDArray[np.uint8]:
    return scene(130, 190, 5)


def code(codec: native.Codec, picture: npt.NDArray[np.uint8]) -> Coded:
    file = codec.encode(picture, RATE)
    return file, codec.decode(file)


def same(one: Coded, other: Coded) -> bool:
    return one[0] == other[0] and np.array_equal(one[1], other[1])


@pytest.fixture(scope="module")
def expected(codecs: dict[str, native.Codec], picture: npt.NDArray[np.uint8]) -> dict[str, Coded]:
    return {name: code(codec, picture) for name, codec in codecs.items()}


@pytest.mark.parametrize("name", CONTEXTS)
def test_a_setting_changes_nothing_and_stays(
    name: str,
    codecs: dict[str, native.Codec],
    expected: dict[str, Coded],
    picture: npt.NDArray[np.uint8],
    torch_package: Path,
) -> None:
    with CONTEXTS[name]():
        before = settings()
        loaded = native.Codec(str(torch_package))
        for precision_name, codec in {**codecs, "loaded under it": loaded}.items():
            right = expected.get(precision_name, expected["fp32"])
            assert same(code(codec, picture), right), precision_name
        assert settings() == before


def test_under_a_function_transform(
    codecs: dict[str, native.Codec],
    expected: dict[str, Coded],
    picture: npt.NDArray[np.uint8],
) -> None:
    found = []

    def function(x: torch.Tensor) -> torch.Tensor:
        found.append(code(codecs["fp32"], picture))
        return (x * x).sum()

    gradient = torch.func.grad(function)(torch.ones(2))
    assert same(found[0], expected["fp32"])
    assert gradient.tolist() == [2, 2]


def test_settings_that_change_while_others_code(
    codecs: dict[str, native.Codec],
    expected: dict[str, Coded],
    picture: npt.NDArray[np.uint8],
) -> None:
    """Two threads code, and the host changes its mind between and during their calls."""
    right, done = [], []

    def work() -> None:
        for _ in range(10):
            right.append(same(code(codecs["fp32"], picture), expected["fp32"]))
        done.append(True)

    threads = [Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    while len(done) < len(threads):
        with mkldnn.flags(enabled=False):
            right.append(same(code(codecs["fp32"], picture), expected["fp32"]))
    for thread in threads:
        thread.join()
    assert all(right)
