"""Mutated checkpoints, loaded one by one: each is loaded or refused, nothing else happens.

    python benchmarks/fuzz_checkpoints.py                   20,000 of them, about half an hour
    python benchmarks/fuzz_checkpoints.py --count 500       a quick look
    python benchmarks/fuzz_checkpoints.py --only 1234       one of them, with what it says

A worker process loads each file with `load_contestant`, which builds both networks. Its address space is
limited; its peak of resident memory and its processor time are read after each file. A worker that says
nothing for long is killed.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import resource
import sys
import tempfile
import time
import warnings
from collections import Counter
from dataclasses import asdict, dataclass
from importlib.metadata import version
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path

import torch
from mutations import KINDS, MARKER, bases, mutation

from gancross.checkpoint.file import load_contestant
from gancross.errors import CheckpointError, UsageError, printable

COUNT = 20_000
TIME_LIMIT = 5.0  # seconds of processor time for one file
PATIENCE = 120.0  # seconds until a worker is given up, which on a busy machine may only wait
MEMORY_LIMIT = 2 << 30  # bytes of resident memory
ADDRESS_LIMIT = 8 << 30  # bytes of address space beyond what a worker has at its start
LONGEST_MESSAGE = 400
GOOD = ("loaded", "refused")
LIBRARIES = ("torch", "safetensors", "numpy")
OUT = Path(__file__).parent / "results" / "fuzz-checkpoints.json"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What became of one file: `loaded`, `refused`, or one of the bad outcomes.

    Bad: `error: TYPE` (another exception, or a warning), `message` (not one short printable line), `marker`
    (something in the file was executed), `memory`, `hang`, `crash`.
    """

    number: int
    kind: str
    outcome: str
    seconds: float
    peak: int
    said: str


def judged(seed: int, number: int, good: dict[str, dict[str, bytes]]) -> Verdict:
    """Makes mutation `number` in the current folder, loads it, and says what happened."""
    made = mutation(seed, number, good)
    path = Path(f"stranger{made.suffix}")
    path.write_bytes(made.content)
    said, started = "", time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            load_contestant(path)
            outcome = "loaded"
        except (CheckpointError, UsageError) as error:  # the latter: networks of other code
            said = str(error)
            fine = said == printable(said) and len(said) <= LONGEST_MESSAGE
            outcome = "refused" if fine else "message"
        except MemoryError:
            outcome = "memory"
        except Exception as error:
            outcome, said = f"error: {type(error).__name__}", str(error)[:LONGEST_MESSAGE]
    seconds = time.process_time() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    if Path(MARKER).exists():
        outcome = "marker"
    elif peak > MEMORY_LIMIT:
        outcome = "memory"
    elif seconds > TIME_LIMIT:
        outcome = "hang"
    return Verdict(number=number, kind=made.kind, outcome=outcome, seconds=seconds, peak=peak, said=said)


def _work(seed: int, folder: str, numbers: Connection) -> None:
    """A worker: takes numbers, gives verdicts."""
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
        numbers.send(judged(seed, number, good))


class _Worker:
    """A process and its pipe; its first message says that it is ready."""

    def __init__(self, seed: int) -> None:
        self.folder = tempfile.TemporaryDirectory()
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process: BaseProcess = context.Process(
            target=_work, args=(seed, self.folder.name, theirs), daemon=True
        )
        self.process.start()
        theirs.close()
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
            for place, worker in enumerate(pool):
                verdict = _collect(worker)
                if verdict is not None:
                    verdicts.append(verdict)
                if verdict is not None and verdict.outcome in ("hang", "crash", "memory"):
                    worker.stop()  # also after `memory`, since peaks are of a whole process
                    pool[place] = _Worker(seed)
                elif worker.ready and worker.number is None:
                    number = next(waiting, None)
                    if number is not None:
                        worker.give(number)
    finally:
        for worker in pool:
            worker.stop()
    return sorted(verdicts, key=lambda verdict: verdict.number)


def _collect(worker: _Worker) -> Verdict | None:
    """What a worker has to say, or what has to be said of it."""
    elapsed = time.perf_counter() - worker.since
    number = worker.number
    try:
        if worker.pipe.poll():
            verdict: Verdict | None = worker.pipe.recv()
            worker.ready, worker.number = True, None
            return verdict
        lost = "hang" if number is not None and elapsed > PATIENCE else None
    except (EOFError, OSError):
        lost = "crash"
        if number is None:
            raise RuntimeError("a worker could not start") from None
    if lost is None or number is None:
        return None
    kind = " ".join(KINDS[number % len(KINDS)])
    return Verdict(number=number, kind=kind, outcome=lost, seconds=elapsed, peak=0, said="")


def report(seed: int, verdicts: list[Verdict], seconds: float) -> dict[str, object]:
    """The JSON: counts by kind of mutation and outcome, extremes, what was bad."""
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
        "versions": {"python": platform.python_version()} | {name: version(name) for name in LIBRARIES},
        "machine": {"cpu": platform.machine(), "cores": os.cpu_count()},
    }


def bad(verdicts: list[Verdict]) -> list[Verdict]:
    """Those that were neither loaded nor refused as they should be."""
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
            print(judged(arguments.seed, arguments.only, bases()))
        return 0
    started = time.perf_counter()
    verdicts = fuzz(arguments.seed, arguments.count, arguments.workers)
    found = report(arguments.seed, verdicts, time.perf_counter() - started)
    for verdict in bad(verdicts):
        print(verdict)
    print(json.dumps({key: found[key] for key in ("outcomes", "peak_memory_mib", "slowest", "seconds")}))
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    return 1 if bad(verdicts) else 0


if __name__ == "__main__":
    sys.exit(main())
