"""κ measured: planted faults before referees of ½, 1, 2, 4 and 8 times the steps.

One training of 8 times the steps holds all shorter ones: the learning rate is constant, and a referee of so
many steps chooses among the snapshots up to them.

Shape suffixes: T multiples of the steps, K rungs, N samples.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import joblib
import numpy as np
import torch
from numpy.typing import NDArray

from gancross.data.order import content_sha256
from gancross.errors import ResourceError, UsageError
from gancross.evaluator.referees.arena import Arena
from gancross.evaluator.referees.budget import Measurement, PlantedFault
from gancross.evaluator.referees.entries import KIND
from gancross.evaluator.referees.halves import SampleSet, cut, halves, sample_set
from gancross.evaluator.referees.parts import UNWATCHED, Effort, Meter, Slots, watched
from gancross.evaluator.referees.planted import FAULTS
from gancross.evaluator.referees.protocol import VALIDATION, RefereeProtocol, chooses, snapshots
from gancross.evaluator.referees.scoring import rung_scores
from gancross.evaluator.referees.training import (
    Identity,
    Material,
    judge_network,
    loaded,
    smoothed,
    training_snapshots,
    validation_losses,
)
from gancross.evaluator.referees.work import Progress, as_finished, material
from gancross.evaluator.statistics.auc import components
from gancross.machine.caches import cache_folder
from gancross.machine.files import read_bytes, write_atomically
from gancross.machine.threads import torch_threads

MULTIPLES = (0.5, 1.0, 2.0, 4.0, 8.0)
TESTED = 2000  # reals, and samples, on which G is measured
LARGEST_FILE = 1 << 20


@dataclass(frozen=True, kw_only=True)
class FaultPlace:
    """A kind and a severity of the table of faults."""

    kind: str
    severity: float


def places(samples: torch.Tensor) -> list[FaultPlace]:
    """Every planted fault for samples of this form."""
    return [
        FaultPlace(kind=kind, severity=severity)
        for kind, fault in FAULTS.items() for severity in fault.severities(samples)
    ]  # fmt: skip


def planted_fault(
    place: FaultPlace, clean: torch.Tensor, arena: Arena, *, identities: tuple[Identity, ...],
    meter: Meter = UNWATCHED,
) -> PlantedFault:  # fmt: skip
    """Plants a fault in real samples and measures G at every multiple of the steps, mean over judges.

    Args:
        clean: real samples in random order that are not among the arena's reals.
    """
    # More than are trained on: some kinds leave samples out, and G is surer on more.
    faulty = FAULTS[place.kind].plant(clean, place.severity, arena.seed)[: 2 * max(arena.size, TESTED)]
    samples, arena = sample_set(faulty), replace(arena, size=min(arena.size, len(faulty) // 2))
    g_TK = np.mean([_measured(samples, arena, identity, meter) for identity in identities], axis=0)
    return PlantedFault(
        kind=place.kind, severity=place.severity, g_TK=tuple(tuple(map(float, row)) for row in g_TK)
    )


def measurement(name: str, arena: Arena, faults: tuple[PlantedFault, ...]) -> Measurement:
    """All faults of one data set at one number of training reals."""
    return Measurement(
        version=arena.protocol.version, budget=arena.protocol.budget, data=name,
        shape=tuple(arena.reals.array.shape[1:]), num_training=arena.size, multiples=MULTIPLES, faults=faults,
    )  # fmt: skip


def multiple_steps(protocol: RefereeProtocol) -> list[int]:
    """The steps of each multiple."""
    return [round(multiple * protocol.steps) for multiple in MULTIPLES]


def _measured(samples: SampleSet, arena: Arena, identity: Identity, meter: Meter) -> NDArray[np.float64]:
    """G (T, K) of one judge, on at most `TESTED` reals and samples."""
    rows = [
        cut(halves(side.items, seed=identity.seed, purpose=purpose), half=identity.half, size=arena.size)
        for side, purpose in ((arena.reals, "reals"), (samples, "samples"))
    ]
    reals, fakes = (
        material(side.array, part, arena.device)
        for side, part in zip((arena.reals, samples), rows, strict=True)
    )
    chance = identity.stream("calibration")
    tests = [part.test[np.sort(chance.permutation(len(part.test))[:TESTED])] for part in rows]
    steps = multiple_steps(arena.protocol)
    kept = sorted({step for count in steps for step in snapshots(count)})
    judges = dict(_judges(kept, reals, fakes, arena, identity, meter))
    losses = validation_losses(
        list(judges.values()), reals=reals, samples=fakes, ladder=arena.ladder, identity=identity,
        device=arena.device, meter=meter,
    ) if chooses(len(reals.validation)) else None  # fmt: skip
    g_KS = np.stack([
        _g(list(judges.values()), reals.array, fakes.array, tests, arena, identity, rung, meter)
        for rung in range(len(arena.ladder.sigmas))
    ])  # fmt: skip
    rows_TK = []
    for count in steps:
        own = [place for place, step in enumerate(kept) if step in snapshots(count)]
        chosen = [own[-1]] * len(g_KS)
        if losses is not None:
            chosen = [own[place] for place in smoothed(losses[own]).argmin(0)]
        rows_TK.append([g_KS[rung, place] for rung, place in enumerate(chosen)])
    return np.array(rows_TK)


def _judges(
    kept: list[int], reals: Material, fakes: Material, arena: Arena, identity: Identity, meter: Meter
) -> Iterator[tuple[int, torch.nn.Module]]:
    shape = tuple(arena.reals.array.shape[1:])
    network = judge_network(shape, arena.ladder, arena.protocol, identity, arena.device)
    longest = replace(arena.protocol, steps=kept[-1])
    for step, weights in training_snapshots(
        network, reals=reals, samples=fakes, ladder=arena.ladder, protocol=longest, identity=identity,
        kept=kept, meter=meter,
    ):  # fmt: skip
        yield step, loaded(shape, arena.ladder, arena.protocol, identity, arena.device, weights)


def _g(
    judges: list[torch.nn.Module], reals: torch.Tensor, fakes: torch.Tensor,
    tests: list[NDArray[np.int64]], arena: Arena, identity: Identity, rung: int,
    meter: Meter,
) -> NDArray[np.float64]:  # fmt: skip
    """G of every judge at one rung, (S,)."""
    real_SN, fake_SN = (
        rung_scores(
            judges, array, rows, arena.ladder, rung=rung,
            stream=identity.stream("calibration", kind, f"rung-{rung}"), device=arena.device, meter=meter,
        ).astype(np.float64)
        for array, rows, kind in zip((reals, fakes), tests, ("reals", "samples"), strict=True)
    )  # fmt: skip
    return np.array([
        2 * components(real=real_N, fake=fake_N)[0] - 1
        for real_N, fake_N in zip(real_SN, fake_SN, strict=True)
    ])  # fmt: skip


def calibrated(
    clean: torch.Tensor, arena: Arena, *, name: str, progress: Progress | None = None
) -> Measurement:
    """κ measured on the data at hand: every planted fault, side by side, each cached as soon as it is known.

    Args:
        clean: training samples in random order.
        name: of the data.
        progress: called with ("planted faults", steps done, steps in all) of the faults that the cache
            does not hold, as of `refereed`.
    """
    identities = (Identity(seed=arena.seed, half=0), Identity(seed=arena.seed, half=1))
    paths = {place: _path(place, clean, arena) for place in places(clean)}
    faults = {place: fault for place, path in paths.items() if (fault := _cached(path)) is not None}
    waiting = [place for place in paths if place not in faults]
    alone, effort = replace(arena, workers=1), _effort(arena, num_judges=len(identities))

    def measured(place: FaultPlace, slots: Slots | None) -> tuple[FaultPlace, PlantedFault]:
        with torch_threads(1):
            meter = Meter(effort, slots)
            return place, planted_fault(place, clean, alone, identities=identities, meter=meter)

    workers = max(1, min(arena.workers, len(waiting)))
    report = None if progress is None else partial(progress, "planted faults")
    with watched([effort] * len(waiting), report) as watch:
        calls = (joblib.delayed(measured)(place, watch.slots(number)) for number, place in enumerate(waiting))
        with contextlib.closing(as_finished(calls, workers=workers)) as found:
            for place, fault in found:
                faults[place] = fault
                with contextlib.suppress(ResourceError):  # without a cache the next call measures again
                    write_atomically(paths[place], json.dumps(asdict(fault)).encode())
                watch.finish(waiting.index(place))
    return measurement(name, arena, tuple(faults[place] for place in paths))


def _effort(arena: Arena, *, num_judges: int) -> Effort:
    """Of one fault, about: judges of 8 times the steps, whose snapshots score validation and test samples."""
    steps = multiple_steps(arena.protocol)
    kept = len({step for count in steps for step in snapshots(count)})
    validated = 2 * (arena.size // VALIDATION) if chooses(arena.size // VALIDATION) else 0
    tested = 2 * min(TESTED, arena.size)
    return Effort(
        steps=num_judges * steps[-1], batch_size=arena.protocol.batch_size,
        scores=num_judges * len(arena.ladder.sigmas) * kept * (validated + tested),
    )  # fmt: skip


def _path(place: FaultPlace, clean: torch.Tensor, arena: Arena) -> Path:
    """Where a measured fault lies in the cache."""
    text = json.dumps({
        "place": asdict(place), "clean": content_sha256(clean, ordered=True), "reals": arena.reals.sha256,
        "protocol": arena.protocol.key_fields, "size": arena.size, "seed": arena.seed,
        "device": arena.device.type, "torch": torch.__version__,
    }, sort_keys=True)  # fmt: skip
    return cache_folder() / KIND / f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.json"


def _cached(path: Path) -> PlantedFault | None:
    with contextlib.suppress(UsageError, ResourceError):  # not there, or not readable
        content = read_bytes(path, limit=LARGEST_FILE)
        with contextlib.suppress(ValueError, KeyError, TypeError):  # a damaged file is written anew
            entry = json.loads(content)
            g_TK = tuple(tuple(float(g) for g in row) for row in entry["g_TK"])
            return PlantedFault(kind=str(entry["kind"]), severity=float(entry["severity"]), g_TK=g_TK)
    return None
