"""The tables of Roth et al. 2017, §5.5, as counts of 10,000 test images and 10,000 generated ones."""

from __future__ import annotations

from gancross.evaluator.estimates import Proportion
from gancross.evaluator.verdict.pairs import Judgement, Pair, compared


def of(count: int, n: int = 10_000) -> Proportion:
    return Proportion(count=count, n=n)


REGULARIZED = Judgement(cross_fp=of(0), fn=of(312), own_fp=of(2))
UNREGULARIZED = Judgement(cross_fp=of(10_000), fn=of(0), own_fp=of(13))
PAPER = {"regularized": REGULARIZED, "unregularized": UNREGULARIZED}


def compared_pair(a: Judgement, b: Judgement, *, names: tuple[str, str] = ("a", "b")) -> Pair:
    """The tests of the only pair of a call."""
    (pair,) = compared([((names[0], a), (names[1], b))])
    return pair


def paper_pair() -> Pair:
    return compared_pair(REGULARIZED, UNREGULARIZED, names=("regularized", "unregularized"))
