"""Export a training checkpoint as a model package; `dlf export --help` lists its options."""

from __future__ import annotations

import argparse
import importlib

__all__ = ["SUMMARY", "configure", "run"]

SUMMARY = "export a training checkpoint as a .dlfm model package"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add nothing: the arguments belong to `dlf_models.export`, which reads them itself."""


def run(arguments: argparse.Namespace) -> int:
    """Hand the words of the command line to `dlf_models.export`."""
    return int(importlib.import_module("dlf_models.export").main(arguments.rest) or 0)
