"""What training referees will cost, by a few steps of that very training before it starts."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch

from gancross.evaluator.referees.arena import Arena
from gancross.evaluator.referees.halves import SampleSet
from gancross.evaluator.referees.scoring import BLOCK, rung_scores
from gancross.evaluator.referees.training import judge_network, training_snapshots
from gancross.evaluator.referees.work import Task, materials, tasks_of
from gancross.machine.distributed import current
from gancross.machine.threads import torch_threads

WARM_UP, MEASURED = 1, 3  # steps


@dataclass(frozen=True, kw_only=True)
class TrainingEstimate:
    """What the referees of a call, controls included, will cost.

    Attributes:
        num_trained, num_cached: referees to train, and those that the cache holds.
        workers: referees that train side by side.
        processor_seconds: of all that are to be trained.
        seconds: until they are.
    """

    num_trained: int
    num_cached: int
    workers: int
    processor_seconds: float
    seconds: float


def training_estimate(calls: Sequence[tuple[Mapping[str, SampleSet], Arena]]) -> TrainingEstimate | None:
    """The cost of referees that are trained one call after the other.

    Returns:
        None where the cache holds all referees, and where nothing could be measured.
    """
    absent = [_absent(sets, arena) for sets, arena in calls]
    first = next((task for tasks in absent for task in tasks), None)
    if first is None:
        return None
    try:
        pace = _pace(first)
    except Exception:  # the training itself will fail with an error of its own
        return None
    processes = current().size
    seconds, processor, workers = 0.0, 0.0, 1
    for tasks, (_, arena) in zip(absent, calls, strict=True):
        if tasks:
            together = min(processes if processes > 1 else arena.workers, len(tasks))
            of_all = sum(map(pace.seconds, tasks))
            processor += of_all
            seconds += of_all * math.ceil(len(tasks) / together) / len(tasks)
            workers = max(workers, together)
    num_trained = sum(map(len, absent))
    in_all = sum(len(sets) * len(arena.identities) for sets, arena in calls)
    return TrainingEstimate(
        num_trained=num_trained, num_cached=in_all - num_trained, workers=workers,
        processor_seconds=processor, seconds=seconds,
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class _Pace:
    """Seconds of a training step, and of one sample that one network scores."""

    step: float
    score: float

    def seconds(self, task: Task) -> float:
        """Of the training of one referee, the choice of its snapshots and its scores."""
        return task.effort.steps * self.step + task.effort.scores * self.score


def _absent(sets: Mapping[str, SampleSet], arena: Arena) -> list[Task]:
    """The referees of a call that the cache does not hold."""
    places = [
        (name, identity) for name, samples in sets.items() for identity in arena.identities
        if not arena.key(samples, identity).path.exists()
    ]  # fmt: skip
    return tasks_of(places, sets, arena)


def _pace(task: Task) -> _Pace:
    """Measured on the device, on one thread as referees train; copies to the CPU wait for a GPU."""
    device, (reals, samples) = torch.device(task.device), materials(task)
    short = replace(task.protocol, steps=WARM_UP + MEASURED)
    with torch_threads(1):
        network = judge_network(
            tuple(reals.array.shape[1:]), task.ladder, task.protocol, task.identity, device
        )
        times = []
        for _, weights in training_snapshots(
            network, reals=reals, samples=samples, ladder=task.ladder, protocol=short,
            identity=task.identity, kept=(WARM_UP, WARM_UP + MEASURED),
        ):  # fmt: skip
            _ = [tensor.cpu() for tensor in weights.values()]
            times.append(time.perf_counter())
        network.eval()
        rows, stream = task.cut_reals.test[:BLOCK], task.identity.stream("estimate")
        for _ in range(2):  # the first is a warm-up
            started = time.perf_counter()
            rung_scores(
                [network], reals.array, rows, task.ladder, rung=0, stream=stream, device=device,
                labels=reals.labels,
            )  # fmt: skip
            score = (time.perf_counter() - started) / len(rows)
    return _Pace(step=(times[1] - times[0]) / MEASURED, score=score)
