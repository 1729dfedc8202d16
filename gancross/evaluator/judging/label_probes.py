"""What labels change: samples of the same latents, and scores of the same reals, under other labels.

Shape suffix: N samples.
"""

from __future__ import annotations

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


def right_labels(
    judge: Contestant, test: Samples, labels: torch.Tensor, n: int, *, device: torch.device
) -> Proportion | None:  # fmt: skip
    """How many test samples score higher under their own label than under that of another test sample.

    Samples whose other label is the same, and whose scores are equal, are left out. P(higher) is ½ where
    labels tell nothing; the pairs are independent, so its interval is Wilson's.

    Args:
        test, labels: in a random order.
        n: samples that the judge sees at a time; fewer are compared where there are fewer test samples.
    """
    rows = torch.arange(n) % len(test)
    samples, right_N = test[rows].to(device), labels[rows]
    shuffled = torch.from_numpy(Stream(0, "probe", "wrong-labels").permutation(n))
    wrong_N = right_N[shuffled]
    own, other = (
        raw_scores(judge, samples, seed=0, labels=labels_N).double().cpu() for labels_N in (right_N, wrong_N)
    )
    gain_N = other - own if judge.orientation == "fake_high" else own - other
    compared = (wrong_N != right_N) & (gain_N != 0) & (torch.arange(n) < len(test))
    count = int(compared.sum())
    if count == 0:
        return None
    return Proportion(count=int((gain_N[compared] > 0).sum()), n=count)
