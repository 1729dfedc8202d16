"""What only several contestants, or several runs of a method, can tell."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from gancross.evaluator.codec.fields import Recorded
from gancross.evaluator.estimates import Estimate, Missing, Proportion
from gancross.evaluator.judging.figures import ConfusionMatrix
from gancross.evaluator.tournament.bradley_terry import Strengths, bradley_terry, method_strengths
from gancross.evaluator.tournament.cross_table import CrossTable, cross_table
from gancross.evaluator.tournament.duality import DualityGap, duality_gaps
from gancross.evaluator.tournament.methods import MethodClaim, method_claims
from gancross.evaluator.tournament.ranking import (
    RankedDiscriminator,
    RankedGenerator,
    discriminator_ranking,
    generator_ranking,
)
from gancross.evaluator.verdict.cells import Cells

if TYPE_CHECKING:
    from gancross.checkpoint.contestant import Contestant

Matrices = Mapping[str, ConfusionMatrix | Missing]


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """Rankings of generators and of discriminators, apart, and Bradley–Terry strengths."""

    generators: tuple[RankedGenerator, ...] | Missing
    discriminators: tuple[RankedDiscriminator, ...] | Missing
    bradley_terry: Strengths | Missing


@dataclass(frozen=True, kw_only=True)
class Groups:
    """Methods with their runs, and claims about methods where there are two of them.

    `strengths`: mean Bradley–Terry strength of each method's generators; None with fewer than two methods.
    """

    methods: Mapping[str, tuple[str, ...]]
    claims: tuple[MethodClaim, ...] | Missing
    strengths: Annotated[Mapping[str, Estimate] | Missing | None, Recorded(absent=True)] = None


@dataclass(frozen=True, kw_only=True)
class Tournament:
    """Everything that needs the whole matrix of a call."""

    ranking: Ranking
    duality_gap: Mapping[str, DualityGap | Missing]
    groups: Groups


def tournament(
    contestants: Sequence[Contestant], cells: Cells, matrices: Matrices, *, blind: Collection[str], seed: int
) -> Tournament:
    """The matrix of all rates, read in every way."""
    fp = {key: cell.fp for key, cell in cells.items() if isinstance(cell.fp, Proportion)}
    fn = {name: matrix.fn for name, matrix in matrices.items() if isinstance(matrix, ConfusionMatrix)}
    table = cross_table(list(matrices), fp=fp, fn=fn, blind=blind)
    return Tournament(
        ranking=Ranking(
            generators=generator_ranking(table), discriminators=discriminator_ranking(table),
            bradley_terry=bradley_terry(table),
        ),
        duality_gap=duality_gaps(table, seed=seed),
        groups=_groups(contestants, table, seed),
    )  # fmt: skip


def _groups(contestants: Sequence[Contestant], table: CrossTable, seed: int) -> Groups:
    """Claims about methods, where contestants of at least two methods take part."""
    methods = {c.name: c.method for c in contestants if c.method is not None}
    runs = {
        method: tuple(sorted(name for name, its_method in methods.items() if its_method == method))
        for method in sorted(set(methods.values()))
    }
    if len(runs) < 2:
        return Groups(methods=runs, claims=Missing("contestants of fewer than two methods"))
    return Groups(
        methods=runs, claims=tuple(method_claims(table, methods, seed=seed)),
        strengths=method_strengths(table, methods, seed=seed),
    )  # fmt: skip
