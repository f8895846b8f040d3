"""Train a model from a YAML configuration; `dlf train --help` lists its options."""

from __future__ import annotations

import argparse
import importlib

__all__ = ["SUMMARY", "configure", "run"]

SUMMARY = "train a model from a YAML configuration"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add nothing: the arguments belong to `dlf_models.train`, which reads them itself."""


def run(arguments: argparse.Namespace) -> int:
    """Hand the words of the command line to `dlf_models.train`."""
    return int(importlib.import_module("dlf_models.train").main(arguments.rest) or 0)
