"""List the installed models: name, id, rate points and licence.

Packages are found in the folders of DLF_MODEL_PATH and in the installation.
"""

from __future__ import annotations

import argparse
import json
import sys

__all__ = ["SUMMARY", "configure", "run"]

SUMMARY = "list the installed models"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    """List the models; a damaged package is named on standard error and makes the status 14."""
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
