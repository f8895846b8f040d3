"""The `dlf` command line: one module of this package per command.

A command is a module `dlf.cli.NAME` (`-` becomes `_`) with

- `SUMMARY`: one line for `dlf --help`;
- `configure(parser)`: adds its arguments to an `argparse.ArgumentParser`;
- `run(arguments) -> int`: does the work and returns the exit status.

A command that another package serves is also listed in `dlf.cli.main.DELEGATED`: it gets all its
words unread in `arguments.rest`.

Modules import what is heavy inside `run`, so that `dlf --help` answers at once.
Errors are raised, not printed: `dlf.cli.main` turns each into one line and an exit status.
"""

from dlf.cli.main import main as main

__all__ = ["main"]
