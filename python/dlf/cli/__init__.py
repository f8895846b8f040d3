"""The `dlf` command line: one module of this package per command.

A command is a module `dlf.cli.NAME` (`-` becomes `_`) with

- `SUMMARY`: one line for `dlf --help`;
- `configure(parser)`: adds its arguments to an `argparse.ArgumentParser`;
- `run(arguments) -> int`: does the work and returns the exit status.

`arguments.words` are the words of the command line.

This package is the roof: it uses `dlf` and `dlf_models`, and neither uses it. Commands of
`dlf_models` have their arguments here too, so that `--help` and completion need no torch.

Modules import what is heavy inside `run`, so that `dlf --help` answers at once.
Errors are raised, not printed: `dlf.cli.main` turns each into one line and an exit status.
"""

from dlf.cli.main import main as main

__all__ = ["main"]
