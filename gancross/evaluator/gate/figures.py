"""The figures of a result that a gate can compare, one value for each contestant.

They follow from the tables of cell figures and of fidelity metrics.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from gancross.evaluator.estimates import Estimate, Figure, Interval, Missing, Proportion
from gancross.evaluator.fidelity.metrics import METRICS as FIDELITY_METRICS
from gancross.evaluator.fidelity.metrics import FidelityFigure
from gancross.evaluator.result.types import Result
from gancross.evaluator.verdict.figures import CELL_FIGURES, CellFigure, GateName, Role

Opponents = Collection[str]
Read = Callable[[Result, str, Opponents], "Reading | None"]


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
        read: from the result, a contestant and the opponents that count; None where there is no figure.
        before_opponents: whether it depends on them.
        is_fidelity: whether fidelity must have been measured alike to compare it.
    """

    higher_is_better: bool
    meaning: str
    read: Read
    before_opponents: bool = False
    is_fidelity: bool = False


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
        pool = Proportion(count=sum(p.count for p in proportions), n=sum(p.n for p in proportions))
        return Reading(value=pool.rate, interval=pool.ci95)
    n = len(measured)
    low, high = (sum(figure.ci95[end] for figure in measured) / n for end in (0, 1))
    return Reading(value=sum(map(value, measured)) / n, interval=(low, high))


def value(figure: Proportion | Estimate) -> float:
    """The figure without its interval."""
    return figure.rate if isinstance(figure, Proportion) else figure.value


def _fn(result: Result, name: str, opponents: Opponents) -> Reading | None:
    matrix = result.confusion[name]
    return None if isinstance(matrix, Missing) else Reading(value=matrix.fn.rate, interval=matrix.fn.ci95)


def _cell_metric(key: str, figure: CellFigure, gate: GateName) -> GateMetric:
    def read(result: Result, name: str, opponents: Opponents) -> Reading | None:
        others = [other for other in result.names if other in opponents]
        places = [_place(name, other, gate.role) for other in ([name] if gate.role == "own" else others)]
        figures = [result.cells[place].of(key) for place in places if place in result.cells]
        return reading(figures, pooled=gate.pooled)

    good_for_judge = figure.better == "higher"
    return GateMetric(
        higher_is_better=good_for_judge != (gate.role == "judged"), meaning=gate.meaning, read=read,
        before_opponents=gate.role != "own",
    )  # fmt: skip


def _place(name: str, opponent: str, role: Role) -> tuple[str, str]:
    """(judge, generator) of the cell that shows a contestant in that role."""
    return {"own": (name, name), "judging": (name, opponent), "judged": (opponent, name)}[role]


def _fidelity_metric(figure: FidelityFigure) -> GateMetric:
    def read(result: Result, name: str, opponents: Opponents) -> Reading | None:
        if isinstance(result.fidelity, Missing):
            return None
        measured = result.fidelity[name].figures
        values = [number for key, number in measured.items() if figure.matches(key)]
        return None if not values or isinstance(values[0], Missing) else Reading(value=float(values[0]))

    return GateMetric(
        higher_is_better=figure.better == "higher", meaning=figure.meaning, read=read, is_fidelity=True
    )


def gate_names(key: str, figure: CellFigure) -> tuple[GateName, ...]:
    """The names of a cell figure: those of its entry, or its own and its own with a prefix."""
    if figure.gate is not None:
        return figure.gate
    name = key.replace("_", "-")
    return (
        GateName(name=name, role="own", meaning=f"{figure.meaning}, its own generator's"),
        GateName(name=f"cross-{name}", role="judging", meaning=f"{figure.meaning}, opponents' samples"),
        GateName(name=f"detected-{name}", role="judged", meaning=f"{figure.meaning}, opponents judging"),
    )


def _metrics() -> Iterator[tuple[str, GateMetric]]:
    """FN; cell figures by the role of the contestant; fidelity."""
    meaning = "share of test data that its discriminator calls fake"
    yield "fn", GateMetric(higher_is_better=False, meaning=meaning, read=_fn)
    roles: tuple[Role, ...] = ("own", "judging", "judged")
    for role in roles:
        for key, figure in CELL_FIGURES.items():
            for gate in gate_names(key, figure):
                if gate.role == role:
                    yield gate.name, _cell_metric(key, figure, gate)
    for metric in FIDELITY_METRICS.values():
        for fidelity in metric.figures:
            if fidelity.gate:
                yield fidelity.gate, _fidelity_metric(fidelity)


METRICS: Mapping[str, GateMetric] = dict(_metrics())
