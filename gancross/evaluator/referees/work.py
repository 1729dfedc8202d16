"""Referees of many sample sets: what the cache holds is read, the rest is trained side by side."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import joblib
import numpy as np
import torch
from numpy.typing import NDArray

from gancross.errors import DivergenceError, ResourceError
from gancross.evaluator.referees.arena import Arena
from gancross.evaluator.referees.entries import Entry, EntryKey, cached, decoded, encoded, keep
from gancross.evaluator.referees.halves import Cut, SampleSet, cut, halves
from gancross.evaluator.referees.ladder import Ladder
from gancross.evaluator.referees.parts import Effort, Meter, Slots, watched
from gancross.evaluator.referees.protocol import RefereeProtocol, chooses
from gancross.evaluator.referees.scores import ContestantScores, RefereeScores
from gancross.evaluator.referees.scoring import ladder_scores
from gancross.evaluator.referees.training import Identity, Material, trained
from gancross.machine.devices import full_precision
from gancross.machine.distributed import Processes, current
from gancross.machine.stored_arrays import is_large
from gancross.machine.threads import torch_threads

Array = NDArray[np.generic]
Entries = Generator[tuple[int, bytes], None, None]  # numbers of tasks and their encoded entries
Progress = Callable[[str, int, int], None]  # what, done, in all


@dataclass(frozen=True, kw_only=True, eq=False)
class Task:
    """One referee to train, as plain arrays that can be sent to another process or machine.

    Attributes:
        real_labels, sample_labels: where the referee sees them.
        slots: where the part of it that is done is written.
    """

    reals: Array
    samples: Array
    real_labels: Array | None = None
    sample_labels: Array | None = None
    cut_reals: Cut
    cut_samples: Cut
    ladder: Ladder
    protocol: RefereeProtocol
    identity: Identity
    device: str
    slots: Slots | None = None

    @property
    def effort(self) -> Effort:
        """Steps of the training; scores of the choice among snapshots, and of all that was not trained on."""
        reals, samples = self.cut_reals, self.cut_samples
        validated = len(reals.validation) + len(samples.validation)
        snapshots = len(self.protocol.snapshots) if chooses(len(reals.validation)) else 0
        tested = len(reals.test) + len(samples.test)
        return Effort(
            steps=self.protocol.steps, batch_size=self.protocol.batch_size,
            scores=len(self.ladder.sigmas) * (tested + snapshots * validated),
        )  # fmt: skip


def refereed(
    sets: Mapping[str, SampleSet], arena: Arena, *, progress: Progress | None = None
) -> tuple[dict[str, list[Entry]], int]:
    """The referees of every sample set, and how many of them this call trained.

    Each is cached as soon as it is trained. Under torchrun every process trains its part, and rank 0 alone
    returns entries.

    Args:
        sets: by name, for people; entries are found by content.
        progress: called with ("referees", steps done, steps in all) of the referees that the cache does not
            hold, a few times a second; scores count as steps that take as long. Never called where it holds
            all.

    Raises:
        DivergenceError: scores of a referee are not finite.
    """
    processes = current()
    places = {
        (name, identity): arena.key(samples, identity)
        for name, samples in sets.items() for identity in arena.identities
    }  # fmt: skip
    by_key = {key: place for place, key in places.items()}
    entries = {key: cached(key) for key in by_key} if processes.is_rank_zero else {}
    absent = _agreed([key for key, entry in entries.items() if entry is None], list(by_key), processes)
    tasks = tasks_of([by_key[key] for key in absent], sets, arena)
    report = partial(progress, "referees") if progress is not None and processes.is_rank_zero else None
    with watched([task.effort for task in tasks], report) as watch:
        tasks = [
            # Under torchrun rank 0 alone writes, and stands for those that train beside it.
            replace(task, slots=watch.slots(*range(number, min(number + processes.size, len(tasks)))))
            for number, task in enumerate(tasks)
        ]
        contents = _divided(tasks, processes) if processes.size > 1 else _side_by_side(tasks, arena)
        with closing(contents):
            for number, content in contents:
                key = absent[number]
                trained_anew = decoded(content)
                _check_finite(trained_anew, by_key[key][0])
                entries[key] = trained_anew
                keep(key, content)
                watch.finish(number)
    return {
        name: [entry for place, key in places.items() if place[0] == name and (entry := entries[key])]
        for name in (sets if processes.is_rank_zero else ())
    }, len(absent)  # fmt: skip


def trained_entry(task: Task) -> bytes:
    """Trains a referee on one thread and scores all that it did not train on.

    Its figures depend on neither the number of processes nor that of threads.
    """
    device = torch.device(task.device)
    reals, samples = materials(task)
    meter = Meter(task.effort, task.slots)
    with torch_threads(1), full_precision():
        referee = trained(
            reals=reals, samples=samples, ladder=task.ladder, protocol=task.protocol,
            identity=task.identity, device=device, meter=meter,
        )  # fmt: skip
        shape = tuple(reals.array.shape[1:])
        judges = referee.judges(shape, task.ladder, task.protocol, task.identity, device)

        def scores(side: Material, rows: NDArray[np.int64], kind: str) -> NDArray[np.float32]:
            return ladder_scores(
                judges, referee.chosen, side.array, rows, task.ladder,
                noise=lambda rung: task.identity.stream("test", kind, rung), device=device,
                labels=side.labels, meter=meter,
            )  # fmt: skip

        entry = Entry(referee=referee, scores=RefereeScores(
            seed=task.identity.seed, half=task.identity.half,
            reals=task.cut_reals.test, samples=task.cut_samples.test,
            real_KN=scores(reals, task.cut_reals.test, "reals"),
            fake_KM=scores(samples, task.cut_samples.test, "samples"),
        ))  # fmt: skip
    return encoded(entry)


def materials(task: Task) -> tuple[Material, Material]:
    """What the referee of a task sees of reals and of samples, on its device where they fit."""
    device = torch.device(task.device)
    return (
        material(torch.from_numpy(task.reals), task.cut_reals, device, labels=_tensor(task.real_labels)),
        material(
            torch.from_numpy(task.samples), task.cut_samples, device, labels=_tensor(task.sample_labels)
        ),
    )


def material(
    array: torch.Tensor, part: Cut, device: torch.device, *, labels: torch.Tensor | None = None
) -> Material:
    """What a referee sees of reals or of samples."""
    array = _on_device(array, device)
    return Material(
        array=array, training=part.training, validation=part.validation,
        labels=None if labels is None else labels.to(array.device),
    )  # fmt: skip


def contestant_scores(entries: Sequence[Entry], reals: SampleSet, samples: SampleSet) -> ContestantScores:
    """The scores of all referees of a contestant."""
    return ContestantScores(
        num_real=len(reals), num_samples=len(samples), referees=[entry.scores for entry in entries]
    )


def tasks_of(
    places: Sequence[tuple[str, Identity]], sets: Mapping[str, SampleSet], arena: Arena
) -> list[Task]:
    """The referees to train, by the names of their sample sets and their identities."""
    # One array object for each set: joblib then writes it to shared memory once, if it has no file.
    reals, real_labels = arena.reals.to_send(), _array(arena.reals.labels)
    arrays = {name: (samples.to_send(), _array(samples.labels)) for name, samples in sets.items()}
    tasks = []
    for name, identity in places:
        real_halves = halves(arena.reals.items, seed=identity.seed, purpose="reals")
        sample_halves = halves(sets[name].items, seed=identity.seed, purpose="samples")
        samples, sample_labels = arrays[name]
        tasks.append(Task(
            reals=reals, samples=samples, real_labels=real_labels, sample_labels=sample_labels,
            ladder=arena.ladder, protocol=arena.protocol,
            identity=identity, cut_reals=cut(real_halves, half=identity.half, size=arena.size),
            cut_samples=cut(sample_halves, half=identity.half, size=arena.size), device=str(arena.device),
        ))  # fmt: skip
    return tasks


def _array(labels: torch.Tensor | None) -> Array | None:
    return None if labels is None else labels.numpy()


def _tensor(labels: Array | None) -> torch.Tensor | None:
    return None if labels is None else torch.from_numpy(labels)


def _numbered(number: int, task: Task) -> tuple[int, bytes]:
    return number, trained_entry(task)


def _side_by_side(tasks: Sequence[Task], arena: Arena) -> Entries:
    """Each task's number and entry, as they are done."""
    workers = min(arena.workers, len(tasks))
    if arena.on_cluster:
        yield from joblib.Parallel(n_jobs=-1)(
            joblib.delayed(_numbered)(number, task) for number, task in enumerate(tasks)
        )
    elif workers <= 1:
        yield from (_numbered(number, task) for number, task in enumerate(tasks))
    else:
        calls = (joblib.delayed(_numbered)(number, task) for number, task in enumerate(tasks))
        with closing(as_finished(calls, workers=workers)) as results:
            yield from results


def as_finished(calls: Iterable[Any], *, workers: int) -> Generator[Any, None, None]:
    """The results of joblib's delayed calls in processes, as they are done; closing it stops the others.

    Raises:
        ResourceError: a process was killed.
    """
    parallel = joblib.Parallel(n_jobs=workers, return_as="generator_unordered", mmap_mode="c")
    results = parallel(calls)
    try:
        for result in results:  # noqa: UP028  # `yield from` would close them with a warning
            yield result
    except BrokenProcessPool:
        raise ResourceError(
            "a process that trained a referee was killed, probably for lack of memory; the same call"
            " trains the rest, with fewer workers in less memory"
        ) from None
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # that tasks were not finished
            results.close()


def _agreed(absent: Sequence[EntryKey], keys: Sequence[EntryKey], processes: Processes) -> list[EntryKey]:
    """Rank 0's absent entries, on every process: caches differ between machines."""
    numbers = [keys.index(key) for key in absent]
    agreed = json.loads(processes.broadcast_from_rank0(json.dumps(numbers).encode()))
    return [keys[number] for number in agreed]


def _divided(tasks: Sequence[Task], processes: Processes) -> Entries:
    """In each round every process trains one referee, then all of them have all entries of the round."""
    for first in range(0, len(tasks), processes.size):
        own = tasks[first : first + processes.size][processes.rank : processes.rank + 1]
        content = b"".join(trained_entry(task) for task in own)
        processes.wait_for_all()
        rows = torch.from_numpy(np.frombuffer(content, dtype=np.uint8).copy())
        lengths = processes.all_gather(torch.tensor([len(rows)])).tolist()
        parts = torch.split(processes.all_gather(rows), lengths)
        yield from ((first + rank, part.numpy().tobytes()) for rank, part in enumerate(parts) if len(part))


def _on_device(array: torch.Tensor, device: torch.device) -> torch.Tensor:
    """The array on the device where it is small enough, else on the CPU, where it may lie in a file."""
    return array if is_large(array.nbytes) else array.to(device)


def _check_finite(entry: Entry, name: str) -> None:
    if not (np.isfinite(entry.scores.real_KN).all() and np.isfinite(entry.scores.fake_KM).all()):
        raise DivergenceError(f"a referee of '{name}': its scores are NaN or infinite; nothing was counted")
