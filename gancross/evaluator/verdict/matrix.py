"""A model's own confusion matrix, as the paper prints it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gancross.evaluator.codec.fields import Count, UnitFloat
from gancross.evaluator.estimates import Missing, Proportion
from gancross.evaluator.judging.scores import NO_DISCRIMINATOR, NO_THRESHOLD, ScoresBySource, confusion

if TYPE_CHECKING:
    from gancross.checkpoint.contestant import Contestant

Row = tuple[UnitFloat, UnitFloat]
CountRow = tuple[Count, Count]


@dataclass(frozen=True, kw_only=True)
class ConfusionMatrix:
    """One model's discriminator on the test data and on its own generator.

    Attributes:
        counts: ((TP, FP), (FN, TN)): rows predicted (real, fake), columns true (real, fake).
        rates: the counts over the number of samples in each column.
    """

    counts: tuple[CountRow, CountRow]
    rates: tuple[Row, Row]
    fn: Proportion
    fp: Proportion


def confusion_matrix(contestant: Contestant, scores: ScoresBySource | None) -> ConfusionMatrix | Missing:
    """The matrix of a contestant; missing without a discriminator or a threshold.

    Args:
        scores: its discriminator's; None where it has none.
    """
    if scores is None:
        return Missing(NO_DISCRIMINATOR)
    table = confusion(contestant, scores, contestant.name)
    if table is None:
        return Missing(NO_THRESHOLD)
    return ConfusionMatrix(counts=table.counts(), rates=table.rates(), fn=table.fn, fp=table.fp)
