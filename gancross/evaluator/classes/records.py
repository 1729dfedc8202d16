"""Figures by class as the record holds them; entry c of every list is class c of `ClassFigures.names`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from gancross.evaluator.codec.fields import Count, Items, Recorded, Size, UnitFloat
from gancross.evaluator.estimates import Estimate, Missing, Proportion

ALPHA = 0.05


@dataclass(frozen=True, kw_only=True)
class AgainstOthers:
    """A judge's rate on one class against the same rate on all other classes of the same samples, pooled.

    Attributes:
        others: the rate on the other classes.
        p: two-sided, of Fisher's exact test; H0: the two rates are equal.
        holm_p: p adjusted for all classes of its table.
    """

    others: Proportion
    p: UnitFloat
    holm_p: UnitFloat

    @property
    def differs(self) -> bool:
        """Whether the class differs from the others beyond chance, among all classes of its table."""
        return self.holm_p < ALPHA


@dataclass(frozen=True, kw_only=True)
class RealsOfClass:
    """One judge on the test data of one class; `against_others` compares FN."""

    fn: Proportion | Missing
    against_others: AgainstOthers | Missing


@dataclass(frozen=True, kw_only=True)
class SamplesOfClass:
    """One judge on one generator's samples of one class; `against_others` compares FP.

    Attributes:
        auc: of the test data of the class against the samples of the class.
    """

    fp: Proportion | Missing
    auc: Estimate | Missing
    against_others: AgainstOthers | Missing


@dataclass(frozen=True, kw_only=True)
class RealsByClass:
    """One judge on the test data, class by class.

    Attributes:
        tests: classes compared, for which p was adjusted.
    """

    tests: Count
    classes: tuple[RealsOfClass, ...]


@dataclass(frozen=True, kw_only=True)
class SamplesByClass:
    """One judge on one generator's samples, class by class; `tests` as of `RealsByClass`."""

    judge: str
    generator: str
    tests: Count
    classes: tuple[SamplesOfClass, ...]


@dataclass(frozen=True, kw_only=True)
class ClassFigures:
    """What judges make of each class.

    Attributes:
        names: of the classes.
        num_real: test samples of each class; missing where the test data have no classes.
        num_generated: by generator, its samples of each class; a generator without classes is absent.
        group_sizes: by judge, of the groups in which it saw samples, of all classes together; 1 where a score
            does not depend on the samples beside it.
        reals: by judge; empty where the test data have no classes.
        cross: every judge on every generator whose samples have classes.
    """

    names: Annotated[tuple[str, ...], Items(1)]
    num_real: Annotated[tuple[Count, ...] | Missing, Recorded(description="test samples of each class")]
    num_generated: Annotated[
        Mapping[str, tuple[Count, ...]], Recorded(description="by generator: its samples of each class")
    ]
    group_sizes: Mapping[str, Size]
    reals: Annotated[Mapping[str, RealsByClass], Recorded(description="by judge: FN of each class")]
    cross: Annotated[
        tuple[SamplesByClass, ...],
        Recorded(description="every judge on every generator with classes: FP and AUC of each class"),
    ]
