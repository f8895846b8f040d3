"""Folders of any size, on one machine or a cluster: what `dlf batch` does, for programs.

    from dlf.batch import Running, Settings, run

    summary = run(["photos"], "small", Settings(quality=40), Running(workers=4))

Worker processes import the main program again, so a script needs `if __name__ == "__main__":`.
"""

from dlf.batch.engine import EngineError as EngineError
from dlf.batch.report import BatchProgress as BatchProgress
from dlf.batch.report import Summary as Summary
from dlf.batch.runner import run as run
from dlf.batch.running import Running as Running
from dlf.batch.settings import Settings as Settings
from dlf.batch.stores import FsspecStore as FsspecStore
from dlf.batch.stores import LocalStore as LocalStore
from dlf.batch.stores import Store as Store
from dlf.batch.stores import open_store as open_store

__all__ = [
    "BatchProgress",
    "EngineError",
    "FsspecStore",
    "LocalStore",
    "Running",
    "Settings",
    "Store",
    "Summary",
    "open_store",
    "run",
]
