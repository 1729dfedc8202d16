"""A benchmark as one job: trains what is missing, resumes what is half done, cross-tests all together."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from joblib import Parallel, delayed

from gancross.checkpoint import load_contestant
from gancross.contestant import Contestant
from gancross.data import catalogue
from gancross.errors import GancrossError, Interrupted, ResourceError, UsageError
from gancross.evaluator.crosstest import crosstest
from gancross.evaluator.result import Result
from gancross.trainer.interruption import stop_requests
from gancross.trainer.loop import train
from gancross.workflow.clusters import BACKENDS
from gancross.workflow.plan import is_finished, run_folder, steps_done
from gancross.workflow.spec import PlannedRun, Spec

STOPPED = "stopped; the same command goes on from here"
POLL = 0.5  # seconds between looks at the logs

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, kw_only=True)
class Execution:
    """Where and how runs execute; none of it changes a figure but `threads` and `device`.

    Attributes:
        backend: a key of `BACKENDS`: `local` processes, `dask` or `ray`.
        scheduler: the address of the cluster's scheduler.
        jobs: runs at a time; by default one per CPU, or as many as a cluster has workers for.
        threads: of each run.
        device, data_root, download: as `gancross.train`.
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
    """How a run ended: plainly, so that it travels between processes and machines."""

    name: str
    exit_code: int = 0
    message: str = ""


def run_benchmark(
    spec: Spec, out: Path, *, execution: Execution | None = None, progress: Progress | None = None
) -> Result:
    """Trains every run of the specification and cross-tests all of them; the same call again goes on.

    A run that fails does not stop the others; it is reported when they are through.

    Args:
        out: folder of the benchmark; runs lie in `out/runs/NAME`.
        progress: called with (what, steps or samples done, of how many).

    Raises:
        UsageError: `out` is a file, or data and recipes do not fit together.
        ResourceError: a backend is missing.
        GancrossError: a run failed; with that run's exit code.
        Interrupted: SIGINT or SIGTERM came; every local run saved its last step.
    """
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out}: is a file, expected the folder of a benchmark")
    execution = execution or Execution()
    train_all(spec.runs, out, execution=execution, progress=progress)
    contestants = [contestant_of(out, run) for run in spec.runs]
    asked = spec.crosstest
    return crosstest(
        contestants,
        data=asked.data or common_data(spec),
        image_size=common_size(spec),
        num_samples=asked.num_samples, seed=asked.seed, norm=asked.norm, quantize=asked.quantize,
        controls=asked.controls, norm_check=asked.norm_check, metrics=asked.metrics,
        kid_subset_size=asked.kid_subset_size, device=execution.device, data_root=execution.data_root,
        progress=progress,
    )  # fmt: skip


def contestant_of(out: Path, run: PlannedRun) -> Contestant:
    """The last checkpoint of a run under its name, with its variant as method."""
    loaded = load_contestant(run_folder(out, run) / "last.pt", name=run.name)
    return replace(loaded, method=run.variant)


def common_data(spec: Spec) -> str:
    """The data that all runs were trained on.

    Raises:
        UsageError: they differ.
    """
    names = sorted({run.recipe.data for run in spec.runs})
    if len(names) > 1:
        raise UsageError(f"the variants train on different data ({', '.join(names)}): set crosstest.data")
    return names[0]


def common_size(spec: Spec) -> int | None:
    """The side to which all training images were resized; None if they were not, or differ."""
    sizes = {run.recipe.image_size for run in spec.runs}
    return sizes.pop() if len(sizes) == 1 else None


def train_all(
    runs: Sequence[PlannedRun], out: Path, *, execution: Execution, progress: Progress | None = None
) -> None:
    """Trains what is not finished, several at a time.

    Raises:
        GancrossError: as `run_benchmark`.
    """
    waiting = [run for run in runs if not is_finished(run, run_folder(out, run))]
    if not waiting:
        return
    tasks = (delayed(train_one)(run, run_folder(out, run).absolute(), execution) for run in waiting)
    backend = BACKENDS[execution.backend](execution.scheduler, len(waiting), execution.jobs)
    with stop_requests() as request, backend as jobs, _watching(runs, out, progress):
        try:
            ended: list[Ended] = list(Parallel(n_jobs=jobs)(tasks))
        except BrokenExecutor:
            if request.signal_number is not None:
                raise Interrupted(STOPPED, signal_number=request.signal_number) from None
            raise ResourceError(
                "a process that trained died, perhaps for lack of memory: use fewer --jobs; the same"
                " command goes on from here"
            ) from None
    failed = [one for one in ended if one.exit_code]
    if failed:
        raise _failure(failed, len(runs))


def train_one(run: PlannedRun, folder: Path, execution: Execution) -> Ended:
    """Trains or resumes one run, wherever a backend has put this call."""
    torch.set_num_threads(execution.threads)
    try:
        train(
            run.recipe, folder, device=execution.device, data_root=execution.data_root.absolute(),
            download=execution.download, log_every=execution.log_every,
        )  # fmt: skip
    except GancrossError as error:
        # An exception with arguments of its own does not survive the way back between processes.
        return Ended(name=run.name, exit_code=error.exit_code, message=str(error))
    return Ended(name=run.name)


def _failure(failed: Sequence[Ended], total: int) -> GancrossError:
    interrupted = [one for one in failed if one.exit_code > 128]
    if interrupted:
        return Interrupted(STOPPED, signal_number=interrupted[0].exit_code - 128)
    first = failed[0]
    more = f"; {len(failed)} of {total} runs failed" if len(failed) > 1 else ""
    failure = GancrossError(f"run '{first.name}': {first.message}{more}")
    failure.exit_code = first.exit_code
    return failure


@contextmanager
def _watching(runs: Sequence[PlannedRun], out: Path, progress: Progress | None) -> Iterator[None]:
    """Inside, the logs of all runs are looked at twice a second and their steps reported."""
    if progress is None:
        yield
        return
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(POLL):
            for run in runs:
                progress(f"training {run.name}", steps_done(run_folder(out, run)), run.recipe.steps)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        for run in runs:
            progress(f"training {run.name}", steps_done(run_folder(out, run)), run.recipe.steps)
