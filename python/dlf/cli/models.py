"""List the installed models: name, id, rate points and licence.

Packages are found in the folders of DLF_MODEL_PATH and in the installation. With --web FOLDER the
files that a web page fetches are written: the decoding half of each MODEL, the whole package, an
index.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

__all__ = ["SUMMARY", "configure", "run"]

SUMMARY = "list the installed models"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--web", metavar="FOLDER", help="write the models of a web page there")
    parser.add_argument(
        "model",
        metavar="MODEL",
        nargs="*",
        help="with --web: names or packages; the first that encodes is the page's default",
    )


def run(arguments: argparse.Namespace) -> int:
    """List the models; a damaged package is named on standard error and makes the status 14."""
    if arguments.web is not None:
        return _write_web(arguments)
    if arguments.model:
        raise ValueError("MODEL goes with --web")
    from dlf import models
    from dlf.errors import ModelError

    found, problems = models.installed()
    if arguments.json:
        print(
            json.dumps(
                [
                    {
                        "name": model.name,
                        "id": model.id,
                        "sha256": model.sha256,
                        "rate_points": model.rate_points,
                        "window": model.window,
                        "licence": model.licence,
                        "path": str(model.path),
                    }
                    for model in found
                ],
                indent=2,
            )
        )
    elif found:
        print(f"{'name':<16} {'id':>10} {'rates':>6}  {'licence':<14} path")
        for model in found:
            print(
                f"{model.name:<16} {model.id:>10} {model.rate_points:>6}  "
                f"{model.licence:<14} {model.path}"
            )
    else:
        print("no models are installed", file=sys.stderr)
    for problem in problems:
        print(f"dlf: {problem}", file=sys.stderr)
    return ModelError.exit_status if problems else 0


def _write_web(arguments: argparse.Namespace) -> int:
    """Write a folder of models and name its files."""
    from dlf import models
    from dlf.web_models import write_folder

    if not arguments.model:
        raise ValueError("--web needs at least one MODEL")
    chosen = [models.find(name) for name in arguments.model]
    for path in write_folder(Path(arguments.web), chosen):
        print(path)
    return 0
