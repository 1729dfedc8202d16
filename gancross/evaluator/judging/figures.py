"""Figures of one judge: controls, training data, batch statistics, confusion matrix, curves of its scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import numpy as np

from gancross.evaluator.codec.fields import Count, Items, UnitFloat
from gancross.evaluator.codec.points import Points
from gancross.evaluator.estimates import Estimate, Missing, Proportion
from gancross.evaluator.judging.controls import CONTROLS, NOISE, TRAINING, ControlRates, is_blind
from gancross.evaluator.judging.probe_results import DiscriminatorProbe, Probes
from gancross.evaluator.judging.scores import (
    NO_DISCRIMINATOR,
    NO_THRESHOLD,
    Array,
    Scores,
    ScoresBySource,
    called_real,
    confusion,
    real_high_threshold,
)
from gancross.evaluator.protocol import NORMS
from gancross.evaluator.statistics.bounds import generalisation_gap
from gancross.evaluator.statistics.confusion import false_negatives

if TYPE_CHECKING:
    from gancross.checkpoint.contestant import Contestant
    from gancross.evaluator.judging.sampling import Label

BINS = 64
LARGEST_EDGE = 8e307  # twice of it is still a double
ROC_POINTS = 101
NORM_MOVES = 0.05  # a rate that the batch-norm mode moves by more than this is flagged


@dataclass(frozen=True, kw_only=True)
class ModeRates:
    """FN of one judge in one batch-norm mode, and FP by generator."""

    fn: Proportion
    fp: Mapping[str, Proportion]


@dataclass(frozen=True, kw_only=True)
class Modes:
    """Rates with running averages and with batch statistics."""

    eval: ModeRates
    batch: ModeRates


@dataclass(frozen=True, kw_only=True)
class BatchNormMoves:
    """Rates of one judge in both modes, the largest move between them, and whether that is flagged."""

    modes: Modes
    largest_move: UnitFloat
    flagged: bool


def control_rates(judge: Contestant, scores: ScoresBySource) -> ControlRates:
    """The share of every control that a judge calls real."""
    rates: dict[str, Proportion | Missing] = {}
    for name, control in CONTROLS.items():
        label: Label = control if control.draw is not None else None
        absent = control.absent if label not in scores and control.absent else NO_THRESHOLD
        rates[name] = called_real(judge, scores, label) or Missing(absent)
    noise = called_real(judge, scores, NOISE)
    return ControlRates(**rates, blind=None if noise is None else is_blind(noise))


def judge_generalisation_gap(
    judge: Contestant, scores: ScoresBySource, no_training: str
) -> Estimate | Missing:
    """TPR on training reals − TPR on test reals of one judge; `no_training` says why there are none."""
    threshold = real_high_threshold(judge)
    if threshold is None or TRAINING not in scores:
        return Missing(NO_THRESHOLD if threshold is None else no_training)
    train_fn, test_fn = (
        false_negatives(scores[label], threshold, group_size=scores.group_size) for label in (TRAINING, None)
    )
    return generalisation_gap(train_fn=train_fn, test_fn=test_fn)


def batch_norm_moves(
    judge: Contestant, scores: Scores, generators: Sequence[str], probes: Probes
) -> BatchNormMoves | Missing:
    """How far the rates of one judge move from one batch-norm mode to the other."""
    if judge.name not in scores.batch_normalised:
        return Missing(_one_mode(judge, probes.discriminator))
    if not all(judge.name in scores.by_norm[norm] for norm in NORMS):
        return Missing("batch-norm modes not compared")
    if real_high_threshold(judge) is None:
        return Missing(NO_THRESHOLD)
    running, batch = (_mode_rates(judge, scores.of(judge.name, norm), generators) for norm in NORMS)
    moves = [abs(running.fn.rate - batch.fn.rate)]
    moves += [abs(running.fp[name].rate - batch.fp[name].rate) for name in generators]
    return BatchNormMoves(
        modes=Modes(eval=running, batch=batch), largest_move=max(moves), flagged=max(moves) > NORM_MOVES
    )


def _one_mode(judge: Contestant, probe: DiscriminatorProbe | Missing) -> str:
    """Why a judge has no second mode of batch norm."""
    if not isinstance(probe, Missing) and probe.unreachable_norm:
        return "its batch norm cannot be switched to batch statistics: there is one mode"
    if not isinstance(probe, Missing) and probe.coupled:
        return (
            f"its scores depend on the batch without running averages: there is one mode, in groups of"
            f" {judge.batch_size}"
        )
    if judge.batch_size == 1:
        return "it trained on batches of one: there is one mode"
    return "no batch norm with running averages: there is one mode"


def _mode_rates(judge: Contestant, scores: ScoresBySource, generators: Sequence[str]) -> ModeRates:
    tables = {name: table for name in generators if (table := confusion(judge, scores, name))}
    return ModeRates(fn=tables[generators[0]].fn, fp={name: table.fp for name, table in tables.items()})


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
    """The matrix of a contestant; missing without a threshold, or without the scores of a discriminator."""
    if scores is None:
        return Missing(NO_DISCRIMINATOR)
    table = confusion(contestant, scores, contestant.name)
    if table is None:
        return Missing(NO_THRESHOLD)
    return ConfusionMatrix(counts=table.counts(), rates=table.rates(), fn=table.fn, fp=table.fp)


Counts = tuple[Count, ...]
RocCurve = Annotated[Points[tuple[UnitFloat, UnitFloat]], Items(2, 10_001)]


@dataclass(frozen=True, kw_only=True)
class Histogram:
    """Counts of one judge's scores in common bins; the outermost bins hold what lies beyond them."""

    edges: Annotated[tuple[float, ...], Items(2, 1025)]
    real: Counts
    generators: Mapping[str, Counts]


def histogram(scores: ScoresBySource, generators: Sequence[str]) -> Histogram:
    """Of the test data and of every generator's samples; the bins hold all but 0.1 % at either end."""
    everything = np.concatenate([scores[None], *(scores[name] for name in generators)])
    low, high = np.quantile(everything, [0.001, 0.999])
    edges = _edges(float(low), float(high))
    low, high = edges[0], edges[-1]

    def counts(values: Array) -> Counts:
        return tuple(int(count) for count in np.histogram(np.clip(values, low, high), edges)[0])

    return Histogram(
        edges=tuple(edges.tolist()), real=counts(scores[None]),
        generators={name: counts(scores[name]) for name in generators},
    )  # fmt: skip


def _edges(low: float, high: float) -> Array:
    """Rising edges of equal bins, around equal scores too, and of huge ones as wide as doubles need."""
    low, high = max(low, -LARGEST_EDGE), min(high, LARGEST_EDGE)
    parted = 4 * BINS * float(np.spacing(max(abs(low), abs(high))))
    margin = max(0.5, parted) if low == high else parted if high - low < parted else 0.0
    return np.linspace(low - margin, high + margin, BINS + 1)


def roc_curve(scores: ScoresBySource, generator: str) -> RocCurve:
    """((FPR, TPR), …) from (0, 0) to (1, 1), at most 101 points of the curve.

    As of `sklearn.metrics.roc_curve`, which takes a second to import: a point for each different score, the
    highest first, without those midway between their neighbours.
    """
    real, fake = scores[None], scores[generator]
    values, counts = np.concatenate([real, fake]), np.zeros((2, len(real) + len(fake)), np.int64)
    order = np.argsort(-values, kind="stable")
    counts[0, len(real) :] = counts[1, : len(real)] = 1
    reached = np.cumsum(counts[:, order], axis=1)  # fakes and reals with such a score or a higher one
    ordered = values[order]
    ends = np.append(np.flatnonzero(ordered[1:] != ordered[:-1]), len(ordered) - 1)
    corners = reached[:, ends]
    if len(ends) > 2:
        bends = (np.diff(corners, 2, axis=1) != 0).any(axis=0)
        corners = corners[:, np.concatenate([[True], bends, [True]])]
    corners = np.concatenate([np.zeros((2, 1), np.int64), corners], axis=1)
    chosen = np.unique(np.linspace(0, corners.shape[1] - 1, ROC_POINTS).round().astype(int))
    return Points((corners[:, chosen] / [[len(fake)], [len(real)]]).T)
