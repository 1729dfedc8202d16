"""Rankings of more than two contestants: generators by how surely others tell them, discriminators by J."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from gancross.evaluator.estimates import Estimate, Missing
from gancross.evaluator.statistics.proportions import holm
from gancross.evaluator.tournament.cross_table import CrossTable
from gancross.evaluator.tournament.squared_j import JudgeDecisions, OrderTests, SquaredJ, squared_j_estimate

NO_DECISIONS = "makes no decisions: no discriminator or no threshold"
TWO = "two contestants have no judge that is neither's own"
NO_JUDGE = "no judge that is neither's own, decides, is not blind and judges each sample by itself"
GROUPS = "under batch statistics a judge's J tells groups of samples apart, not samples"
ALPHA = 0.05


@dataclass(frozen=True, kw_only=True)
class RankedGenerator:
    """One generator's place.

    Attributes:
        distance: detectability before referees; without them the mean over judges other than its own of
            Ĵ² − SE², J = 1 − FN − FP. 0 where no judge tells its samples from data; lower is better. It may
            be negative by chance.
        judges: how many they are.
        unresolved: generators of which it is not sure, at 5 % for the whole ranking, that they belong on that
            side of it.
    """

    name: str
    distance: Estimate
    judges: int
    unresolved: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class RankedDiscriminator:
    """Mean and minimum of J = 1 − FN − FP over generators other than its own; higher is better."""

    name: str
    mean_j: float
    min_j: float
    hardest: str
    blind: bool


def generator_ranking(
    names: Sequence[str], judges: Sequence[JudgeDecisions], *, batch_statistics: bool
) -> tuple[RankedGenerator, ...] | Missing:
    """Generators, those that are told from data least surely first.

    |J| of any judge bounds the total variation between data and generator, so a generator equal to the data
    has J = 0 before every judge and nobody stands before it. Ĵ² − SE² is unbiased for J², |Ĵ| is not for |J|.
    A generator's own discriminator does not count, since it trained against it; nor do judges that are blind.

    Two generators are compared by the judges that are neither's own, Holm over all pairs; where that leaves
    the order open, or there is no such judge, the order is not resolved.

    Args:
        batch_statistics: whether judges normalised by the statistics of groups.
    """
    if batch_statistics:
        return Missing(GROUPS)
    usable = [judge for judge in judges if judge.usable]
    if not any(judge.name not in pair for pair in combinations(names, 2) for judge in usable):
        return Missing(TWO if len(names) < 3 else NO_JUDGE)
    ranked = [
        RankedGenerator(
            name=name, distance=squared_j_estimate(SquaredJ.of(name, foreign_judges)),
            judges=len(foreign_judges), unresolved=(),
        )
        for name in sorted(names) if (foreign_judges := [judge for judge in usable if judge.name != name])
    ]  # fmt: skip
    ranked.sort(key=lambda entry: (entry.distance.value, entry.name))
    pairs = list(combinations([entry.name for entry in ranked], 2))
    tests = OrderTests.of([entry.name for entry in ranked], usable)
    adjusted = holm([tests.p(before, after) for before, after in pairs])
    open_pairs = [pair for pair, p in zip(pairs, adjusted, strict=True) if p >= ALPHA]
    return tuple(
        replace(entry, unresolved=tuple(
            name for pair in open_pairs if entry.name in pair for name in pair if name != entry.name
        ))
        for entry in ranked
    )  # fmt: skip


def discriminator_ranking(table: CrossTable) -> tuple[RankedDiscriminator, ...] | Missing:
    """Discriminators, the best first: by mean J, then by minimum J."""
    if len(table.names) < 2:
        return Missing("no generator but its own")
    ranked = []
    for j in np.flatnonzero(table.decides):
        opponents = np.arange(len(table.names)) != j
        witnessed = 1 - table.fn[j] - table.fp[:, j]
        hardest = int(np.argmin(np.where(opponents, witnessed, np.inf)))
        ranked.append(
            RankedDiscriminator(
                name=table.names[j], mean_j=float(witnessed[opponents].mean()),
                min_j=float(witnessed[hardest]), hardest=table.names[hardest], blind=bool(table.blind[j]),
            )
        )  # fmt: skip
    if not ranked:
        return Missing("nobody makes decisions: no discriminator has a threshold")
    return tuple(sorted(ranked, key=lambda entry: (-entry.mean_j, -entry.min_j, entry.name)))
