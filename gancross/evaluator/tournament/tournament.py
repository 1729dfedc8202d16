"""What only several contestants, or several runs of a method, can tell."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from gancross.evaluator.codec.fields import Recorded
from gancross.evaluator.estimates import Estimate, Missing, Proportion
from gancross.evaluator.judging.figures import ConfusionMatrix
from gancross.evaluator.judging.scores import ScoresBySource, real_high_threshold
from gancross.evaluator.protocol import Norm
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
from gancross.evaluator.tournament.squared_j import JudgeDecisions
from gancross.evaluator.verdict.cells import Cells

if TYPE_CHECKING:
    from gancross.checkpoint.contestant import Contestant

Matrices = Mapping[str, ConfusionMatrix | Missing]


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """Rankings of generators and of discriminators, apart, and Bradley–Terry strengths.

    Attributes:
        by: "detectability" where referees rank the generators; None where the contestants' judges do.
    """

    generators: tuple[RankedGenerator, ...] | Missing
    discriminators: tuple[RankedDiscriminator, ...] | Missing
    bradley_terry: Strengths | Missing
    by: Annotated[Literal["detectability"] | None, Recorded(absent=True)] = None


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
    contestants: Sequence[Contestant], scores: Mapping[str, ScoresBySource], cells: Cells, matrices: Matrices,
    *, blind: Collection[str], norm: Norm, seed: int,
) -> Tournament:  # fmt: skip
    """All figures of one cross-test that need the whole matrix.

    Args:
        scores: of every judge in the protocol's mode of normalisation, by name.
    """
    fp = {key: cell.fp for key, cell in cells.items() if isinstance(cell.fp, Proportion)}
    fn = {name: matrix.fn for name, matrix in matrices.items() if isinstance(matrix, ConfusionMatrix)}
    table = cross_table(list(matrices), fp=fp, fn=fn, blind=blind)
    return Tournament(
        ranking=Ranking(
            generators=generator_ranking(
                list(matrices),
                [_decisions(c, scores[c.name], blind) for c in contestants if c.name in scores],
                batch_statistics=norm == "batch",
            ),
            discriminators=discriminator_ranking(table),
            bradley_terry=bradley_terry(table),
        ),
        duality_gap=duality_gaps(table, seed=seed),
        groups=_groups(contestants, table, seed),
    )  # fmt: skip


def _decisions(judge: Contestant, scores: ScoresBySource, blind: Collection[str]) -> JudgeDecisions:
    threshold = real_high_threshold(judge)
    usable = threshold is not None and judge.name not in blind and scores.group_size == 1
    tau = 0.0 if threshold is None else threshold
    return JudgeDecisions(
        name=judge.name,
        usable=usable,
        real=scores[None] > tau,
        fakes={label: array > tau for label, array in scores.arrays.items() if isinstance(label, str)},
    )


def _run_seeds(contestants: Sequence[Contestant]) -> dict[str, int]:
    """The seeds with which contestants were trained, as their recipes record them."""
    seeds = {c.name: c.origin.recipe.get("seed") for c in contestants if c.origin is not None}
    return {name: seed for name, seed in seeds.items() if type(seed) is int}


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
        methods=runs,
        claims=tuple(method_claims(table, methods, seed=seed, run_seeds=_run_seeds(contestants))),
        strengths=method_strengths(table, methods, seed=seed),
    )  # fmt: skip
