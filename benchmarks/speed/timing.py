"""Interleaved timing, and the records of its results.

A question is a module of this folder that ends in one call of `record`:

    def rows() -> list[Row]:
        times = interleaved({"plain": plain, "ours": ours}, rounds=9, threads=1)
        return [times.row("a step in closed form / plain", "ours", "plain", predicted=0.67, goal=0.70)]

    if __name__ == "__main__":
        record("closed-form", rows)

`python benchmarks/bench.py closed-form` runs it in a process of its own, writes
`results/speed-closed-form.json` and renews the table in README.md; `python benchmarks/bench.py`, which is
`make bench`, runs all of them. A variant is a function without arguments that does the whole work once, and
leaves no work queued on a device when it returns. The machine is never quiet, so variants take turns in one
process, and a ratio is the median over rounds of the ratio within one round, with its quartiles.
"""

from __future__ import annotations

import gc
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from environment import machine, versions
from threadpoolctl import threadpool_limits

RESULTS = Path(__file__).parents[1] / "results"
LIBRARIES = ("torch", "numpy", "scipy")

Variants = Mapping[str, Callable[[], object]]


@dataclass(frozen=True, kw_only=True)
class Spread:
    """Median and quartiles over rounds."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Of one value or more."""
        low, median, high = np.quantile(values, [0.25, 0.5, 0.75])
        return cls(median=float(median), low=float(low), high=float(high))


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table.

    Attributes:
        work: what was measured, for people; names the denominator of a ratio.
        measured: a ratio, of processor time on one thread and of time on the clock on several; or seconds.
        unit: empty for ratios, "s" for seconds.
        threads: that torch and the BLAS of numpy and scipy had.
        predicted: the figure that counting floating-point operations gives; None where nothing was counted.
        goal: the median should be at most this; None: reported only.
        parts: what the figure was made of, and whatever else a reader may ask for.
    """

    work: str
    measured: Spread
    unit: str = ""
    threads: int
    predicted: float | None = None
    goal: float | None = None
    parts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def meets_goal(self) -> bool | None:
        """Whether the median holds the goal."""
        return None if self.goal is None else self.measured.median <= self.goal

    def plain(self) -> dict[str, Any]:
        """As the record has it."""
        return {
            **vars(self),
            "measured": vars(self.measured),
            "parts": dict(self.parts),
            "met": self.meets_goal,
        }


@dataclass(frozen=True, kw_only=True)
class Times:
    """Seconds of every variant, one figure a round: on the clock, and of processor time in `cpu`."""

    seconds: Mapping[str, Sequence[float]]
    cpu: Mapping[str, Sequence[float]]
    threads: int

    def row(
        self, work: str, numerator: str, denominator: str, *,
        predicted: float | None = None, goal: float | None = None, **parts: object,
    ) -> Row:  # fmt: skip
        """The ratio of two variants as a line of the table.

        On one thread it is the ratio of processor time, which other load on the machine does not change. The
        parts have both ratios, and all variants' seconds on the clock.
        """
        clock, cpu = (_ratio(times, numerator, denominator) for times in (self.seconds, self.cpu))
        ratios = {"clock_ratio": vars(clock), "cpu_ratio": vars(cpu)}
        return Row(
            work=work, measured=cpu if self.threads == 1 else clock, threads=self.threads,
            predicted=predicted, goal=goal, parts={"seconds": self.spreads(), **ratios, **parts},
        )  # fmt: skip

    def spreads(self) -> dict[str, Any]:
        """Median and quartiles of every variant's seconds, and the number of rounds."""
        spread = {name: vars(Spread.of(values)) for name, values in self.seconds.items()}
        return spread | {"rounds": len(next(iter(self.seconds.values())))}


def interleaved(variants: Variants, *, rounds: int, threads: int, calls: int = 1, warmup: int = 1) -> Times:
    """Runs every variant once in each round, in an order that rotates from round to round.

    Args:
        variants: by name.
        threads: of torch and of BLAS.
        calls: of a variant for one figure, which is their mean; for work below a millisecond.
        warmup: rounds that are not counted.
    """
    names = list(variants)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    cpu: dict[str, list[float]] = {name: [] for name in names}
    with pinned(threads):
        for number in range(-warmup, rounds):
            for offset in range(len(names)):
                name = names[(number + offset) % len(names)]
                clock_seconds, cpu_seconds = _spent(variants[name], calls)
                if number >= 0:
                    seconds[name].append(clock_seconds)
                    cpu[name].append(cpu_seconds)
    return Times(seconds=seconds, cpu=cpu, threads=threads)


@contextmanager
def pinned(threads: int) -> Iterator[None]:
    """Inside, torch and BLAS use this many threads."""
    before = torch.get_num_threads()
    with threadpool_limits(threads):
        torch.set_num_threads(threads)
        try:
            yield
        finally:
            torch.set_num_threads(before)


def record(question: str, measure: Callable[[], Sequence[Row]], *, folder: Path = RESULTS) -> Path:
    """Measures, prints and writes `speed-QUESTION.json` with the machine, its load and the versions."""
    before = _load()
    rows = measure()
    document = {
        "question": question,
        "rows": [row.plain() for row in rows],
        "machine": machine(),
        "load": {"before": before, "after": _load()},
        "versions": versions(*LIBRARIES),
        "date": datetime.now(UTC).date().isoformat(),
    }
    for row in rows:
        measured = f"{row.measured.median:.3f} [{row.measured.low:.3f}, {row.measured.high:.3f}] {row.unit}"
        print(f"{row.work}, threads {row.threads}: {measured}, goal {row.goal}", flush=True)
    path = folder / f"speed-{question}.json"
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def _load() -> list[float]:
    """Averages over one, five and fifteen minutes."""
    return [round(value, 2) for value in os.getloadavg()]


def _ratio(figures: Mapping[str, Sequence[float]], numerator: str, denominator: str) -> Spread:
    pairs = zip(figures[numerator], figures[denominator], strict=True)
    return Spread.of([over / max(under, 1e-9) for over, under in pairs])


def _spent(variant: Callable[[], object], calls: int) -> tuple[float, float]:
    gc.collect()  # garbage of the previous variant is not this one's cost
    started, cpu = time.perf_counter(), time.process_time()
    for _ in range(calls):
        variant()
    return (time.perf_counter() - started) / calls, (time.process_time() - cpu) / calls
