"""Turn an official checkpoint of the paper into a model package; `--help` lists the options."""

from __future__ import annotations

import argparse
import importlib

__all__ = ["SUMMARY", "configure", "run"]

SUMMARY = "turn an official checkpoint of the paper into a .dlfm model package"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add nothing: the arguments belong to `dlf_models.paper`, which reads them itself."""


def run(arguments: argparse.Namespace) -> int:
    """Hand the words of the command line to `dlf_models.paper.import_official`."""
    return int(importlib.import_module("dlf_models.paper.import_official").main(arguments.rest))
