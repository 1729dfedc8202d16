"""Interleaved timing, and the records of its results.

A question is a module of this folder that ends in one call of `record`:

    def rows() -> list[Row]:
        times = interleaved({"plain": plain, "ours": ours}, rounds=7, threads=1, share=0.8)
        return [times.row("a step in closed form / plain", "ours", "plain", predicted=0.67, goal=0.70)]

    if __name__ == "__main__":
        record("closed-form", rows)

Its seconds stand in the table of `bench.py`. `python benchmarks/bench.py closed-form` runs it in a process of
its own, writes `results/speed-closed-form.json` and renews the table in README.md; `python
benchmarks/bench.py`, which is `make bench`, runs all of them. A variant is a function without arguments that
does the whole work once, and leaves no work queued on a device when it returns. The machine is never quiet,
so variants take turns in one process, and a ratio is the median over rounds of the ratio within one round,
with its quartiles. Rounds are added to the stated number until the series' share of the question's time is
used up; what a question spends beside its rounds, on networks and data, is for the shares to leave.
"""

from __future__ import annotations

import argparse
import gc
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import scipy.linalg  # noqa: F401 - its library must be there to be pinned
import torch
from environment import write_record
from threadpoolctl import threadpool_limits

from speed.allowance import Allowance

RESULTS = Path(__file__).parents[1] / "results"
LIBRARIES = ("torch", "numpy", "scipy")

Variants = Mapping[str, Callable[[], object]]

LEAST = Allowance()  # every series has its least number of rounds
ALLOWANCE: ContextVar[Allowance] = ContextVar("allowance", default=LEAST)  # of the question that runs


@dataclass(frozen=True, kw_only=True)
class Spread:
    """Median and quartiles over so many rounds."""

    median: float
    low: float
    high: float
    rounds: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Of one value or more."""
        low, median, high = np.quantile(values, [0.25, 0.5, 0.75])
        return cls(median=float(median), low=float(low), high=float(high), rounds=len(values))


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
        resource: what the figure counts.
        parts: what the figure was made of, and whatever else a reader may ask for.
    """

    work: str
    measured: Spread
    unit: str = ""
    threads: int
    predicted: float | None = None
    goal: float | None = None
    resource: Literal["time", "memory"] = "time"
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
        """Median and quartiles of every variant's seconds."""
        return {name: vars(Spread.of(values)) for name, values in self.seconds.items()}


def interleaved(
    variants: Variants, *, rounds: int, threads: int, calls: int = 1, warmup: int = 1, share: float = 0.0
) -> Times:
    """Runs every variant once in each round, in an order that rotates from round to round.

    Args:
        variants: by name.
        rounds: at least so many; more while they end within the share.
        share: of the question's time, 0 to 1; 0: no further rounds.
        threads: of torch and of BLAS.
        calls: of a variant for one figure, which is their mean; for work below a millisecond.
        warmup: rounds that are not counted.
    """
    names = list(variants)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    cpu: dict[str, list[float]] = {name: [] for name in names}
    with pinned(threads):
        for number in ALLOWANCE.get().rounds(rounds, warmup=warmup, share=share):
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


def record(
    question: str, measure: Callable[[], Sequence[Row]], arguments: Sequence[str] | None = None
) -> Path:
    """Measures, writes `speed-QUESTION.json` with the machine, its load and the versions, and prints.

    Args:
        arguments: of the command line, by default of this process: the seconds that the question has, without
            which every series has its least number of rounds; and the folder of the record.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=0.0)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args(arguments)
    before = _load()
    token = ALLOWANCE.set(Allowance(seconds=options.seconds))
    try:
        rows = measure()
    finally:
        ALLOWANCE.reset(token)
    path: Path = options.out / f"speed-{question}.json"
    content = {
        "question": question,
        "rows": [row.plain() for row in rows],
        "load": {"before": before, "after": _load()},
    }
    write_record(path, content, *LIBRARIES)
    for row in rows:
        spread = row.measured
        measured = f"{spread.median:.3f} [{spread.low:.3f}, {spread.high:.3f}] {row.unit}"
        print(
            f"{row.work}, threads {row.threads}: {measured}, {spread.rounds} rounds, goal {row.goal}",
            flush=True,
        )
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
