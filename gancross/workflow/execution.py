"""How the runs of a benchmark execute: as processes of this machine, or on a cluster.

A signal reaches each process once, through the parent. Clusters are joblib's backends for Dask and Ray; their
workers must see the folder of the benchmark and the data under the same paths.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import joblib

from gancross.data import catalogue
from gancross.errors import ResourceError, UsageError
from gancross.trainer.run.interruption import StopRequest
from gancross.workflow.spec import PlannedRun

POLL = 0.2  # seconds between polls of a process
TIMEOUT = 20  # seconds in which a scheduler must answer
LARGEST_PORT = 65535


@dataclass(frozen=True, kw_only=True)
class Execution:
    """Where and how runs execute; none of it changes a figure but `threads` and `device`.

    Attributes:
        backend: `local` processes, or the workers of a `dask` or `ray` cluster.
        scheduler: the address of the cluster's scheduler.
        jobs: runs at a time; by default one per GPU, or per core for runs on CPUs, or one per worker of a
            cluster.
        threads: of each training run; None: as `gancross.train` chooses, of its `cores`.
        cores: that one run may use.
        device: as `gancross.train`; local runs are spread over all GPUs if it is `cuda` or `auto`.
        data_root, download: as `gancross.train`.
        log_every: steps between lines of the logs.
        trust_code: whether the code of own networks that the benchmark names may run.
    """

    backend: str = "local"
    scheduler: str | None = None
    jobs: int | None = None
    threads: int | None = None
    cores: int = 1
    device: str = "auto"
    data_root: Path = catalogue.DEFAULT_ROOT
    download: bool = False
    log_every: int = 100
    trust_code: bool = False


@dataclass(frozen=True, kw_only=True)
class RunOutcome:
    """How a run ended, as plain values, which can be sent between processes and machines."""

    name: str
    exit_code: int = 0
    message: str = ""


def run_as_process(run: PlannedRun, folder: Path, execution: Execution, request: StopRequest) -> RunOutcome:
    """`gancross train` for one run; after a signal to the parent it is terminated, saves and exits.

    After a signal no run is started.
    """
    if request.signal_number is not None:
        return RunOutcome(name=run.name, exit_code=128 + request.signal_number, message="stopped")
    threads = str(execution.threads or execution.cores)
    with tempfile.TemporaryFile() as stderr_file:  # a full pipe would block the child
        try:
            process = subprocess.Popen(
                command(run, folder, execution),
                env=os.environ | {"OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads},
                stdout=subprocess.DEVNULL, stderr=stderr_file,
                start_new_session=True,  # Ctrl-C reaches the parent, which terminates each child once
            )  # fmt: skip
        except OSError as error:
            return RunOutcome(
                name=run.name,
                exit_code=ResourceError.exit_code,
                message=f"cannot be started: {error.strerror}",
            )
        try:
            while process.poll() is None and request.signal_number is None:
                time.sleep(POLL)
        finally:
            if process.poll() is None:
                # The same signal, since it may have inherited that others are ignored.
                process.send_signal(request.signal_number or signal.SIGTERM)
            process.wait()
        stderr_file.seek(0)
        return _outcome(run, process.returncode, stderr_file.read().decode(errors="replace"))


def command(run: PlannedRun, folder: Path, execution: Execution) -> list[str]:
    """The command line that trains a run, with every field of its recipe."""
    settings = [
        part for key, value in run.recipe.to_dict().items() if key != "name"
        for part in ("--set", f"{key}={value}")
    ]  # fmt: skip
    threads = [] if execution.threads is None else ["--threads", str(execution.threads)]
    own = [] if run.networks is None else ["--networks", run.networks, "--trust-code"]
    return [
        sys.executable, "-m", "gancross", "train", run.recipe.name, "--out", str(folder), "--quiet",
        "--device", execution.device, "--data-root", str(execution.data_root),
        "--log-every", str(execution.log_every), *threads,
        *(["--download"] if execution.download else []), *own, *settings,
    ]  # fmt: skip


def _outcome(run: PlannedRun, code: int, stderr: str) -> RunOutcome:
    """The outcome by exit code and last line of error; gancross itself kills no run."""
    if code == 0:
        return RunOutcome(name=run.name)
    last = (stderr.strip().splitlines() or [f"exit code {code}"])[-1].removeprefix("Error: ")
    if code < 0:
        name = signal.Signals(-code).name
        return RunOutcome(
            name=run.name,
            exit_code=ResourceError.exit_code,
            message=f"killed by {name}, perhaps for lack of memory",
        )
    return RunOutcome(name=run.name, exit_code=code, message=last)


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
