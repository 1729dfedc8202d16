"""Where and how the runs of a benchmark execute, and how one ended."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gancross.data import catalogue


@dataclass(frozen=True, kw_only=True)
class Execution:
    """Where and how runs execute; none of it changes a figure but `threads` and `device`.

    Attributes:
        backend: `local` processes, or the workers of a `dask` or `ray` cluster.
        scheduler: the address of the cluster's scheduler.
        jobs: runs at a time; by default one per GPU, or per CPU for runs on CPUs, or one per worker of a
            cluster.
        threads: of each run.
        device: as `gancross.train`; local runs are spread over all GPUs if it is `cuda` or `auto`.
        data_root, download: as `gancross.train`.
        log_every: steps between lines of the logs.
    """

    backend: str = "local"
    scheduler: str | None = None
    jobs: int | None = None
    threads: int = 1
    device: str = "auto"
    data_root: Path = catalogue.DEFAULT_ROOT
    download: bool = False
    log_every: int = 100


@dataclass(frozen=True, kw_only=True)
class Ended:
    """The end of a run as plain values, which can be sent between processes and machines."""

    name: str
    exit_code: int = 0
    message: str = ""
