"""Every figure of one judge on one generator, and what a pair of contestants makes of two such cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from gancross.checkpoint.contestant import Contestant
from gancross.evaluator.judging.batch_norm_passes import Norm
from gancross.evaluator.judging.scoring import Judged, OfJudge, real_high_threshold
from gancross.evaluator.statistics.auc import auc_interval
from gancross.evaluator.statistics.bounds import jensen_shannon_bound, total_variation_bound, transfer_gap
from gancross.evaluator.statistics.confusion import Confusion, Share, false_negatives, false_positives
from gancross.evaluator.statistics.matched_fp import Calibration, Half, MatchedFp, calibration, matched_fp
from gancross.evaluator.statistics.proportions import Estimate, Unavailable
from gancross.evaluator.verdict.pairs import PairTests, Side, pair_tests
from gancross.evaluator.verdict.paper import Standing, Verdict
from gancross.evaluator.verdict.strict import NormCheck, strict_verdict

OTHER: dict[Norm, Norm] = {"eval": "batch", "batch": "eval"}
Halves = tuple[Half, Half] | None


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One judge on the test reals and one generator, in one mode of normalisation.

    Attributes:
        confusion: FN and FP at the judge's threshold; None without one.
        auc: reals against this generator.
        matched: FP at matched FN; None with fewer than two reals.
        j: lower bound on the total variation; None without a threshold.
        jsd: lower bound on the Jensen–Shannon divergence in nats.
        transfer: FP here − FP on the judge's own generator; None without a threshold or for its own.
    """

    judge: str
    generator: str
    confusion: Confusion | None
    auc: Estimate
    matched: MatchedFp | None
    j: Estimate | None
    jsd: Estimate | Unavailable
    transfer: Estimate | None


Cells = dict[tuple[str, str], Cell]


def all_cells(
    contestants: Sequence[Contestant], judged: Judged, *, norm: Norm, halves: Halves, seed: int
) -> Cells:
    """Cells by (judge, generator), own pairs included, in the order of the contestants."""
    cells: Cells = {}
    for judge in contestants:
        if judge.discriminator is None:
            continue
        scores = judged.of(judge.name, norm)
        own = confusion(judge, scores, judge.name)
        calibrated = None if halves is None else calibration(scores[None], halves)
        for generator in contestants:
            cells[judge.name, generator.name] = _cell(judge, generator.name, scores, own, calibrated, seed)
    return cells


def confusion(judge: Contestant, scores: OfJudge, generator: str) -> Confusion | None:
    """FN and FP of a judge on one generator; None without a threshold."""
    threshold = real_high_threshold(judge)
    if threshold is None:
        return None
    return Confusion(
        fn=false_negatives(scores[None], threshold), fp=false_positives(scores[generator], threshold)
    )


def _cell(
    judge: Contestant, generator: str, scores: OfJudge, own: Confusion | None, calibrated: Calibration | None,
    seed: int,
) -> Cell:  # fmt: skip
    real, fake = scores[None], scores[generator]
    here = confusion(judge, scores, generator)
    matched = None
    if calibrated is not None:
        matched = matched_fp(
            fake=fake, calibrated=calibrated, seed=seed, judge=judge.name, generator=generator
        )
    crossed = here is not None and own is not None and generator != judge.name
    return Cell(
        judge=judge.name,
        generator=generator,
        confusion=here,
        auc=auc_interval(real=real, fake=fake),
        matched=matched,
        j=None if here is None else total_variation_bound(fn=here.fn, fp=here.fp),
        jsd=jensen_shannon_bound(real=real, fake=fake, score_kind=judge.score_kind),
        transfer=transfer_gap(cross_fp=here.fp, own_fp=own.fp) if crossed and here and own else None,
    )


def compared(contestants: Sequence[Contestant], judged: Judged, cells: Cells, norm: Norm) -> list[PairTests]:
    """The tests of every pair in one mode, in the order of the contestants."""

    def side(one: Contestant, other: Contestant) -> Side:
        cell = cells.get((one.name, other.name))
        if cell is None:
            return Side(standing=Standing(name=one.name, cross_fp=None, fn=None))
        own = cells[one.name, one.name].confusion
        scores = judged.of(one.name, norm)
        return Side(
            standing=Standing(
                name=one.name,
                cross_fp=_fp(cell.confusion),
                fn=None if cell.confusion is None else cell.confusion.fn,
                own_fp=_fp(own),
            ),
            threshold=real_high_threshold(one),
            real=scores[None],
            cross_fake=scores[other.name],
            matched_fp=cell.matched,
        )

    return pair_tests([(side(a, b), side(b, a)) for a, b in combinations(contestants, 2)])


def strict_verdicts(
    tests: Sequence[PairTests], others: Sequence[PairTests] | None, judged: Judged, norm: Norm
) -> list[Verdict]:
    """`strict` for every pair; pairs with batch norm are compared in both modes.

    Args:
        tests: in the mode of the call.
        others: in the other mode; None where that was not computed.
    """
    verdicts = []
    for number, test in enumerate(tests):
        judges = [side.name for side in (test.a, test.b)]
        check = None
        if any(name in judged.batch_normalised for name in judges):
            other = None if others is None else others[number].evidence()
            check = NormCheck(mode=norm, other_mode=OTHER[norm], other=other)
        verdicts.append(strict_verdict(test.evidence(), norm=check))
    return verdicts


def _fp(table: Confusion | None) -> Share | None:
    return None if table is None else table.fp
