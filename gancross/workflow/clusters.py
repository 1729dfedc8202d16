"""Where the runs of a benchmark execute: joblib's backends for local processes, Dask and Ray."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import joblib

from gancross.errors import ResourceError, UsageError


@contextmanager
def local(scheduler: str | None, runs: int, jobs: int | None) -> Iterator[int]:
    """Processes on this machine, at most one per CPU; yields how many."""
    if scheduler is not None:
        raise UsageError("--scheduler needs --backend dask or ray")
    with joblib.parallel_config(backend="loky", inner_max_num_threads=1):
        yield min(runs, jobs or os.cpu_count() or 1)


@contextmanager
def dask(scheduler: str | None, runs: int, jobs: int | None) -> Iterator[int]:
    """The workers of a Dask cluster. They must see the folder of the benchmark and the data.

    Raises:
        ResourceError: Dask is not installed, or the scheduler does not answer.
        UsageError: no scheduler was named.
    """
    try:
        from distributed import Client
    except ImportError:
        raise ResourceError("--backend dask needs Dask: pip install 'gancross[dask]'") from None
    if scheduler is None:
        raise UsageError("--backend dask needs --scheduler ADDRESS, such as tcp://host:8786")
    try:
        client = Client(scheduler, timeout="20s", set_as_default=True)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise ResourceError(f"Dask scheduler {scheduler}: does not answer: {error}") from None
    with client, joblib.parallel_config(backend="dask"):
        yield jobs or -1


@contextmanager
def ray(scheduler: str | None, runs: int, jobs: int | None) -> Iterator[int]:
    """The workers of a Ray cluster; without an address the one that Ray finds. They must see folder and data.

    Raises:
        ResourceError: Ray is not installed, or the cluster does not answer.
    """
    try:
        import ray as cluster
        from ray.util.joblib import register_ray
    except ImportError:
        raise ResourceError("--backend ray needs Ray: pip install 'gancross[ray]'") from None
    try:
        cluster.init(address=scheduler or "auto", ignore_reinit_error=True)
    except (ConnectionError, ValueError) as error:
        raise ResourceError(f"Ray cluster {scheduler or 'auto'}: does not answer: {error}") from None
    register_ray()
    try:
        with joblib.parallel_config(backend="ray"):
            yield jobs or -1
    finally:
        cluster.shutdown()


Backend = Callable[[str | None, int, int | None], AbstractContextManager[int]]

BACKENDS: dict[str, Backend] = {"local": local, "dask": dask, "ray": ray}
