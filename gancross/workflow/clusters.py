"""Clusters on which the runs of a benchmark execute, through joblib's backends for Dask and Ray.

Their workers must see the folder of the benchmark and the data under the same paths.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import joblib

from gancross.errors import ResourceError, UsageError

TIMEOUT = 20  # seconds in which a scheduler must answer
LARGEST_PORT = 65535


@contextmanager
def dask(scheduler: str | None) -> Iterator[None]:
    """Inside, joblib's tasks run on the workers of a Dask cluster.

    Raises:
        ResourceError: Dask is not installed, or the scheduler does not answer.
        UsageError: the scheduler is missing.
    """
    if scheduler is None:
        raise UsageError("--backend dask needs --scheduler ADDRESS, such as tcp://host:8786")
    try:
        from distributed import Client
    except ImportError:
        raise ResourceError("--backend dask needs Dask: pip install 'gancross[dask]'") from None
    try:
        client = Client(scheduler, timeout=f"{TIMEOUT}s", set_as_default=True)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise ResourceError(f"Dask scheduler {scheduler}: does not answer: {error}") from None
    with client, joblib.parallel_config(backend="dask"):
        yield


@contextmanager
def ray(scheduler: str | None) -> Iterator[None]:
    """Inside, joblib's tasks run on the workers of a Ray cluster; without an address Ray looks for one.

    Raises:
        ResourceError: Ray is not installed, or the cluster does not answer.
        UsageError: the address is malformed.
    """
    if scheduler is not None:
        _check_answers(scheduler)
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
            yield
    finally:
        cluster.shutdown()


def _check_answers(address: str) -> None:
    """Ray itself tries an address without a listener for minutes, and logs every try."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if not host or not port.isdecimal() or int(port) > LARGEST_PORT:
        raise UsageError(f"--scheduler {address}: write HOST:PORT, such as node1:6379")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=TIMEOUT).close()
    except OSError as error:
        raise ResourceError(f"Ray cluster {address}: does not answer: {error}") from None


CLUSTERS: dict[str, Callable[[str | None], AbstractContextManager[None]]] = {"dask": dask, "ray": ray}
