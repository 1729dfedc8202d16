"""Referees as the record holds them: comparisons, their cross-test, the whole."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Annotated, Literal, Self

from gancross.evaluator.codec.fields import Count, Items, Recorded, Sha256, Size, Text, UnitFloat
from gancross.evaluator.estimates import Estimate
from gancross.evaluator.referees.check_records import RefereeControls
from gancross.evaluator.referees.contestant_records import RefereedContestant, Sigma
from gancross.evaluator.referees.formats import ImageFormats
from gancross.evaluator.referees.protocol import RefereeProtocol


@dataclass(frozen=True, kw_only=True)
class GLimits:
    """What condition 3 reads of one contestant at one rung.

    Attributes:
        lower, upper: one-sided limits of G, each at 5 % divided by the number of rungs.
        kappa: of the G that longer training would show, the share that this budget shows at least.
    """

    lower: float
    upper: float
    kappa: UnitFloat

    @property
    def after_training(self) -> float:
        """The upper limit of what any longer training would show: the limit, at least 0, over κ."""
        seen = max(0.0, self.upper)
        return seen / self.kappa if self.kappa > 0 else math.inf


@dataclass(frozen=True, kw_only=True)
class RungDifference:
    """G of `a` − G of `b` at one rung, paired.

    Attributes:
        lower, upper: one-sided 95 % limits, for condition 1.
        holm_p: two-sided, Holm over the rungs; a description, which names nobody.
        g_of_a, g_of_b: for condition 3.
    """

    sigma: Sigma
    difference: Estimate
    lower: float
    upper: float
    holm_p: UnitFloat
    g_of_a: GLimits
    g_of_b: GLimits

    def swapped(self) -> RungDifference:
        """G of `b` − G of `a`."""
        return replace(
            self, difference=-self.difference, lower=-self.upper, upper=-self.lower, g_of_a=self.g_of_b,
            g_of_b=self.g_of_a,
        )  # fmt: skip


Answer = Literal["named", "crossing", "not told apart", "too close for this budget", "withheld", "no name"]


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """Two contestants before referees, `a` against `b`, before the other pairs of the call are known.

    Attributes:
        n: the smallest number of reals or samples.
        delta: how much nearer the other may be at a rung for one to be named still.
        mean: of the differences over the rungs; below 0 where `a` is nearer to the data.
        p: two-sided, of a mean difference of 0.
        smallest_shown: the smallest mean difference that these seeds and samples would show in 80 % of calls,
            at 5 %, before Holm.
    """

    a: Text
    b: Text
    n: Size
    delta: float
    rungs: Annotated[tuple[RungDifference, ...], Items(1)]
    mean: Estimate
    p: UnitFloat
    smallest_shown: float

    def nearer_first(self) -> Self:
        """The same contrast with the lower mean G as `a`; as it stands where they are equal."""
        if self.mean.value <= 0:
            return self
        return replace(
            self, a=self.b, b=self.a, mean=-self.mean, rungs=tuple(rung.swapped() for rung in self.rungs)
        )


@dataclass(frozen=True, kw_only=True)
class Comparison(Contrast):
    """A contrast and what follows from it.

    Attributes:
        holm_p, holm_tests: p after Holm over so many pairs of the call.
        answer: which of the six answers; the verdict has the name and the reason.
    """

    holm_p: UnitFloat
    holm_tests: Size
    answer: Answer


@dataclass(frozen=True, kw_only=True)
class RefereeCell:
    """What the referees of `judge` make of the samples of `generator` at one rung, mean over referees."""

    judge: Text
    generator: Text
    fp: Estimate
    auc: Estimate


@dataclass(frozen=True, kw_only=True)
class RefereeCross:
    """Referees cross-test each other, as §5.5 has discriminators do, at one rung.

    Attributes:
        sigma: of the rung where the mean of G over the contestants is nearest one half.
        fn: by judge.
        cells: every judge on every generator, own ones included.
    """

    sigma: Sigma
    fn: Mapping[str, Estimate]
    cells: tuple[RefereeCell, ...]

    @cached_property
    def fps(self) -> Mapping[tuple[str, str], Estimate]:
        """FP by (judge, generator)."""
        return {(cell.judge, cell.generator): cell.fp for cell in self.cells}


@dataclass(frozen=True, kw_only=True)
class RefereeProtocolRecord:
    """All that decides the figures of referees; results are comparable where these are equal.

    Attributes:
        sigmas: the ladder.
        spread: s, the reals' root-mean-square deviation per dimension, in the units of σ.
        num_training: the equal number of reals and of samples on which every referee trained, a tenth of it
            to choose snapshots.
        lowered_by: the contestants with the fewest samples, where these are fewer than the reals.
        reals: which reals, and how many.
        reals_sha256: of their content.
    """

    options: Annotated[RefereeProtocol, Recorded(inline=True)]
    seed: int
    sigmas: tuple[Sigma, ...]
    spread: float
    num_training: Count
    lowered_by: tuple[str, ...]
    reals: Text
    num_reals: Size
    reals_sha256: Sha256


@dataclass(frozen=True, kw_only=True)
class Referees:
    """What referees tell of all contestants of a call.

    Attributes:
        formats: where images come from; None of vectors, and in records of before it was recorded.
    """

    protocol: RefereeProtocolRecord
    contestants: Mapping[str, RefereedContestant]
    comparisons: tuple[Comparison, ...]
    cross: RefereeCross
    controls: RefereeControls
    formats: Annotated[ImageFormats | None, Recorded(absent=True)] = None

    @property
    def what(self) -> str:
        """What the referees judge, in words."""
        return self.protocol.options.what
