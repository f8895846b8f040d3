"""Tests of the tests: decoders that are broken on purpose must fail, each for its own reason."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from conformance import __main__ as runner
from conformance import reference_decoder, specification, suite
from conformance.checks import Reason
from conformance.decoders import Answer, FunctionDecoder

VALID = "test-torch-mode-rgba"  # its pixels have a tolerance
BAD = "bad-version-2"
IDS = (VALID, "test-torch-odd", "test-trailer-alone", "cut-in-detail", BAD, "bad-payload-one-less")
Change = Callable[[Sequence[str], Answer], Answer]


class Tampered:
    """The reference decoder, with reference pixels, and one thing wrong in each answer."""

    def __init__(self, change: Change) -> None:
        self.decoder = FunctionDecoder(reference_decoder.main)
        self.change = change

    def run(self, arguments: Sequence[str], packages: str) -> Answer:
        """Answer, wrongly."""
        command, source, *rest = arguments
        if command != "decode":
            return self.change(arguments, self.decoder.run(arguments, packages))
        answer = self.decoder.run(["symbols", source, *rest], packages)
        if answer.status == 0:
            name = "-".join(["reference", *(word.strip("-") for word in rest[1:])]) + ".png"
            reference = Path(source).parent / name
            Path(rest[0]).write_bytes(reference.read_bytes())
        return self.change(arguments, answer)


def reasons(change: Change) -> Counter[Reason]:
    """Why the decoder failed, and how often."""
    vectors = [vector for vector in suite.load_vectors() if vector.id in IDS]
    assert len(vectors) == len(IDS)
    results = suite.run(vectors, Tampered(change), specification.pixel_bound())
    return Counter(result.failure.reason for result in results if result.failure is not None)


def symbols(change: Callable[[dict[str, Any]], None]) -> Change:
    """Change what is in OUT.npz."""

    def changed(arguments: Sequence[str], answer: Answer) -> Answer:
        if arguments[0] == "symbols" and answer.status == 0:
            with np.load(arguments[2]) as archive:
                arrays = dict(archive)
            change(arrays)
            with open(arguments[2], "wb") as file:
                np.savez(file, **arrays)
        return answer

    return changed


def picture(change: Callable[[np.ndarray], np.ndarray]) -> Change:
    """Change what is in OUT.png."""

    def changed(arguments: Sequence[str], answer: Answer) -> Answer:
        if arguments[0] == "decode" and answer.status == 0:
            with Image.open(arguments[2]) as image:
                pixels = np.asarray(image)
            Image.fromarray(change(pixels)).save(arguments[2])
        return answer

    return changed


def one_off(arrays: dict[str, Any]) -> None:
    """The last symbol of the file."""
    arrays["symbols"].flat[-1] += 1


def levels_off(levels: int, samples: int) -> Callable[[np.ndarray], np.ndarray]:
    """The red samples of the first pixels are wrong by so many levels."""

    def changed(pixels: np.ndarray) -> np.ndarray:
        wrong = pixels.astype(int)
        rows, columns = np.unravel_index(np.arange(samples), pixels.shape[:2])
        signs = np.where(wrong[rows, columns, 0] > 128, -1, 1)
        wrong[rows, columns, 0] += signs * levels
        return wrong.astype(np.uint8)

    return changed


def test_an_honest_decoder_passes() -> None:
    assert not reasons(lambda arguments, answer: answer)


def test_one_symbol_off() -> None:
    assert set(reasons(symbols(one_off))) == {Reason.TENSOR}


def test_the_first_tensor_that_differs_is_named() -> None:
    def change(arrays: dict[str, Any]) -> None:
        arrays["latent"].flat[0] += 1
        arrays["scale_index"].flat[0] += 1

    vectors = [vector for vector in suite.load_vectors() if vector.id == VALID]
    results = suite.run(vectors, Tampered(symbols(change)), specification.pixel_bound(), ["T2"])
    [line] = runner.details(results)
    assert "another tensor: scale_index differs" in line


@pytest.mark.parametrize(
    ("name", "reason"), [("final_state", Reason.STATE), ("token_bytes", Reason.TOKEN_BYTES)]
)
def test_a_number_off(name: str, reason: Reason) -> None:
    assert set(reasons(symbols(lambda arrays: arrays.update({name: arrays[name] + 1})))) == {reason}


def test_a_missing_tensor() -> None:
    found = reasons(symbols(lambda arrays: arrays.__delitem__("mean")))
    assert set(found) == {Reason.TENSOR}


def test_tensors_of_floats() -> None:
    found = reasons(symbols(lambda arrays: arrays.update(mean=arrays["mean"].astype(float))))
    assert set(found) == {Reason.OUTPUT}


def test_a_transposed_tensor() -> None:
    found = reasons(symbols(lambda arrays: arrays.update(step=arrays["step"].swapaxes(1, 2))))
    assert set(found) == {Reason.TENSOR}


def test_one_status_wrong() -> None:
    def change(arguments: Sequence[str], answer: Answer) -> Answer:
        wrong = {12: 10}.get(answer.status, answer.status)
        return Answer(wrong, answer.output, answer.errors)

    assert reasons(change) == Counter({Reason.STATUS: 2})


def test_always_exit_status_0() -> None:
    def change(arguments: Sequence[str], answer: Answer) -> Answer:
        refused = answer.status >= 10
        return Answer(0, answer.output, "") if refused else answer

    assert reasons(change) == Counter({Reason.STATUS: 4})


def test_exit_status_0_and_nothing_else() -> None:
    def change(arguments: Sequence[str], answer: Answer) -> Answer:
        Path(arguments[2]).unlink(missing_ok=True)
        return Answer(0, "", "")

    vectors = [vector for vector in suite.load_vectors() if vector.id in IDS]
    expected = Counter(check["status"] == "OK" for each in vectors for check in each.test["checks"])
    found = reasons(change)
    assert found == Counter({Reason.STATUS: expected[False], Reason.OUTPUT: expected[True]})


@pytest.mark.parametrize("status", [1, 3, 127, -11])
def test_an_exit_status_outside_the_contract(status: int) -> None:
    found = reasons(lambda arguments, answer: Answer(status, "", "crashed"))
    assert set(found) == {Reason.CONTRACT}


def test_a_wrong_fact() -> None:
    def change(arguments: Sequence[str], answer: Answer) -> Answer:
        if arguments[0] != "info" or answer.status:
            return answer
        facts = json.loads(answer.output)
        facts["width"], facts["height"] = facts["height"], facts["width"]
        return Answer(0, json.dumps(facts), "")

    assert set(reasons(change)) == {Reason.FACT}


def test_a_picture_of_wrong_size() -> None:
    found = reasons(picture(lambda pixels: pixels[:, 1:]))
    assert set(found) == {Reason.SIZE}


def test_a_picture_without_its_alpha() -> None:
    found = reasons(picture(lambda pixels: pixels[..., :3]))
    assert found == Counter({Reason.SIZE: 1})


def test_alpha_has_no_tolerance() -> None:
    def change(pixels: np.ndarray) -> np.ndarray:
        changed = pixels.copy()
        changed[..., 3:] ^= 1
        return changed

    assert reasons(picture(change)) == Counter({Reason.PIXELS: 1})


def test_pixels_too_far() -> None:
    bound = specification.pixel_bound()
    found = reasons(picture(levels_off(bound.levels, samples=500)))
    assert found == Counter({Reason.PIXELS: 2})  # those of the integer package, which are exact
    found = reasons(picture(levels_off(bound.levels + 1, samples=500)))
    assert found == Counter({Reason.PIXELS: 4})


def test_vectors_of_another_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suite, "model_hash", lambda name: "0" * 64)
    assert reasons(lambda arguments, answer: answer) == Counter({Reason.MODEL: 12})
    monkeypatch.setattr(suite, "model_hash", lambda name: None)
    assert not reasons(lambda arguments, answer: answer)


def test_a_decoder_that_supports_nothing(tmp_path: Path) -> None:
    program = tmp_path / "nothing.sh"
    program.write_text("exit 2\n")
    assert runner.main(["--decoder", f"sh {program}", "--only", VALID]) == 1
    assert not reasons(lambda arguments, answer: Answer(2, "", "usage"))


def test_the_runner_exits_with_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program = tmp_path / "always0.sh"
    program.write_text("exit 0\n")
    assert runner.main(["--decoder", f"sh {program}", "--only", BAD]) == 1
    assert f"FAILED {BAD}: info: another exit status" in capsys.readouterr().out
    assert runner.main(["--decoder", "true", "--only", "no-such-vector"]) == 2
