"""Rankings of more than two contestants: generators by whom they fool, discriminators by what they detect."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations

import numpy as np

from gancross.evaluator.estimates import Missing
from gancross.evaluator.tournament.cross_table import CrossTable

NO_DECISIONS = "makes no decisions: no discriminator or no threshold"


@dataclass(frozen=True, kw_only=True)
class RankedGenerator:
    """`advantage` is the mean over opponents of the difference in FP before common judges; higher is better.

    `wins`, `losses` and `ties` count the opponents by the sign of that difference.
    """

    name: str
    advantage: float
    wins: int
    losses: int
    ties: int


@dataclass(frozen=True, kw_only=True)
class RankedDiscriminator:
    """Mean and minimum of J = 1 − FN − FP over generators other than its own; higher is better."""

    name: str
    mean_j: float
    min_j: float
    hardest: str
    blind: bool


def generator_ranking(table: CrossTable) -> tuple[RankedGenerator, ...] | Missing:
    """Generators, the best first.

    The difference of i and k is the mean of FP_ij − FP_kj over judges j other than their own two, so that
    neither what a discriminator learnt of its own generator nor how strict a judge is decides. Judges that
    are blind or make no decisions count for nothing. A generator without any comparison is left out.
    """
    n, fp = len(table.names), table.fp
    differences = np.full((n, n), np.nan)
    for i, k in permutations(range(n), 2):
        judges = table.decides & ~table.blind
        judges[[i, k]] = False
        if judges.any():
            differences[i, k] = (fp[i, judges] - fp[k, judges]).mean()
    compared = ~np.isnan(differences)
    if not compared.any():
        return Missing("no judge of both that is neither's own, makes decisions and is not blind")
    ranked = [
        RankedGenerator(
            name=table.names[i], advantage=float(row.mean()), wins=int((row > 0).sum()),
            losses=int((row < 0).sum()), ties=int((row == 0).sum()),
        )
        for i in range(n) if len(row := differences[i, compared[i]])
    ]  # fmt: skip
    return tuple(sorted(ranked, key=lambda entry: (-entry.advantage, entry.name)))


def discriminator_ranking(table: CrossTable) -> tuple[RankedDiscriminator, ...] | Missing:
    """Discriminators, the best first: by mean J, then by minimum J."""
    if len(table.names) < 2:
        return Missing("no generator but its own")
    ranked = []
    for j in np.flatnonzero(table.decides):
        others = np.arange(len(table.names)) != j
        witnessed = 1 - table.fn[j] - table.fp[:, j]
        hardest = int(np.argmin(np.where(others, witnessed, np.inf)))
        ranked.append(
            RankedDiscriminator(
                name=table.names[j], mean_j=float(witnessed[others].mean()), min_j=float(witnessed[hardest]),
                hardest=table.names[hardest], blind=bool(table.blind[j]),
            )
        )  # fmt: skip
    if not ranked:
        return Missing("nobody makes decisions: no discriminator has a threshold")
    return tuple(sorted(ranked, key=lambda entry: (-entry.mean_j, -entry.min_j, entry.name)))
