"""``dlf export CKPT OUT.dlfm``: a training checkpoint becomes a model package."""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from pathlib import Path

from dlf.cli.arguments import add_overwrite, check_count, checked, number
from dlf.files import is_stream, write_atomically
from dlf.outputs import Output, judge, refuse_existing

from ..package_format import read_package
from ..training.checkpoint import load_checkpoint
from ..training.data import load_images
from ..training.initialise import prior_path, save_prior
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
    p.add_argument(
        "--limit",
        type=checked(check_count, number),
        default=2000,
        help="use at most this many of them (default: 2000)",
    )
    p.add_argument(
        "--measure", help="images on which to measure what the integer prior costs, e.g. Kodak"
    )
    p.add_argument("--licence", default="Apache-2.0")
    p.add_argument("--name", help="of the model (default: that of its training configuration)")
    add_overwrite(p)
    return p


def main(argv: list[str] | None = None) -> int:
    args = parser().parse_args(argv)
    out = Path(args.out)
    written = [Output(args.out, "model package")]
    if not is_stream(args.out):
        written.append(Output(str(prior_path(out)), "NumPy archive"))
    read = [path for path in (args.checkpoint, args.data, args.measure) if path]
    judge(written, read, args.overwrite)
    for output in written:
        refuse_existing(output.path, args.overwrite)
    try:
        state = load_checkpoint(Path(args.checkpoint))
        network = network_of(state)
        images = load_images(args.data, network.config.window)
        step = max(1, len(images) // args.limit)
        seen = state["counters"][0]
        description = {
            "name": args.name or state["config"]["name"],
            "profile": state["config"]["profile"],
            "licence": args.licence,
            "training": f"{seen} crops seen",
        }
        measured = load_images(args.measure, network.config.window) if args.measure else None
        data, report = build_package(network, images[::step][: args.limit], description, measured)
        normative, _ = read_package(data)
        write_atomically(args.out, data)
        if not is_stream(args.out):
            save_prior(network, out)
    except (OSError, ValueError, RuntimeError) as error:
        print(f"dlf export: {error}", file=sys.stderr)
        return 1
    print(json.dumps({k: v for k, v in report.items() if not isinstance(v, list)}, indent=1))
    print(f"{out}: {len(data)} bytes, SHA-256 {hashlib.sha256(normative.to_bytes()).hexdigest()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
