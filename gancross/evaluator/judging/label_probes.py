"""What labels change: samples of the same latents, and scores of the same reals, under other labels.

Shape suffix: N samples.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from gancross.checkpoint.contestant import Contestant
from gancross.data.views import Samples
from gancross.evaluator.estimates import Proportion
from gancross.evaluator.judging.judge_calls import raw_scores
from gancross.random_streams import Stream


def other_labels(labels_N: torch.Tensor | None, num_classes: int | None) -> torch.Tensor | None:
    """Of each sample another class than its own; None without labels, or where there is one class."""
    if labels_N is None or num_classes is None or num_classes == 1:
        return None
    return (labels_N + 1) % num_classes


@dataclass(frozen=True, kw_only=True, eq=False)
class LabelScores:
    """A judge's raw scores of N test samples, float64 (N,), under their own labels and under those of others.

    Attributes:
        compared_N: whether a sample counts: its other label is of another class, and it comes once.
    """

    own_N: torch.Tensor
    other_N: torch.Tensor
    compared_N: torch.Tensor


def label_scores(
    judge: Contestant, test: Samples, labels: torch.Tensor, n: int, *, device: torch.device
) -> LabelScores:  # fmt: skip
    """Scores test samples under their own labels, and under those of other test samples.

    Args:
        test, labels: in a random order.
        n: samples that the judge sees at a time; fewer are compared where there are fewer test samples.
    """
    rows = torch.arange(n) % len(test)
    samples, right_N = test[rows].to(device), labels[rows]
    shuffled = torch.from_numpy(Stream(0, "probe", "wrong-labels").permutation(n))
    wrong_N = right_N[shuffled]
    own_N, other_N = (
        raw_scores(judge, samples, seed=0, labels=labels_N).double().cpu() for labels_N in (right_N, wrong_N)
    )
    compared_N = (wrong_N != right_N) & (torch.arange(n) < len(test))
    return LabelScores(own_N=own_N, other_N=other_N, compared_N=compared_N)


def right_labels(judge: Contestant, scores: LabelScores) -> Proportion | None:
    """How many test samples score higher under their own label than under that of another test sample.

    Samples whose other label is the same, and whose scores are equal, are left out. P(higher) is ½ where
    labels tell nothing; the pairs are independent, so its interval is Wilson's.
    """
    own_N, other_N = scores.own_N, scores.other_N
    gain_N = other_N - own_N if judge.orientation == "fake_high" else own_N - other_N
    compared_N = scores.compared_N & (gain_N != 0)
    count = int(compared_N.sum())
    if count == 0:
        return None
    return Proportion(count=int((gain_N[compared_N] > 0).sum()), n=count)
