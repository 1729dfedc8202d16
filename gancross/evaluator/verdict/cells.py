"""All cells of a call, and what every pair of contestants makes of two of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING

from gancross.evaluator.estimates import Missing
from gancross.evaluator.judging.controls import NOISE, is_blind
from gancross.evaluator.judging.scores import Scores, called_real, confusion, real_high_threshold
from gancross.evaluator.protocol import Norm, Protocol
from gancross.evaluator.statistics.matched_fp import calibration
from gancross.evaluator.verdict.discriminator import NormCheck, discriminator_verdict
from gancross.evaluator.verdict.figures import Cell, cell_scores, computed_cell
from gancross.evaluator.verdict.halving import Halving
from gancross.evaluator.verdict.pairs import Judgement, Pair, compared
from gancross.evaluator.verdict.paper import paper_verdict
from gancross.evaluator.verdict.strict import NO_REFEREES, strict_verdict
from gancross.evaluator.verdict.verdicts import Verdicts

if TYPE_CHECKING:
    from gancross.checkpoint.contestant import Contestant

OPPOSITE: dict[Norm, Norm] = {"eval": "batch", "batch": "eval"}
Cells = Mapping[tuple[str, str], Cell]


def all_cells(
    contestants: Sequence[Contestant], scores: Scores, *, norm: Norm, halving: Halving, seed: int
) -> Cells:
    """Cells by (judge, generator), own pairs included, in the order of the contestants."""
    cells: dict[tuple[str, str], Cell] = {}
    for judge in contestants:
        if judge.discriminator is None:
            continue
        of_judge = scores.of(judge.name, norm)
        halves = halving.of(of_judge.group_size)
        calibrated = (
            halves if isinstance(halves, Missing)
            else calibration(of_judge[None], halves, group_size=of_judge.group_size)
        )  # fmt: skip
        for generator in contestants:
            evidence = cell_scores(judge, generator.name, of_judge, calibrated, seed)
            cells[judge.name, generator.name] = computed_cell(evidence)
    return cells


def all_pairs(
    contestants: Sequence[Contestant], scores: Scores, cells: Cells, halving: Halving, protocol: Protocol
) -> tuple[Pair, ...]:
    """Every pair with tests and verdicts, in the order of the contestants.

    Pairs with batch norm are compared in both modes, where both were scored.
    """
    pairs, opposite_norm = _compared(contestants, scores, cells, protocol.norm), OPPOSITE[protocol.norm]
    opposite_pairs: Sequence[Pair | None] = [None] * len(pairs)
    if protocol.norm_check and scores.batch_normalised:
        opposite_cells = all_cells(
            contestants, scores, norm=opposite_norm, halving=halving, seed=protocol.seed
        )
        opposite_pairs = _compared(contestants, scores, opposite_cells, opposite_norm)
    decided = []
    for pair, opposite in zip(pairs, opposite_pairs, strict=True):
        check = None
        if not scores.batch_normalised.isdisjoint((pair.a, pair.b)):
            check = NormCheck(mode=protocol.norm, opposite_mode=opposite_norm, opposite=opposite)
        discriminator = discriminator_verdict(pair, norm=check)
        decided.append(replace(pair, verdict=Verdicts(
            paper=paper_verdict(pair), discriminator=discriminator, generator=NO_REFEREES,
            strict=strict_verdict(generator=NO_REFEREES, discriminator=discriminator),
        )))  # fmt: skip
    return tuple(decided)


def _compared(contestants: Sequence[Contestant], scores: Scores, cells: Cells, norm: Norm) -> list[Pair]:
    """The tests of every pair in one mode."""
    return compared([
        ((a.name, _judgement(a, b, scores, cells, norm)), (b.name, _judgement(b, a, scores, cells, norm)))
        for a, b in combinations(contestants, 2)
    ])  # fmt: skip


def _judgement(
    judge: Contestant, opponent: Contestant, scores: Scores, cells: Cells, norm: Norm
) -> Judgement:
    cell = cells.get((judge.name, opponent.name))
    if cell is None:
        return Judgement()
    of_judge = scores.of(judge.name, norm)
    table, own = (confusion(judge, of_judge, name) for name in (opponent.name, judge.name))
    noise = called_real(judge, of_judge, NOISE)
    return Judgement(
        cross_fp=None if table is None else table.fp, fn=None if table is None else table.fn,
        own_fp=None if own is None else own.fp, threshold=real_high_threshold(judge),
        real=of_judge[None], cross_fake=of_judge[opponent.name], own_fake=of_judge[judge.name],
        matched_fp=None if isinstance(cell.fp_at_fn5, Missing) else cell.fp_at_fn5,
        blind=None if noise is None else is_blind(noise), group_size=of_judge.group_size,
    )  # fmt: skip
