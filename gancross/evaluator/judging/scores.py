"""What every judge makes of every sample set: scores by mode of normalisation, judge and source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gancross.evaluator.estimates import Proportion
from gancross.evaluator.protocol import Norm
from gancross.evaluator.statistics.confusion import Confusion, false_negatives, false_positives

if TYPE_CHECKING:
    from gancross.checkpoint.contestant import Contestant
    from gancross.evaluator.judging.sampling import Label

NO_THRESHOLD = "no threshold: its scores rank samples but decide nothing"
NO_DISCRIMINATOR = "no discriminator: it is judged and judges nobody"

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class ScoresBySource:
    """One judge's scores in one mode: of every source (None: the test data); float64, high meaning real.

    Attributes:
        group_size: of the groups in which it saw samples, where a score depends on the samples beside it;
            1 where it does not.
    """

    arrays: Mapping[Label, Array]
    group_size: int = 1

    def __getitem__(self, label: Label) -> Array:
        return self.arrays[label]

    def __contains__(self, label: Label) -> bool:
        return label in self.arrays


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Scores of every judge.

    Attributes:
        by_norm: by mode of normalisation, judge and source. A judge without batch norm stands under "eval"
            only.
        clipped: by judge, how many probabilities were clipped.
        clipped_values: by contestant, how many values of its generator's images were clipped to 0…255.
        batch_normalised: judges that have batch norm, scored in one mode or in both.
        classes: by source, the classes 0…K−1 of its samples in the order of the scores, int64 (N,); a source
            without labels is absent.
    """

    by_norm: dict[Norm, dict[str, ScoresBySource]]
    clipped: dict[str, int]
    batch_normalised: frozenset[str]
    clipped_values: Mapping[str, int] = field(default_factory=dict)
    classes: Mapping[Label, NDArray[np.int64]] = field(default_factory=dict)

    def of(self, judge: str, norm: Norm) -> ScoresBySource:
        """A judge's scores in a mode; without batch norm both modes are the same."""
        return self.by_norm[norm if judge in self.batch_normalised else "eval"][judge]


def logits(probabilities: Array) -> Array:
    """ln p − ln(1−p) for 0 < p < 1, of scores and of thresholds alike: ties stay ties."""
    return np.log(probabilities) - np.log1p(-probabilities)


def score_threshold(threshold: float | None, *, score_kind: str, orientation: str) -> float | None:
    """τ on the axis of the scores, where probabilities are logits and high means real.

    Args:
        threshold: τ on v; None: no decisions.
    """
    if threshold is None:
        return None
    if score_kind == "probability":
        threshold = float(logits(np.array([threshold]))[0])
    return -threshold if orientation == "fake_high" else threshold


def real_high_threshold(judge: Contestant) -> float | None:
    """τ on the axis of the judge's scores, where high means real; None: the judge makes no decisions."""
    return score_threshold(
        judge.decision_threshold, score_kind=judge.score_kind, orientation=judge.orientation
    )


def called_real(judge: Contestant, scores: ScoresBySource, label: Label) -> Proportion | None:
    """The share of a source that a judge calls real; None without a threshold or without the source."""
    threshold = real_high_threshold(judge)
    if threshold is None or label not in scores:
        return None
    return false_positives(scores[label], threshold, group_size=scores.group_size)


def confusion(judge: Contestant, scores: ScoresBySource, generator: str) -> Confusion | None:
    """FN and FP of a judge on one generator; None without a threshold."""
    threshold = real_high_threshold(judge)
    if threshold is None:
        return None
    size = scores.group_size
    return Confusion(
        fn=false_negatives(scores[None], threshold, group_size=size),
        fp=false_positives(scores[generator], threshold, group_size=size),
    )
