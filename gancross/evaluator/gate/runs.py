"""The figures of a method's runs, before the runs of each other method where a figure has opponents.

Shape suffix: M runs of the method.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gancross.evaluator.estimates import Missing
from gancross.evaluator.gate.figures import GateMetric
from gancross.evaluator.result.types import Result

# A figure of every run (M, Q) by the opponents' method; under None (M, 1), a figure without opponents.
Figures = Mapping[str | None, NDArray[np.float64]]


@dataclass(frozen=True, kw_only=True)
class RunFigures:
    """A figure of every run with its 95 % interval; the limits are NaN where it has none.

    Attributes:
        values, low, high: with the same keys and shapes.
        samples_of_opponents: whether the samples behind a figure are the opponents', the same for all runs.
    """

    values: Figures
    low: Figures
    high: Figures
    samples_of_opponents: bool = False

    @property
    def positive(self) -> bool:
        """Whether no figure and no limit is 0 or below."""
        sides = (self.values, self.low, self.high)
        return not any((block <= 0).any() for side in sides for block in side.values())

    def only(self, methods: Sequence[str | None]) -> RunFigures:
        """Before the runs of these methods alone."""
        return self._changed(lambda side: {key: side[key] for key in methods})

    def logarithms(self) -> RunFigures:
        """ln of figures and limits, which must be positive."""
        return self._changed(lambda side: {key: np.log(block) for key, block in side.items()})

    def _changed(self, change: Callable[[Figures], Figures]) -> RunFigures:
        return RunFigures(
            values=change(self.values), low=change(self.low), high=change(self.high),
            samples_of_opponents=self.samples_of_opponents,
        )  # fmt: skip


def run_figures(
    metric: GateMetric, result: Result, groups: Mapping[str, Sequence[str]], method: str
) -> RunFigures | Missing:
    """A metric's figures of a method's runs, before the runs of each other method where it has opponents.

    Runs without figure, a critic's for example, are left out, on either side; so are methods without any.

    Returns:
        `Missing` where the figure of a run cannot be compared: the mean of the other runs would be of the
        luckier ones.
    """
    unknown = [
        reading for run in groups[method]
        if isinstance(reading := metric.read(result, run, ()), Missing)
    ]  # fmt: skip
    if unknown:
        return Missing(f"{unknown[0].reason}, of {len(unknown)} of {len(groups[method])} runs")

    def entry(run: str, opponents: Sequence[str]) -> tuple[float, float, float]:
        reading = metric.read(result, run, opponents)
        if reading is None or isinstance(reading, Missing):
            return math.nan, math.nan, math.nan
        return (reading.value, *(reading.interval or (math.nan, math.nan)))

    columns: dict[str | None, list[list[str]]] = {None: [[]]}
    if metric.before_opponents:
        columns = {key: [[run] for run in runs] for key, runs in groups.items() if key != method}
    # (3, M, Q): value, low and high.
    entries = {
        key: np.moveaxis(
            np.array([[entry(run, opponents) for opponents in columns[key]] for run in groups[method]]), -1, 0
        )
        for key in columns
        if columns[key]
    }
    entries = {key: block[:, :, ~np.isnan(block[0]).all(axis=0)] for key, block in entries.items()}
    entries = {key: block for key, block in entries.items() if block.size}
    if entries:
        whole_M = np.all([~np.isnan(block[0]).any(axis=1) for block in entries.values()], axis=0)
        entries = {key: block[:, whole_M] for key, block in entries.items() if whole_M.any()}
    values, low, high = ({key: block[part] for key, block in entries.items()} for part in range(3))
    return RunFigures(
        values=values, low=low, high=high, samples_of_opponents=metric.samples_of_opponents
    )  # fmt: skip
