"""The figures of a result that a gate can compare, one value for each contestant.

They follow from the tables of cell figures and of fidelity metrics; two are of referees.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from gancross.evaluator.estimates import Figure, Interval, Missing, Proportion
from gancross.evaluator.fidelity.metrics import METRICS as FIDELITY_METRICS
from gancross.evaluator.fidelity.metrics import FidelityFigure
from gancross.evaluator.referees.contestant_records import RefereedContestant
from gancross.evaluator.result.types import Result
from gancross.evaluator.verdict.figures import CELL_FIGURES, CellFigure, Role

Scale = Literal["linear", "log"]
Opponents = Collection[str]
Read = Callable[[Result, str, Opponents], "Reading | Missing | None"]
Part = Literal["fidelity", "referees"]  # of a record, which has a protocol of its own


@dataclass(frozen=True, kw_only=True)
class Reading:
    """A figure of one contestant, with its 95 % interval where it has one."""

    value: float
    interval: Interval | None = None


@dataclass(frozen=True, kw_only=True)
class GateMetric:
    """One figure.

    Attributes:
        higher_is_better: direction.
        meaning: for people.
        read: from the result, a contestant and the opponents that count; None where there is no figure,
            `Missing` where there is one that cannot be compared.
        range: smallest and largest value.
        before_opponents: whether it depends on them.
        samples_of_opponents: whether the samples are theirs, the same for all runs of a method.
        part: what must have been measured alike to compare it.
    """

    higher_is_better: bool
    meaning: str
    read: Read
    range: tuple[float, float]
    before_opponents: bool = False
    samples_of_opponents: bool = False
    part: Part | None = None

    @property
    def scale(self) -> Scale:
        """On which its runs are compared: a figure from 0 to ∞ is skewed and varies by factors."""
        return "log" if self.range == (0, math.inf) else "linear"


def reading(figures: Sequence[Figure], *, pooled: bool = False) -> Reading | None:
    """One figure of several cells, of those that have it.

    Args:
        pooled: add up the counts of proportions on independent samples. Otherwise the mean, with the mean of
            the limits: right if the figures move as one, as those on the same samples do.
    """
    measured = [figure for figure in figures if not isinstance(figure, Missing)]
    if not measured:
        return None
    proportions = [figure for figure in measured if isinstance(figure, Proportion)]
    if pooled and len(proportions) > 1:
        pool = pooled_proportion(proportions)
        return Reading(value=pool.rate, interval=pool.ci95)
    n = len(measured)
    low, high = (sum(figure.ci95[end] for figure in measured) / n for end in (0, 1))
    values = [figure.rate if isinstance(figure, Proportion) else figure.value for figure in measured]
    return Reading(value=sum(values) / n, interval=(low, high))


def pooled_proportion(proportions: Sequence[Proportion]) -> Proportion:
    """All counts as one; samples that depend on each other count as their effective number."""
    effective = [p.n if p.effective_n is None else p.effective_n for p in proportions]
    count, n = sum(p.count for p in proportions), sum(p.n for p in proportions)
    return Proportion(count=count, n=n, effective_n=sum(effective) if sum(effective) < n else None)


def _fn(result: Result, name: str, opponents: Opponents) -> Reading | None:
    matrix = result.confusion[name]
    return None if isinstance(matrix, Missing) else Reading(value=matrix.fn.rate, interval=matrix.fn.ci95)


WHOSE: Mapping[Role, str] = {
    "own": "its discriminator on its own generator's samples",
    "judging": "its discriminator on opponents' samples",
    "judged": "opponents' discriminators on its samples",
}


def _cell_metric(key: str, figure: CellFigure, role: Role) -> GateMetric:
    def read(result: Result, name: str, opponents: Opponents) -> Reading | None:
        counterparts = (
            [name] if role == "own" else [opponent for opponent in result.names if opponent in opponents]
        )
        places = [(opponent, name) if role == "judged" else (name, opponent) for opponent in counterparts]
        figures = [result.cells[place].of(key) for place in places if place in result.cells]
        # Before one judge the opponents' samples are independent of each other.
        return reading(figures, pooled=role == "judging")

    return GateMetric(
        higher_is_better=(figure.better == "higher") != (role == "judged"),
        meaning=f"{figure.label} of {WHOSE[role]}", read=read, range=figure.range,
        before_opponents=role != "own", samples_of_opponents=role == "judging",
    )  # fmt: skip


def _fidelity_metric(figure: FidelityFigure) -> GateMetric:
    def read(result: Result, name: str, opponents: Opponents) -> Reading | None:
        if isinstance(result.fidelity, Missing):
            return None
        measured = result.fidelity[name].figures
        values = [number for key, number in measured.items() if figure.matches(key)]
        if not values or isinstance(values[0], Missing):
            return None
        limits = values[0].ci95
        interval = None if isinstance(limits, Missing) else limits
        return Reading(value=float(values[0].value), interval=interval)

    return GateMetric(
        higher_is_better=figure.better == "higher", meaning=figure.meaning, read=read, range=figure.range,
        part="fidelity",
    )  # fmt: skip


def _refereed(result: Result, name: str) -> RefereedContestant | None:
    return None if isinstance(result.referees, Missing) else result.referees.contestants.get(name)


def _detectability(result: Result, name: str, opponents: Opponents) -> Reading | None:
    figures = _refereed(result, name)
    return None if figures is None else reading([figures.detectability])


def _half_detection_noise(result: Result, name: str, opponents: Opponents) -> Reading | Missing | None:
    """A limit at an end of the ladder may lie beyond it, so that it limits nothing."""
    figures = _refereed(result, name)
    if figures is None:
        return None
    noise = figures.half_detection_noise
    if isinstance(noise.value, Missing):
        return noise.value
    low, high = noise.ci95
    open_low, open_high = low <= figures.rungs[0].sigma, high >= figures.rungs[-1].sigma
    return Reading(
        value=noise.value, interval=(0.0 if open_low else low, math.inf if open_high else high)
    )  # fmt: skip


REFEREE_METRICS: Mapping[str, GateMetric] = {
    "detectability": GateMetric(
        higher_is_better=False, meaning="how surely referees tell its samples: mean G over noise levels",
        read=_detectability, range=(-1, 1), part="referees",
    ),
    "half-detection-noise": GateMetric(
        higher_is_better=False, meaning="noise at which referees' G on its samples falls to one half",
        read=_half_detection_noise, range=(0, math.inf), part="referees",
    ),
}  # fmt: skip


def gate_names(key: str, figure: CellFigure) -> Mapping[Role, str]:
    """The names of a cell figure by role: those of its entry, or its own and its own with a prefix."""
    if figure.gate is not None:
        return figure.gate
    name = key.replace("_", "-")
    return {"own": name, "judging": f"cross-{name}", "judged": f"detected-{name}"}


def _metrics() -> Iterator[tuple[str, GateMetric]]:
    """FN; cell figures by the role of the contestant; fidelity; referees."""
    yield "fn", GateMetric(
        higher_is_better=False, meaning="FN of its discriminator", read=_fn, range=(0, 1)
    )  # fmt: skip
    for role in WHOSE:
        for key, figure in CELL_FIGURES.items():
            names = gate_names(key, figure)
            if role in names:
                yield names[role], _cell_metric(key, figure, role)
    for metric in FIDELITY_METRICS.values():
        for fidelity in metric.figures:
            if fidelity.gate:
                yield fidelity.gate, _fidelity_metric(fidelity)
    yield from REFEREE_METRICS.items()


METRICS: Mapping[str, GateMetric] = dict(_metrics())
