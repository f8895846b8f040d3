"""What is measured: metrics by name, how they are shown, and what belongs together. No torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class MetricInfo:
    """One metric, as tables and plots need to know it.

    Attributes:
        label: for tables and plots.
        higher_is_better: whether more is better.
        digits: decimals worth printing.
        min_side: pictures with a shorter side cannot be measured.
        version: raised when the computation changes, so that no cached result of the old one is
            used.
        counted: the number of each picture that a mean over pictures weighs it by: a share is then
            one of all faces. None: all weigh the same.
        needs: what a picture must show to have a value.
        comparable: False where each setting is measured on other things, so that a curve says
            nothing.
    """

    label: str
    higher_is_better: bool
    digits: int
    min_side: int = 1
    version: int = 1
    counted: str | None = None
    needs: str | None = None
    comparable: bool = True


METRICS: dict[str, MetricInfo] = {
    "psnr": MetricInfo("PSNR, dB", True, 2),
    "ms_ssim": MetricInfo("MS-SSIM", True, 4, min_side=161),
    "lpips": MetricInfo("LPIPS (SqueezeNet)", False, 4, min_side=17),
    "haarpsi": MetricInfo("HaarPSI", True, 4, min_side=16),
    "mdsi": MetricInfo("MDSI", False, 4, min_side=16),
    "ssimulacra2": MetricInfo("SSIMULACRA 2", True, 2, min_side=8),
    "faces": MetricInfo(
        "Faces found again", True, 3, min_side=16, counted="faces_sought", needs="a face"
    ),
    "words": MetricInfo(
        "Words read again", True, 3, min_side=16, counted="words_sought", needs="a word"
    ),
}
# Measured together with another metric: name -> (that metric, its own description).
COMPANIONS: dict[str, tuple[str, MetricInfo]] = {
    "landmarks": (
        "faces",
        MetricInfo(
            *("Landmark error, eye distances", False, 3),
            counted="faces_found",
            needs="a face that is found again",
            comparable=False,
        ),
    ),
}
# The numbers behind the shares: name -> the metric that they are measured with.
COUNTS = {
    "faces_sought": "faces",
    "faces_found": "faces",
    "words_sought": "words",
    "words_found": "words",
}


def values_of(metric: str) -> list[str]:
    """Names of all values that measuring a metric gives, its own first."""
    companions = [name for name, (owner, _) in COMPANIONS.items() if owner == metric]
    return [metric, *companions, *(name for name, owner in COUNTS.items() if owner == metric)]
