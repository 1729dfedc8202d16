"""Every judge's figures of every class: FN of the test data, FP and AUC of each generator's samples.

Class c is compared with all other classes of the same samples, pooled: Fisher's exact test, H0: the judge's
rate is the same on both, adjusted by Holm over the classes. The AUC is not tested: near 1, where most judges
are, its standard error is unknown.

Judges under batch statistics saw groups in which classes stood side by side as the samples came. Their
figures are those of a class in such company; the group is the observation, as in `statistics.groups`, and
holds what it has of the class.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gancross.evaluator.classes.parts import ClassParts
from gancross.evaluator.classes.records import (
    AgainstOthers,
    ClassFigures,
    RealsByClass,
    RealsOfClass,
    SamplesByClass,
    SamplesOfClass,
)
from gancross.evaluator.estimates import Estimate, Missing, Proportion
from gancross.evaluator.judging.scores import NO_THRESHOLD, ScoresBySource, real_high_threshold
from gancross.evaluator.statistics.auc import grouped_auc_interval
from gancross.evaluator.statistics.groups import FEWEST_GROUPS, groups_of_part
from gancross.evaluator.statistics.proportions import fisher_p, holm

if TYPE_CHECKING:
    from gancross.checkpoint.contestant import Contestant
    from gancross.evaluator.judging.sampling import Label

FEWEST = 2  # samples on either side of an AUC, and groups of samples: one has no variance
NO_CLASSES_OF_REALS = "the test data have no classes"
NO_SAMPLES = "no samples of this class"
NO_OTHERS = "no samples of other classes"

Decisions = NDArray[np.bool_]


def class_figures(
    judges: Sequence[Contestant], scores: Mapping[str, ScoresBySource],
    classes: Mapping[Label, NDArray[np.int64]], generators: Sequence[str], class_names: Sequence[str],
) -> ClassFigures | None:  # fmt: skip
    """The figures of every class; None where nobody judges, or neither test data nor samples have classes.

    Args:
        scores: by judge.
        classes: by source, as of `Scores`.
        generators: whose samples were judged, in the order of the record.
        class_names: of the data; a class without a name has its number for one.
    """
    labelled = {label: classes[label] for label in (None, *generators) if label in classes}
    if not judges or not labelled:
        return None
    most = max((int(array.max()) + 1 for array in labelled.values() if len(array)), default=1)
    num_classes = max(len(class_names), most)
    parts = {label: ClassParts(classes=array, num_classes=num_classes) for label, array in labelled.items()}
    reals, with_classes = parts.get(None), [name for name in generators if name in parts]
    return ClassFigures(
        names=(*class_names, *map(str, range(len(class_names), num_classes))),
        num_real=Missing(NO_CLASSES_OF_REALS) if reals is None else reals.sizes,
        num_generated={name: parts[name].sizes for name in with_classes},
        group_sizes={judge.name: scores[judge.name].group_size for judge in judges},
        reals={} if reals is None else {
            judge.name: reals_by_class(scores[judge.name], real_high_threshold(judge), reals)
            for judge in judges
        },
        cross=tuple(
            samples_by_class(
                judge.name, name, scores[judge.name], real_high_threshold(judge), reals=reals,
                fakes=parts[name],
            ) for judge in judges for name in with_classes
        ),
    )  # fmt: skip


def reals_by_class(scores: ScoresBySource, threshold: float | None, reals: ClassParts) -> RealsByClass:
    """FN of one judge in each class; a tie is fake."""
    rates, contrasts = _compared(
        None if threshold is None else scores[None] <= threshold, reals, scores.group_size
    )
    return RealsByClass(
        tests=_tests(contrasts),
        classes=tuple(
            RealsOfClass(fn=fn, against_others=contrast)
            for fn, contrast in zip(rates, contrasts, strict=True)
        ),
    )


def samples_by_class(
    judge: str, generator: str, scores: ScoresBySource, threshold: float | None, *,
    reals: ClassParts | None, fakes: ClassParts,
) -> SamplesByClass:  # fmt: skip
    """FP of one judge on one generator's samples of each class, and AUC of each class."""
    rates, contrasts = _compared(
        None if threshold is None else scores[generator] > threshold, fakes, scores.group_size
    )
    return SamplesByClass(
        judge=judge, generator=generator, tests=_tests(contrasts),
        classes=tuple(
            SamplesOfClass(
                fp=fp, auc=_auc(scores, generator, number, reals, fakes), against_others=contrast
            ) for number, (fp, contrast) in enumerate(zip(rates, contrasts, strict=True))
        ),
    )  # fmt: skip


def against_others(decisions: Decisions, parts: ClassParts, group_size: int) -> list[AgainstOthers | Missing]:
    """Each class against all others pooled: p of equal rates, two-sided, adjusted by Holm over the classes.

    A class without samples is not compared. In groups of samples, effective numbers take the place of counts,
    and nothing is compared where fewer than `FEWEST_GROUPS` groups hold samples of either side.

    Source: Fisher 1935; Holm 1979.
    """
    return _compared(decisions, parts, group_size)[1]


def _compared(
    decisions: Decisions | None, parts: ClassParts, group_size: int
) -> tuple[list[Proportion | Missing], list[AgainstOthers | Missing]]:
    """The rate of each class, and the class against all others."""
    if decisions is None:
        return [Missing(NO_THRESHOLD)] * parts.num_classes, [Missing(NO_THRESHOLD)] * parts.num_classes
    numbers = range(parts.num_classes)
    rates = [parts.rate(decisions, number, group_size) or Missing(NO_SAMPLES) for number in numbers]
    others = [_other_rate(decisions, parts, number, group_size) for number in numbers]
    pairs = {
        number: (rate, other) for number, (rate, other) in enumerate(zip(rates, others, strict=True))
        if isinstance(rate, Proportion) and isinstance(other, Proportion)
    }  # fmt: skip
    ps = [fisher_p(rate, other) for rate, other in pairs.values()]
    tested = {
        number: AgainstOthers(others=other, p=p, holm_p=holm_p)
        for (number, (_, other)), p, holm_p in zip(pairs.items(), ps, holm(ps), strict=True)
    }
    absent = [other if isinstance(other, Missing) else Missing(NO_SAMPLES) for other in others]
    return rates, [tested.get(number, absent[number]) for number in numbers]


def _other_rate(
    decisions: Decisions, parts: ClassParts, number: int, group_size: int
) -> Proportion | Missing:
    """The rate on all classes but one, or why that one is not compared."""
    places = parts.members[number]
    if not len(places):
        return Missing(NO_SAMPLES)
    if len(places) == len(decisions):
        return Missing(NO_OTHERS)
    if group_size > 1:
        fewest = parts.fewest_groups(number, group_size)
        if fewest < FEWEST_GROUPS:
            return Missing(
                f"{fewest} groups of {group_size} samples hold this class or others: fewer than"
                f" {FEWEST_GROUPS}"
            )
    return parts.other_rate(decisions, number, group_size)


def _tests(contrasts: Sequence[AgainstOthers | Missing]) -> int:
    return sum(isinstance(contrast, AgainstOthers) for contrast in contrasts)


def _auc(
    scores: ScoresBySource, generator: str, number: int, reals: ClassParts | None, fakes: ClassParts
) -> Estimate | Missing:
    """AUC of the test data of one class against the generator's samples of it."""
    if reals is None:
        return Missing(NO_CLASSES_OF_REALS)
    size, sides = scores.group_size, {"test samples": reals, "generated samples": fakes}
    for what, parts in sides.items():
        groups = parts.groups(number, size)
        if groups < FEWEST:
            unit = "" if size == 1 else f" in {groups} group{'' if groups == 1 else 's'} of {size}"
            least = f"{FEWEST}{'' if size == 1 else ' groups'}"
            return Missing(f"{what} of this class: {parts.sizes[number]}{unit}, fewer than {least}")
    real, fake = reals.members[number], fakes.members[number]
    return grouped_auc_interval(
        real=scores[None][real], fake=scores[generator][fake],
        real_groups=groups_of_part(real, size), fake_groups=groups_of_part(fake, size),
    )  # fmt: skip
