"""What the values of samples and scores say of a declared range: of images, and of probabilities."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch

from gancross.checkpoint.contestant import NETWORK_FAILURES, Contestant
from gancross.data.views import Samples, blocks
from gancross.errors import UsageError
from gancross.evaluator.judging.behaviour import few_inputs
from gancross.evaluator.judging.scores import real_high_threshold
from gancross.evaluator.judging.scoring import real_high
from gancross.evaluator.statistics.auc import components

Score = Callable[[Contestant, torch.Tensor, torch.Tensor | None], torch.Tensor]
RANGES = ((-1.0, 1.0), (0.0, 1.0), (0.0, 255.0))  # that projects scale images to
# What a discriminator reaches and gains in another range: in AUC alone, or in AUC and 1 − FN − FP.
AUC_ALONE, GAIN_ALONE = 0.8, 0.15
AUC_TOO, GAIN_TOO, SEPARATION = 0.65, 0.05, 0.25
HARDLY = 0.1  # 1 − FN − FP in the declared range
SLACK = 0.5  # the part of what is required of all that is required of a few


def outside(samples: torch.Tensor, data_range: tuple[float, float]) -> float:
    """The share of values that lie beyond a range by more than a level."""
    low, high = data_range
    slack = (high - low) / 255
    return float(((samples < low - slack) | (samples > high + slack)).double().mean())


def in_one_half(low: float, high: float, data_range: tuple[float, float], test: Samples) -> bool:
    """Whether values lie in the upper or in the lower half, where the test data do not."""
    middle, slack = sum(data_range) / 2, (data_range[1] - data_range[0]) / 100
    upper, lower = low >= middle - slack, high <= middle + slack
    if upper and lower:  # all values lie in the middle, as before any training
        return False
    return any(
        (upper and int(part.amin()) < 127) or (lower and int(part.amax()) > 128) for part in blocks(test)
    )


def like_probabilities(
    contestant: Contestant, inputs: torch.Tensor, scores: torch.Tensor, score: Score
) -> bool:
    """Whether scores lie in 0…1, whatever is judged, where a threshold beyond decides the same of all.

    A network whose scores happen to lie there leaves it on images of a thousandfold contrast.
    """
    threshold = contestant.decision_threshold
    if contestant.score_kind == "probability" or threshold is None or 0 < threshold < 1:
        return False
    if not _in_unit_interval(scores) or not bool(scores.amax() > scores.amin()):
        return False
    strong = (inputs.float() - inputs.float().mean()) * 1000
    try:
        return _in_unit_interval(score(contestant, strong, None))
    except (UsageError, *NETWORK_FAILURES):
        return True


def _in_unit_interval(scores: torch.Tensor) -> bool:
    return bool(((scores >= 0) & (scores <= 1)).all())


def other_range(
    judge: Contestant, inputs: torch.Tensor, scores: torch.Tensor, score: Score, *, reals: int,
    coupled: bool = False,
) -> str | None:  # fmt: skip
    """The common range in which a discriminator tells data from its own generator's samples as in no other.

    Given values that it never saw a discriminator calls all samples real, or all generated, and ranks them
    less well. So it was trained in another range where AUC is at least 0.8, and 0.15 above that in the
    declared one; or at least 0.65 and 0.05 above, while 1 − FN − FP is below 0.1 in the declared range and
    0.25 higher there. Of 61 pairs trained on the digits by seven losses, in their own range, AUC gained at
    most 0.04 in another, and none was flagged. Of 300 pairs with random weights 9 were.

    Scores of 64 of each are enough where they show less than half of that. In simulations with normal scores,
    independent in both ranges, that missed 0 to 3 % of what all 256 show: 3 % where AUC rises from 0.6 to
    0.7, 0.02 % where it rises from ½ to 0.8.

    Args:
        inputs: canonical images, the first `reals` of them data, the others its generator's.
        scores: raw, of the inputs in the declared range.
        score: raw scores of some rows of the inputs, all by default, by a contestant that may be described
            otherwise.
        coupled: whether scores depend on other samples; then all are always scored.
    """
    if inputs.ndim != 4:
        return None
    own_auc, own_separation = _told_apart(judge, scores, reals)
    if own_auc + GAIN_ALONE > 1 and own_separation >= HARDLY:  # no other range could gain as much
        return None
    few = None if coupled else _few_of_each(reals, len(inputs), judge.batch_size)
    for low, high in RANGES:
        if (low, high) == judge.data_range:
            continue
        described = replace(judge, data_range=(low, high))
        try:
            if few is not None and not _promising(judge, scores[few], score(described, inputs, few)):
                continue
            others = score(described, inputs, None)
        except (UsageError, *NETWORK_FAILURES):
            continue
        if not bool(others.isfinite().all()):
            continue
        auc, separation = _told_apart(judge, others, reals)
        tells = own_separation < HARDLY and separation >= max(own_separation, 0) + SEPARATION
        if (tells and auc >= max(AUC_TOO, own_auc + GAIN_TOO)) or auc >= max(AUC_ALONE, own_auc + GAIN_ALONE):
            return f"{low:g}…{high:g}"
    return None


def _few_of_each(reals: int, n: int, batch_size: int) -> torch.Tensor | None:
    """Rows of as many data as samples, in whole batches of a judge; None where these are nearly all rows."""
    each = few_inputs(batch_size)
    if 2 * each > n // 2 or each > min(reals, n - reals):
        return None
    return torch.cat([torch.arange(each), torch.arange(reals, reals + each)])


def _promising(judge: Contestant, own: torch.Tensor, others: torch.Tensor) -> bool:
    """Whether AUC of a few samples leaves it open that another range is the right one."""
    reals = len(own) // 2
    if not bool(others.isfinite().all()):
        return True
    auc, separation = _told_apart(judge, others, reals)
    own_auc, own_separation = _told_apart(judge, own, reals)
    tells = separation >= max(own_separation, 0) + SLACK * SEPARATION
    return (tells and auc >= max(_slack(AUC_TOO), own_auc)) or (
        auc >= max(_slack(AUC_ALONE), own_auc + SLACK * GAIN_ALONE)
    )


def _slack(auc: float) -> float:
    """As far above ½ as the slack leaves of an AUC."""
    return 0.5 + SLACK * (auc - 0.5)


def _told_apart(judge: Contestant, scores: torch.Tensor, reals: int) -> tuple[float, float]:
    """AUC and 1 − FN − FP, 0 without a threshold."""
    values = real_high(scores.flatten().cpu().numpy(), judge)
    real, fake = values[:reals], values[reals:]
    threshold = real_high_threshold(judge)
    separation = 0.0 if threshold is None else float((real > threshold).mean() - (fake > threshold).mean())
    return components(real=real, fake=fake)[0], separation
