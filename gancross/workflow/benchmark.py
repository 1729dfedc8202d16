"""A benchmark as one job: trains what is missing, resumes what is half done, cross-tests all together."""

from __future__ import annotations

import threading
import tomllib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from queue import SimpleQueue

from joblib import Parallel, delayed

from gancross.checkpoint.contestant import Contestant
from gancross.checkpoint.file import load_contestant
from gancross.data.sets import DataSet
from gancross.errors import GancrossError, Interrupted, UsageError
from gancross.evaluator.crosstest import run_crosstest
from gancross.evaluator.estimates import Missing
from gancross.evaluator.fidelity.plan import check
from gancross.evaluator.judged_data import known_training, load_reals
from gancross.evaluator.judged_labels import with_labels
from gancross.evaluator.judging.scoring import Progress
from gancross.evaluator.protocol import Protocol
from gancross.evaluator.refereeing import with_referees
from gancross.evaluator.referees.labels import training_labels
from gancross.evaluator.referees.options import RefereeOptions
from gancross.evaluator.resizing import common_shape, with_resizing
from gancross.evaluator.result.types import Result
from gancross.machine.cores import available_cores
from gancross.machine.devices import resolve_device, shared_devices
from gancross.machine.files import every_output, write_text
from gancross.machine.threads import checked_threads, torch_threads
from gancross.report.browser.html import html_report
from gancross.report.browser.noise import noise_pictures
from gancross.report.browser.sample_pictures import sample_pictures
from gancross.report.browser.samples import write_samples
from gancross.report.paper_figures.saved_runs import trained_contestant
from gancross.report.text.markdown import markdown_report
from gancross.trainer.loop import train
from gancross.trainer.run.folder import RunFolder
from gancross.trainer.run.interruption import stop_requests
from gancross.trainer.run.status import locked
from gancross.workflow.execution import CLUSTERS, Execution, RunOutcome, run_as_process
from gancross.workflow.own_networks import check_trust, own_pair, with_absolute_code
from gancross.workflow.plan import is_finished, run_folder, steps_done
from gancross.workflow.spec import PlannedRun, Spec, common_data, common_size, parse_spec

STOPPED = "stopped; the same command resumes"
POLL = 0.5  # seconds between reads of the logs


@dataclass(frozen=True, kw_only=True)
class BenchmarkResult:
    """A benchmark's result and its files: record, reports, the last checkpoint of every run."""

    result: Result
    record: Path
    html: Path
    markdown: Path
    checkpoints: dict[str, Path]


def run_benchmark(
    spec: Spec, out: Path, *, execution: Execution | None = None, progress: Progress | None = None
) -> BenchmarkResult:
    """Trains every run of the specification, cross-tests all and reports; the same call again resumes.

    A run that fails does not stop the others; it is reported after they have ended.

    Args:
        out: folder of the benchmark: runs lie in `out/runs/NAME`; `result.json`, which is also what a gate
            takes as a baseline, `result-samples/`, `report.html` and `report.md` in itself.
        progress: called with (what, steps or samples done, of how many).

    Raises:
        UsageError: `out` is a file, data and recipes do not fit together, threads are absurdly many, or the
            benchmark names code that `execution` does not trust.
        ResourceError: another benchmark uses `out`; a cluster or its library is missing, or data, or
            the weights that the metrics need. This is checked before anything is trained.
        GancrossError: a run failed; with that run's exit code.
        Interrupted: SIGINT, SIGTERM or SIGUSR1 was received; every local run saved its last step.
    """
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out}: is a file, expected the folder of a benchmark")
    execution = execution or Execution()
    check_trust(spec, trust_code=execution.trust_code)
    if execution.backend == "local":  # a cluster's machines may have more cores than this one
        checked_threads(execution.threads)
    # Before anything is trained: it may be missing, and runs side by side must not each fetch it.
    reals = load_reals(
        spec.data or common_data(spec), data_root=execution.data_root, image_size=common_size(spec),
        seed=spec.protocol.seed, download=execution.download,
        trained_on={run.name: run.recipe.data for run in spec.runs},
    )  # fmt: skip
    protocol = spec.protocol
    shape = common_shape(reals, protocol)
    for run in spec.runs:
        if run.recipe.conditional == "labels" and reals.labels is None:
            raise UsageError(
                f"run '{run.name}': its discriminator will take labels, but data '{reals.name}', on which it"
                " will judge, has none"
            )
    if spec.referee_labels and reals.labels is None:
        raise UsageError(f"data '{reals.name}': have no labels, which referees shall see")
    with_labels([], reals, protocol)  # whether there are such classes
    if protocol.metrics:  # what they need is checked before days of training, not after
        counts: dict[str | None, int] = dict.fromkeys((run.name for run in spec.runs), protocol.num_samples)
        check(protocol.metrics, shape=shape, counts=counts, kid_subset_size=protocol.kid_subset_size)
    with locked(out):
        train_all(spec.runs, out, execution=execution, progress=progress)
        contestants, reals, protocol = with_labels(
            [contestant_of(out, run) for run in spec.runs], reals, protocol
        )
        contestants, reals, protocol = with_resizing(contestants, reals, protocol, device=execution.device)
        result = run_crosstest(
            contestants, reals, protocol, train=reals.train, device=execution.device, progress=progress
        )
        outputs = BenchmarkResult(
            result=result, record=out / "result.json", html=out / "report.html", markdown=out / "report.md",
            checkpoints={run.name: RunFolder(run_folder(out, run)).last for run in spec.runs},
        )  # fmt: skip
        result.save(outputs.record)
        if spec.referees != "none":  # whoever stops here keeps the record without them
            result = _refereed(result, contestants, reals, spec, protocol, execution, progress)
            outputs = replace(outputs, result=result)
            result.save(outputs.record)
        pictures = sample_pictures(
            contestants, reals, num_samples=protocol.num_samples, seed=protocol.seed,
            device=resolve_device(execution.device), chunk=protocol.chunk,
        )  # fmt: skip
        if not isinstance(result.referees, Missing):
            pictures += noise_pictures(
                contestants, reals, result.referees.protocol.sigmas, num_samples=protocol.num_samples,
                seed=protocol.seed, device=resolve_device(execution.device), chunk=protocol.chunk,
            )  # fmt: skip
        with every_output() as attempt:
            attempt(lambda: write_samples(outputs.record, pictures))
            attempt(lambda: write_text(outputs.html, html_report(result, pictures)))
            attempt(lambda: write_text(outputs.markdown, markdown_report(result)))
    return outputs


def _refereed(
    result: Result, contestants: Sequence[Contestant], reals: DataSet, spec: Spec, protocol: Protocol,
    execution: Execution, progress: Progress | None,
) -> Result:  # fmt: skip
    """The result with referees, trained where the runs were."""
    assert spec.referees != "none"
    cluster = execution.backend != "local"
    options = RefereeOptions(
        budget=spec.referees, workers=execution.jobs, on_cluster=cluster, labels=spec.referee_labels
    )
    with CLUSTERS[execution.backend](execution.scheduler) if cluster else nullcontext():
        return with_referees(
            result, contestants, reals, protocol, options,
            training=known_training(reals.train, protocol),
            training_labels=training_labels(reals.train, reals, protocol), device=execution.device,
            progress=progress,
        )  # fmt: skip


def contestant_of(out: Path, run: PlannedRun) -> Contestant:
    """The last checkpoint of a run under its name, with its variant as method."""
    last = RunFolder(run_folder(out, run)).last
    loaded = (
        load_contestant(last, name=run.name) if run.networks is None
        else trained_contestant(last, run.networks, name=run.name)
    )  # fmt: skip
    return replace(loaded, method=run.variant)


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
    train_runs = _locally if execution.backend == "local" else _on_cluster
    with _watching(runs, out, progress):
        outcomes = train_runs(waiting, out, execution)
    failed = [outcome for outcome in outcomes if outcome.exit_code]
    for outcome in failed:
        if outcome.exit_code > 128:
            raise Interrupted(STOPPED, signal_number=outcome.exit_code - 128)
    if failed:
        more = f"; {len(failed)} of {len(runs)} runs failed" if len(failed) > 1 else ""
        failure = GancrossError(f"run '{failed[0].name}': {failed[0].message}{more}")
        failure.exit_code = failed[0].exit_code
        raise failure


def _locally(runs: Sequence[PlannedRun], out: Path, execution: Execution) -> list[RunOutcome]:
    """Every run is a process; runs are spread evenly over the devices."""
    if execution.scheduler is not None:
        raise UsageError("--scheduler needs --backend dask or ray")
    devices = shared_devices(execution.device)
    on_gpus = devices[0].startswith("cuda")
    jobs = min(len(runs), execution.jobs or (len(devices) if on_gpus else available_cores()))
    execution = replace(execution, cores=max(1, available_cores() // jobs))
    free: SimpleQueue[str] = SimpleQueue()
    for place in range(jobs):
        free.put(devices[place % len(devices)])

    def trained(run: PlannedRun) -> RunOutcome:
        device = free.get()
        try:
            return run_as_process(run, run_folder(out, run), replace(execution, device=device), request)
        finally:
            free.put(device)

    with stop_requests() as request, ThreadPoolExecutor(jobs) as pool:
        outcomes = list(pool.map(trained, runs))
    if request.signal_number is not None:
        raise Interrupted(STOPPED, signal_number=request.signal_number)
    return outcomes


def _on_cluster(runs: Sequence[PlannedRun], out: Path, execution: Execution) -> list[RunOutcome]:
    """Every run is a task of the cluster, which sees the same folders."""
    with CLUSTERS[execution.backend](execution.scheduler):
        tasks = (
            delayed(train_one)(with_absolute_code(run), run_folder(out, run).absolute(), execution)
            for run in runs
        )
        return list(Parallel(n_jobs=execution.jobs or -1)(tasks))


def train_one(run: PlannedRun, folder: Path, execution: Execution) -> RunOutcome:
    """Trains or resumes one run, wherever a cluster has put this call."""
    try:
        with torch_threads(checked_threads(execution.threads) or execution.cores):
            train(
                run.recipe, folder, networks=own_pair(run), device=execution.device,
                data_root=execution.data_root.absolute(), download=execution.download,
                log_every=execution.log_every, threads=execution.threads,
            )  # fmt: skip
    except GancrossError as error:
        # An exception with arguments of its own does not survive the way back between processes.
        return RunOutcome(name=run.name, exit_code=error.exit_code, message=str(error))
    return RunOutcome(name=run.name)


@contextmanager
def _watching(runs: Sequence[PlannedRun], out: Path, progress: Progress | None) -> Iterator[None]:
    """Inside, the logs of all runs are read twice a second and their steps reported."""
    if progress is None:
        yield
        return
    ended = threading.Event()

    def report() -> None:
        for run in runs:
            progress(f"training {run.name}", steps_done(run_folder(out, run)), run.recipe.steps)

    def watch() -> None:
        while not ended.wait(POLL):
            report()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        report()


def demo_spec() -> Spec:
    """The demonstration: one GAN on the digits, trained briefly and longer."""
    return parse_spec(tomllib.loads(files("gancross.workflow").joinpath("demo.toml").read_text("utf-8")))


def demonstrate(out: Path, *, progress: Progress | None = None) -> BenchmarkResult:
    """`run_benchmark` for the demonstration: both GANs side by side on the CPU, one thread each."""
    return run_benchmark(
        demo_spec(), out, execution=Execution(device="cpu", threads=1, log_every=20), progress=progress
    )
