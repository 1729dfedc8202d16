"""The checks of referees, as the record holds them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from gancross.evaluator.codec.fields import Recorded, Text, UnitFloat
from gancross.evaluator.estimates import Estimate, Missing
from gancross.evaluator.referees.contestant_records import RefereedContestant, Sigma
from gancross.evaluator.referees.copying import Copying


@dataclass(frozen=True, kw_only=True)
class NullControl:
    """Real data in place of a generator's samples: referees should not tell them from held-out reals.

    Attributes:
        of: whose samples they are.
        fails: whether G is above 0 at some rung, p < .01 after Holm over the rungs.
    """

    of: Text
    figures: RefereedContestant
    fails: bool


@dataclass(frozen=True, kw_only=True)
class PowerControl:
    """The same samples, of which a share is uniform noise: referees should tell them.

    Attributes:
        share: ε, of the samples replaced by noise.
        fails: whether the lower limit of G at the finest rung is not above 0.
    """

    share: UnitFloat
    figures: RefereedContestant
    fails: bool


@dataclass(frozen=True, kw_only=True)
class LabelControl:
    """The same samples with each other's labels: referees that see labels should tell them.

    Attributes:
        share: of the samples whose label is wrong.
        fails: whether G is above 0 at no rung, p < .01 after Holm over the rungs.
    """

    share: UnitFloat
    figures: RefereedContestant
    fails: bool


@dataclass(frozen=True, kw_only=True)
class BudgetControl:
    """κ: of what longer training shows of planted faults, the share that this budget shows.

    Attributes:
        kappa: the smallest ratio over the planted faults, of D.
        source: on which data it was measured.
        num_training: training reals of that measurement; None where none fits.
        fails: whether κ < 0.3, which withholds every name.
    """

    kappa: UnitFloat
    source: Text
    num_training: int | None
    fails: bool


@dataclass(frozen=True, kw_only=True)
class Dominance:
    """Whether a judge at hand tells a named contestant's samples more surely than its own referees.

    Attributes:
        contestant: the one that would be named.
        judge: the judge with the largest difference, whose it is in words.
        sigma: of the rung of that difference.
        difference: G of that judge − G of the contestant's own referees.
        holm_p: one-sided, of a difference of at most 0.02, after Holm over judges and rungs.
        fails: whether p is below 5 %: the contestant's referees are under-trained.
    """

    contestant: Text
    judge: Text
    sigma: Sigma
    difference: Estimate
    holm_p: UnitFloat
    fails: bool


@dataclass(frozen=True, kw_only=True)
class StandingReferees:
    """One file of referees that earlier calls saved, and its part in the check of dominance.

    Attributes:
        file: its name in the folder of saved referees.
        contestant: whose samples these referees were trained against, as that call named it.
        judged: the contestants of this call that would be named, and that they judged.
        skipped: why they judged nobody, or one of those not.
    """

    file: Text
    contestant: Text
    judged: tuple[Text, ...]
    skipped: tuple[Text, ...]


@dataclass(frozen=True, kw_only=True)
class RefereeControls:
    """The checks of referees, each with what it saw.

    Attributes:
        null, power: `Missing` where there are too few reals.
        labels: None where referees see none, and where there are too few reals.
        dominance: one of each contestant that would be named.
        copying: by contestant.
        standing: of every file of saved referees; None where no folder of them was given.
    """

    null: NullControl | Missing
    power: PowerControl | Missing
    budget: BudgetControl
    dominance: tuple[Dominance, ...]
    copying: Annotated[Mapping[str, Copying | Missing], Recorded(nulls=("copies",))]
    standing: Annotated[tuple[StandingReferees, ...] | None, Recorded(absent=True)] = None
    labels: Annotated[LabelControl | None, Recorded(absent=True)] = None
