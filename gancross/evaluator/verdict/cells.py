"""All cells of a call, and what every pair of contestants makes of two of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING

from gancross.evaluator.estimates import Missing
from gancross.evaluator.judging.controls import NOISE, is_blind
from gancross.evaluator.judging.scores import (
    Scores,
    ScoresBySource,
    called_real,
    confusion,
    real_high_threshold,
)
from gancross.evaluator.protocol import Norm, Protocol
from gancross.evaluator.statistics.matched_fp import Calibration, MatchedFp, calibration
from gancross.evaluator.statistics.resampling import Halves
from gancross.evaluator.verdict.discriminator import NormCheck, discriminator_verdict
from gancross.evaluator.verdict.figures import Cell, cell_scores, computed_cell
from gancross.evaluator.verdict.halving import Halving
from gancross.evaluator.verdict.pairs import Judgement, Pair, compared
from gancross.evaluator.verdict.paper import paper_verdict
from gancross.evaluator.verdict.strict import NO_REFEREES, strict_verdict
from gancross.evaluator.verdict.verdicts import Verdicts

if TYPE_CHECKING:
    from gancross.checkpoint.contestant import Contestant
    from gancross.machine.crew import Crew

OPPOSITE: dict[Norm, Norm] = {"eval": "batch", "batch": "eval"}
Cells = Mapping[tuple[str, str], Cell]


def all_cells(
    contestants: Sequence[Contestant], scores: Scores, *, norm: Norm, halving: Halving, seed: int,
    workers: Crew,
) -> Cells:  # fmt: skip
    """Cells by (judge, generator), own pairs included, in the order of the contestants.

    Args:
        workers: compute them, each in one thread.
    """
    judges = [contestant for contestant in contestants if contestant.discriminator is not None]
    of_judges = [scores.of(judge.name, norm) for judge in judges]
    calibrations = workers.in_order(_calibration, [(each, halving.of(each.group_size)) for each in of_judges])
    evidence = (
        cell_scores(judge, generator.name, of_judge, calibrated, seed)
        for judge, of_judge, calibrated in zip(judges, of_judges, calibrations, strict=True)
        for generator in contestants
    )
    return {(cell.judge, cell.generator): cell for cell in workers.in_order(computed_cell, evidence)}


def _calibration(judged: tuple[ScoresBySource, Halves | Missing]) -> Calibration | Missing:
    """The thresholds of a judge from its scores and the halves of the test reals; missing without halves."""
    scores, halves = judged
    if isinstance(halves, Missing):
        return halves
    return calibration(scores[None], halves, group_size=scores.group_size)


def without_resamples(cells: Cells) -> Cells:
    """The cells of a result, whose pairs are compared."""
    return {
        key: replace(cell, fp_at_fn5=replace(cell.fp_at_fn5, counts=None))
        if isinstance(cell.fp_at_fn5, MatchedFp) else cell
        for key, cell in cells.items()
    }  # fmt: skip


def all_pairs(
    contestants: Sequence[Contestant], scores: Scores, cells: Cells, halving: Halving, protocol: Protocol,
    workers: Crew,
) -> tuple[Pair, ...]:  # fmt: skip
    """Every pair with tests and verdicts, in the order of the contestants.

    Pairs with batch norm are compared in both modes, where both were scored.

    Args:
        workers: compute the tests, those of a pair in one thread.
    """
    opposite_norm = OPPOSITE[protocol.norm]
    pairs = _compared(contestants, scores, cells, protocol.norm, workers)
    opposite_pairs: Sequence[Pair | None] = [None] * len(pairs)
    if protocol.norm_check and scores.batch_normalised:
        opposite_cells = all_cells(
            contestants, scores, norm=opposite_norm, halving=halving, seed=protocol.seed, workers=workers
        )
        opposite_pairs = _compared(contestants, scores, opposite_cells, opposite_norm, workers)
    decided = []
    for pair, opposite in zip(pairs, opposite_pairs, strict=True):
        check = None
        if not scores.batch_normalised.isdisjoint((pair.a, pair.b)):
            check = NormCheck(mode=protocol.norm, opposite_mode=opposite_norm, opposite=opposite)
        discriminator = discriminator_verdict(pair, norm=check)
        verdict = Verdicts(
            paper=paper_verdict(pair), discriminator=discriminator, generator=NO_REFEREES,
            strict=strict_verdict(generator=NO_REFEREES, discriminator=discriminator),
        )  # fmt: skip
        of_a, of_b = pair.judgement_a.counted(), pair.judgement_b.counted()
        decided.append(replace(pair, verdict=verdict, judgement_a=of_a, judgement_b=of_b))
    return tuple(decided)


def _compared(
    contestants: Sequence[Contestant], scores: Scores, cells: Cells, norm: Norm, workers: Crew
) -> list[Pair]:
    """The tests of every pair in one mode."""
    pairs = [
        ((a.name, _judgement(a, b, scores, cells, norm)), (b.name, _judgement(b, a, scores, cells, norm)))
        for a, b in combinations(contestants, 2)
    ]
    return compared(pairs, in_order=workers.in_order)


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
