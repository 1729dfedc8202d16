"""What a user may have said wrongly about a model: a flag, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

TURNED = 0.3  # AUC
APART = 0.8  # AUC from which on a threshold that separates nothing is the fault
SEPARATES = 0.05  # 1 − FN − FP


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A line for the reader of figures, and one for whoever describes the model."""

    flag: str
    remedy: str


def own_findings(judge: str, *, score_kind: str, auc: float, separation: float | None) -> Iterator[Finding]:
    """What a judge's scores of the test data and of its own generator's samples say of its description.

    A discriminator that its generator fools ranks them at random, AUC ½; few rank them the wrong way round.
    Cross-entropy soon puts the threshold of logits between data and samples that can be told apart. Other
    losses leave it outside for long, and who names them has said what the scores are: `logit` is the default.

    Args:
        score_kind: of the judge.
        auc: of its own generator.
        separation: 1 − FN − FP, of its own generator; None without a threshold.
    """
    if auc < TURNED:
        yield Finding(
            flag=f"'{judge}': AUC {auc:.4f} on its own generator, whose samples score above the test data: is"
            " the orientation, or data_range, another one?",
            remedy="give orientation=fake_high if it learned low scores for real images, or the data_range"
            " that it was trained on",
        )
    if score_kind == "logit" and auc >= APART and separation is not None and abs(separation) < SEPARATES:
        yield Finding(
            flag=f"'{judge}': the threshold of score_kind 'logit' tells nothing (1 − FN − FP ="
            f" {separation:.2f} on its own generator), although its scores rank samples (AUC {auc:.4f}): a"
            " critic, whose zero means nothing?",
            remedy="give the score_kind of its loss, wgan for a Wasserstein critic, or threshold=NUMBER",
        )
