"""Cross tables made of rates."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from gancross.evaluator.estimates import Proportion
from gancross.evaluator.tournament.cross_table import CrossTable, cross_table

N = 1_000
Rates = Sequence[Sequence[float]]


def table(
    fp: Rates, fn: Sequence[float] | None = None, *, names: Sequence[str] = "abcdefghij",
    order: Sequence[str] | None = None, blind: Collection[str] = (), silent: Collection[str] = (),
) -> CrossTable:  # fmt: skip
    """A table from a matrix of rates, generators by judges, with names in the given order."""
    size = len(fp)
    fn = fn or [0.05] * size
    judges = [name for name in names[:size] if name not in silent]
    rates = {
        (judge, names[i]): Proportion(count=round(N * fp[i][names.index(judge)]), n=N)
        for judge in judges
        for i in range(size)
    }
    fns = {judge: Proportion(count=round(N * fn[names.index(judge)]), n=N) for judge in judges}
    return cross_table(order or names[:size], fp=rates, fn=fns, blind=blind)


def runs(shift: float, per_side: int, seed: int = 0) -> tuple[CrossTable, dict[str, str]]:
    """Runs of method x (first half) and y; x's judges are fooled less by `shift`."""
    random = np.random.default_rng(seed)
    judge = random.normal(0, 0.02, 2 * per_side) - shift * (np.arange(2 * per_side) < per_side)
    fp = np.clip(0.5 + judge[None, :] + random.normal(0, 0.02, (2 * per_side, 1)), 0, 1)
    names = [f"run{k:02}" for k in range(2 * per_side)]
    methods = {name: "x" if k < per_side else "y" for k, name in enumerate(names)}
    return table(fp.tolist(), names=names), methods
