"""The figures of one judge on one generator, as a table that computes, shows, records and gates them.

A figure is one field of `Cell`. Its `CellFigure` says how it is computed, what it is called, which way is
better for the judge, and under which names a gate compares it.
"""

# Annotations are evaluated here, so that their functions see this module.

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal

from gancross.evaluator.codec.fields import declared
from gancross.evaluator.estimates import ARROWS, Better, Estimate, Figure, Interval, Missing, Proportion
from gancross.evaluator.judging.scores import NO_THRESHOLD, Array, ScoresBySource, confusion
from gancross.evaluator.statistics.auc import auc_interval
from gancross.evaluator.statistics.bounds import jensen_shannon_bound, total_variation_bound, transfer_gap
from gancross.evaluator.statistics.confusion import Confusion
from gancross.evaluator.statistics.matched_fp import Calibration, MatchedFp, matched_fp

if TYPE_CHECKING:
    from gancross.checkpoint.contestant import Contestant

Role = Literal["own", "judging", "judged"]
BOUNDS_GROUPS = "a score depends on the samples beside it: it bounds the distance of groups, not of samples"


@dataclass(frozen=True, kw_only=True)
class CellScores:
    """What a figure is computed from: one judge's scores, high meaning real, in one mode of normalisation.

    Attributes:
        group_size: of the groups in which it saw samples; 1 where they do not depend on each other.
        real, fake: of the test data and of the generator's samples.
        confusion, own_confusion: FN and FP here and on the judge's own generator; None without a threshold.
        calibration: of the thresholds of FP at matched FN, or why there is none.
    """

    judge: "Contestant"
    generator: str
    group_size: int
    real: Array
    fake: Array
    confusion: Confusion | None
    own_confusion: Confusion | None
    calibration: Calibration | Missing
    seed: int


def cell_scores(
    judge: "Contestant", generator: str, scores: ScoresBySource, calibration: Calibration | Missing, seed: int
) -> CellScores:
    """One judge's scores on the test data and on one generator."""
    return CellScores(
        judge=judge, generator=generator, group_size=scores.group_size, real=scores[None],
        fake=scores[generator],
        confusion=confusion(judge, scores, generator), own_confusion=confusion(judge, scores, judge.name),
        calibration=calibration, seed=seed,
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class CellFigure:
    """One figure of one judge on one generator.

    Attributes:
        compute: the figure, or why there is none.
        label, short: what tables call it; `short` where room is scarce.
        meaning: in words, for documents and gates.
        range: smallest and largest value.
        better: for the judge.
        is_bound: whether it is a lower bound, of which tables show the confidence limit.
        signed: symbol of a figure whose size is the bound, so that a negative one says as much; else empty.
        unit: beside the label.
        everywhere: whether the short tables of terminals and pull requests have a column for it too.
        in_matrix: whether it has the matrix of all judges and generators for itself, and no column.
        gate: names under which gates compare it, by role of the contestant: `own`, its discriminator on its
            own generator; `judging`, its discriminator on opponents' samples; `judged`, opponents'
            discriminators on its samples. By default the field's name, with `cross-` and `detected-`.
    """

    compute: Callable[[CellScores], Figure]
    label: str
    short: str = ""
    meaning: str
    range: tuple[float, float]
    better: Better
    is_bound: bool = False
    signed: str = ""
    unit: str = ""
    everywhere: bool = True
    in_matrix: bool = False
    gate: Mapping[Role, str] | None = field(default=None, hash=False)

    @property
    def arrow(self) -> str:
        """Towards the judge's better values; ≥ for a bound."""
        if self.is_bound:
            return f"≥ ±{self.signed}" if self.signed else "≥"
        return ARROWS[self.better]

    def proven(self, limits: Interval) -> float:
        """What a bound with these confidence limits proves, with its sign; 0: nothing."""
        low, high = limits
        return max(low, 0.0) or (min(high, 0.0) if self.signed else 0.0)

    def heading(self, *, short: bool = False) -> str:
        """`AUC ↑`, `JSD ≥, nats`."""
        label = self.short or self.label if short else self.label
        return f"{label} {self.arrow}".strip() + (f", {self.unit}" if self.unit and not short else "")


def decided(cell: CellScores, figure: Callable[[Confusion], Figure]) -> Figure:
    """A figure of the decisions; missing without a threshold."""
    return Missing(NO_THRESHOLD) if cell.confusion is None else figure(cell.confusion)


def fp_at_matched_fn(cell: CellScores) -> Figure:
    """FP with the threshold set where 5 % of the test data are called fake."""
    if isinstance(cell.calibration, Missing):
        return cell.calibration
    return matched_fp(
        fake=cell.fake, calibrated=cell.calibration, seed=cell.seed, judge=cell.judge.name,
        generator=cell.generator,
    )  # fmt: skip


def of_independent(cell: CellScores, figure: Callable[[CellScores], Figure]) -> Figure:
    """A bound on the distance of single samples; missing where a score depends on the samples beside it."""
    return Missing(BOUNDS_GROUPS) if cell.group_size > 1 else figure(cell)


def gap_to_own_generator(cell: CellScores) -> Figure:
    """FP here − FP on the judge's own generator."""
    own = cell.own_confusion
    if cell.generator == cell.judge.name or own is None:
        return Missing("its own generator" if cell.generator == cell.judge.name else NO_THRESHOLD)
    return decided(cell, lambda table: transfer_gap(cross_fp=table.fp, own_fp=own.fp))


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One judge on the test data and one generator."""

    judge: str
    generator: str
    fp: Annotated[Proportion | Missing, CellFigure(
        compute=lambda cell: decided(cell, lambda table: table.fp), label="FP", range=(0, 1), better="lower",
        meaning="share of the generator's samples that the judge calls real", in_matrix=True,
        gate={"judging": "cross-fp", "judged": "fooled"},
    )]  # fmt: skip
    auc: Annotated[Estimate | Missing, CellFigure(
        compute=lambda cell: auc_interval(real=cell.real, fake=cell.fake, group_size=cell.group_size),
        label="AUC", range=(0, 1), better="higher",
        meaning="area under the ROC curve, test data against the generator's samples",
        gate={"own": "auc", "judging": "cross-auc", "judged": "detected-auc"},
    )]  # fmt: skip
    fp_at_fn5: Annotated[MatchedFp | Missing, CellFigure(
        compute=fp_at_matched_fn, label="FP at 5 % FN", short="FP@FN5%", range=(0, 1), better="lower",
        meaning="FP where the threshold calls 5 % of the test data fake", gate={},
    )]  # fmt: skip
    j: Annotated[Estimate | Missing, CellFigure(
        compute=lambda cell: of_independent(
            cell, lambda cell: decided(cell, lambda t: total_variation_bound(fn=t.fn, fp=t.fp))
        ),
        label="TV", range=(-1, 1), better="higher", is_bound=True, signed="J", gate={},
        meaning="J = 1−FN−FP, whose size is a lower bound on the total variation",
    )]  # fmt: skip
    jsd_bound_nats: Annotated[Estimate | Missing, CellFigure(
        compute=lambda cell: of_independent(cell, lambda cell: jensen_shannon_bound(
            real=cell.real, fake=cell.fake, score_kind=cell.judge.score_kind
        )),
        label="JSD", unit="nats", range=(-math.inf, math.log(2)), better="higher", is_bound=True, gate={},
        meaning="a lower bound on the Jensen–Shannon divergence",
    )]  # fmt: skip
    transfer_gap: Annotated[Estimate | Missing, CellFigure(
        compute=gap_to_own_generator, label="Transfer gap", range=(-1, 1), better="lower", everywhere=False,
        meaning="FP here − FP on the judge's own generator", gate={},
    )]  # fmt: skip

    def of(self, figure: str) -> Figure:
        """The figure of a key of `CELL_FIGURES`."""
        value: Figure = getattr(self, figure)
        return value

    @property
    def is_own(self) -> bool:
        """Whether a model's discriminator judges its own generator."""
        return self.judge == self.generator


CELL_FIGURES: Mapping[str, CellFigure] = declared(Cell, CellFigure)


def computed_cell(scores: CellScores) -> Cell:
    """Every figure of one cell."""
    figures: Mapping[str, Any] = {name: figure.compute(scores) for name, figure in CELL_FIGURES.items()}
    return Cell(judge=scores.judge.name, generator=scores.generator, **figures)
