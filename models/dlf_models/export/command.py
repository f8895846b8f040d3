"""``dlf export CKPT OUT.dlfm``: a training checkpoint becomes a model package."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
from pathlib import Path

from ..package_format import read_package
from ..training.checkpoint import load_checkpoint
from ..training.data import load_images
from ..training.initialise import save_prior
from .package import build_package, network_of


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        prog="dlf export", description="Turn a training checkpoint into a model package."
    )
    p.add_argument("checkpoint")
    p.add_argument("out", help="package to write (.dlfm)")
    p.add_argument(
        "--data", required=True, help="training images, for calibration and frequency tables"
    )
    p.add_argument("--limit", type=int, default=2000, help="use at most this many of them")
    p.add_argument(
        "--measure", help="images on which to measure what the integer prior costs, e.g. Kodak"
    )
    p.add_argument("--licence", default="Apache-2.0")
    return p


def main(argv: list[str] | None = None) -> int:
    args = parser().parse_args(argv)
    try:
        state = load_checkpoint(Path(args.checkpoint))
        network = network_of(state)
        images = load_images(args.data, network.config.window)
        step = max(1, len(images) // args.limit)
        seen = state["counters"][0]
        description = {
            "name": state["config"]["name"],
            "profile": state["config"]["profile"],
            "licence": args.licence,
            "training": f"{seen} crops seen",
        }
        measured = load_images(args.measure, network.config.window) if args.measure else None
        data, report = build_package(network, images[::step][: args.limit], description, measured)
        normative, _ = read_package(data)
        out = Path(args.out)
        temporary = out.with_suffix(out.suffix + ".partial")
        temporary.write_bytes(data)
        os.replace(temporary, out)
        save_prior(network, out)
    except (OSError, ValueError, RuntimeError) as error:
        print(f"dlf export: {error}", file=sys.stderr)
        return 1
    print(json.dumps({k: v for k, v in report.items() if not isinstance(v, list)}, indent=1))
    print(f"{out}: {len(data)} bytes, SHA-256 {hashlib.sha256(normative.to_bytes()).hexdigest()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
