"""Measure DLF and the classical codecs; `dlf eval --help` lists the options."""

from __future__ import annotations

import argparse
import importlib

__all__ = ["SUMMARY", "configure", "run"]

SUMMARY = "measure rate and quality, also of JPEG, WebP, AVIF and JPEG XL"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add nothing: the arguments belong to `dlf_models.evaluation.cli`, which reads them itself."""


def run(arguments: argparse.Namespace) -> int:
    """Hand the words of the command line to `dlf_models.evaluation.cli`."""
    return int(importlib.import_module("dlf_models.evaluation.cli").main(arguments.rest) or 0)
