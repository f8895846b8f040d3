"""What a batch tells: how far it is, and in the end what it has done."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["BatchProgress", "Summary"]


@dataclass
class BatchProgress:
    """How far a batch is.

    Attributes:
        inputs: how many files and shards there are to do in this run.
        done: how many of them are behind it, failed ones too.
        pictures: how many have been coded in this run, those in shards too.
        seconds: since the first worker was started.
        interrupts: how often the run has been asked to end.
    """

    inputs: int = 0
    done: int = 0
    pictures: int = 0
    seconds: float = 0.0
    interrupts: int = 0


@dataclass
class Summary:
    """What a batch has done.

    Attributes:
        inputs: files and shards found.
        done_before: finished by an earlier run with the same settings.
        done: finished by this run.
        failed: failed now, or before and not tried again.
        unfinished: neither, because the run ended early.
        failures: the first thousand of the failures, pictures in shards included: what and why.
        pictures, pixels, dlf_bytes: coded by this run.
        output_bytes: size of the outputs that this run has written.
        seconds: since the first worker was started.
        workers: how many there were.
        peak_worker_memory: the most that one worker had at once, in bytes.
        ignored: files of searched folders that are no pictures.
        manifest: the path of the manifest.
        stopped: why the run could not go on, "" when it could.
        interrupted: whether it was asked to end early.
    """

    inputs: int = 0
    done_before: int = 0
    done: int = 0
    failed: int = 0
    unfinished: int = 0
    failures: list[tuple[str, str]] = field(default_factory=list)
    pictures: int = 0
    pixels: int = 0
    dlf_bytes: int = 0
    output_bytes: int = 0
    seconds: float = 0.0
    workers: int = 0
    peak_worker_memory: int = 0
    ignored: int = 0
    manifest: str = ""
    stopped: str = ""
    interrupted: bool = False
