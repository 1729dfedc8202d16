"""Mutated checkpoints, loaded one by one: each is loaded or refused, nothing else happens.

    python benchmarks/fuzz_checkpoints.py                   20,000 of them, about half an hour
    python benchmarks/fuzz_checkpoints.py --count 500       a quick look
    python benchmarks/fuzz_checkpoints.py --only 1234       one of them, with its message

A worker process loads each file with `load_contestant`, which builds both networks. Its address space is
limited; its peak of resident memory and its processor time are read after each file. A worker
that does not answer for long is killed.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import sys
import tempfile
import time
import warnings
from collections import Counter
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path

import torch
from environment import machine, versions
from mutations import KINDS, MARKER, bases, mutation

from gancross.checkpoint.file import load_contestant
from gancross.errors import CheckpointError, UsageError, printable

COUNT = 20_000
TIME_LIMIT = 5.0  # seconds of processor time for one file
PATIENCE = 120.0  # seconds until a worker is killed; on a busy machine it may only be waiting
MEMORY_LIMIT = 2 << 30  # bytes of resident memory
ADDRESS_LIMIT = 8 << 30  # bytes of address space beyond a worker's at its start
LONGEST_MESSAGE = 400
GOOD = ("loaded", "refused")
LIBRARIES = ("torch", "safetensors", "numpy")
OUT = Path(__file__).parent / "results" / "fuzz-checkpoints.json"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The outcome for one file: `loaded`, `refused`, or one of the bad outcomes.

    Bad: `error: TYPE` (another exception, or a warning), `message` (not one short printable line), `marker`
    (something in the file was executed), `memory`, `hang`, `crash`.
    """

    number: int
    kind: str
    outcome: str
    seconds: float
    peak: int
    message: str


def load_mutation(seed: int, number: int, good: dict[str, dict[str, bytes]]) -> Verdict:
    """Writes mutation `number` to the current folder and loads it."""
    sample = mutation(seed, number, good)
    path = Path(f"stranger{sample.suffix}")
    path.write_bytes(sample.content)
    message, started = "", time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            load_contestant(path)
            outcome = "loaded"
        except (CheckpointError, UsageError) as error:  # the latter: networks of other code
            message = str(error)
            printable_message = message == printable(message) and len(message) <= LONGEST_MESSAGE
            outcome = "refused" if printable_message else "message"
        except MemoryError:
            outcome = "memory"
        except Exception as error:
            outcome, message = f"error: {type(error).__name__}", str(error)[:LONGEST_MESSAGE]
    seconds = time.process_time() - started
    peak = peak_memory()
    if Path(MARKER).exists():
        outcome = "marker"
    elif peak > MEMORY_LIMIT:
        outcome = "memory"
    elif seconds > TIME_LIMIT:
        outcome = "hang"
    return Verdict(
        number=number, kind=sample.kind, outcome=outcome, seconds=seconds, peak=peak, message=message
    )


def peak_memory() -> int:
    """The largest resident memory of this process in bytes.

    `ru_maxrss` would be at least that of the process that started this one, which execve does not reset.
    """
    lines = Path("/proc/self/status").read_text().splitlines()
    (peak,) = (line.split()[1] for line in lines if line.startswith("VmHWM:"))
    return int(peak) * 1024


def _work(seed: int, folder: str, numbers: Connection) -> None:
    """The worker process: receives numbers, sends verdicts."""
    os.chdir(folder)
    torch.set_num_threads(1)
    good = bases()
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (mapped + ADDRESS_LIMIT,) * 2)
    numbers.send(None)
    while True:
        number = numbers.recv()
        if number is None:
            return
        numbers.send(load_mutation(seed, number, good))


class _Worker:
    """A process and its pipe; its first message says that it is ready."""

    def __init__(self, seed: int) -> None:
        self.folder = tempfile.TemporaryDirectory()
        context = multiprocessing.get_context("spawn")
        self.pipe, child_pipe = context.Pipe()
        self.process: BaseProcess = context.Process(
            target=_work, args=(seed, self.folder.name, child_pipe), daemon=True
        )
        self.process.start()
        child_pipe.close()
        self.number: int | None = None
        self.since = time.perf_counter()
        self.ready = False

    def give(self, number: int) -> None:
        self.number, self.since = number, time.perf_counter()
        self.pipe.send(number)

    def stop(self) -> None:
        self.process.kill()
        self.process.join()
        self.pipe.close()
        self.folder.cleanup()


def fuzz(seed: int, count: int, workers: int) -> list[Verdict]:
    """The verdicts of mutations 0 … count − 1, in their order."""
    verdicts: list[Verdict] = []
    waiting = iter(range(count))
    pool = [_Worker(seed) for _ in range(min(workers, count))]
    try:
        while len(verdicts) < count:
            wait([worker.pipe for worker in pool], timeout=1.0)
            for index, worker in enumerate(pool):
                verdict = _collect(worker)
                if verdict is not None:
                    verdicts.append(verdict)
                if verdict is not None and verdict.outcome in ("hang", "crash", "memory"):
                    worker.stop()  # also after `memory`, since peaks are of a whole process
                    pool[index] = _Worker(seed)
                elif worker.ready and worker.number is None:
                    number = next(waiting, None)
                    if number is not None:
                        worker.give(number)
    finally:
        for worker in pool:
            worker.stop()
    return sorted(verdicts, key=lambda verdict: verdict.number)


def _collect(worker: _Worker) -> Verdict | None:
    """A worker's verdict, or the verdict on a worker that hangs or has died; None while it works."""
    elapsed = time.perf_counter() - worker.since
    number = worker.number
    try:
        if worker.pipe.poll():
            verdict: Verdict | None = worker.pipe.recv()
            worker.ready, worker.number = True, None
            return verdict
        failure = "hang" if number is not None and elapsed > PATIENCE else None
    except (EOFError, OSError):
        failure = "crash"
        if number is None:
            raise RuntimeError("a worker could not start") from None
    if failure is None or number is None:
        return None
    kind = " ".join(KINDS[number % len(KINDS)])
    return Verdict(number=number, kind=kind, outcome=failure, seconds=elapsed, peak=0, message="")


def report(seed: int, verdicts: list[Verdict], seconds: float) -> dict[str, object]:
    """The record: counts by kind of mutation and outcome, extremes, bad outcomes."""
    kinds = [f"{suffix} {kind}" for suffix, kind in KINDS]
    counts = {kind: dict(Counter(v.outcome for v in verdicts if v.kind == kind)) for kind in kinds}
    slowest = max(verdicts, key=lambda verdict: verdict.seconds)
    return {
        "seed": seed,
        "files": len(verdicts),
        "outcomes": dict(Counter(verdict.outcome for verdict in verdicts)),
        "bad": [asdict(verdict) for verdict in bad(verdicts)],
        "by_kind": counts,
        "peak_memory_mib": round(max(verdict.peak for verdict in verdicts) / 2**20),
        "slowest": {"number": slowest.number, "kind": slowest.kind, "seconds": round(slowest.seconds, 3)},
        "limits": {"processor_seconds": TIME_LIMIT, "seconds": PATIENCE, "memory_mib": MEMORY_LIMIT >> 20},
        "seconds": round(seconds, 1),
        "versions": versions(*LIBRARIES),
        "machine": machine(),
    }


def bad(verdicts: list[Verdict]) -> list[Verdict]:
    """The files that were neither loaded nor properly refused."""
    return [verdict for verdict in verdicts if verdict.outcome not in GOOD]


def main() -> int:
    """Runs the mutations, prints the bad ones, writes the JSON; 1 if there is a bad one."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=COUNT)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", type=int, help="load this mutation in this process and say what happens")
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()
    if arguments.only is not None:
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            print(load_mutation(arguments.seed, arguments.only, bases()))
        return 0
    started = time.perf_counter()
    verdicts = fuzz(arguments.seed, arguments.count, arguments.workers)
    record = report(arguments.seed, verdicts, time.perf_counter() - started)
    for verdict in bad(verdicts):
        print(verdict)
    print(json.dumps({key: record[key] for key in ("outcomes", "peak_memory_mib", "slowest", "seconds")}))
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    return 1 if bad(verdicts) else 0


if __name__ == "__main__":
    sys.exit(main())
