"""Labels of everything that is judged, and of what conditional judges are told where samples have none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch

from gancross.checkpoint.contestant import Contestant
from gancross.evaluator.judging.controls import TRAINING, Control
from gancross.evaluator.judging.sampling import Label, Source, title
from gancross.random_streams import Stream


@dataclass(frozen=True, kw_only=True)
class RealLabels:
    """Labels of reals, int64 (N,), in the order in which these are judged.

    Attributes:
        test, training: None where they are not known.
        num_classes: K of the data; None: they have no labels.
    """

    test: torch.Tensor | None = None
    training: torch.Tensor | None = None
    num_classes: int | None = None


UNLABELLED = RealLabels()


def with_labels_of_reals(
    sources: Sequence[Source], contestants: Sequence[Contestant], reals: RealLabels, *, seed: int
) -> list[Source]:
    """The sources with the labels that are known, and with drawn ones where a judge needs labels.

    Drawn labels are those of test samples chosen at random, by a stream of their own for each source, so
    that they have the frequencies of the judged classes. Labels of a contestant that name other classes than
    the data's are none here.
    """
    others = {c.name for c in contestants if has_other_classes(c, reals.num_classes)}
    needed = reals.test is not None and any(c.judge_labels for c in contestants)
    found = []
    for source in sources:
        labels = None if source.label in others else _labels(source, reals)
        drawn = _drawn(source, reals.test, seed) if needed and labels is None else None
        found.append(replace(source, labels=labels, drawn=drawn))
    return found


def has_other_classes(contestant: Contestant, num_classes: int | None) -> bool:
    """Whether a contestant's labels are of another number of classes than the data's, both known."""
    return None not in (contestant.num_classes, num_classes) and contestant.num_classes != num_classes


def drawn_label_notes(sources: Sequence[Source], contestants: Sequence[Contestant]) -> Iterator[str]:
    """A line where conditional judges saw a contestant's samples, or training data, under drawn labels."""
    judges = ", ".join(f"'{name}'" for name in sorted(c.name for c in contestants if c.judge_labels))
    unlabelled = [
        "training data" if source.label is TRAINING else f"'{title(source.label)}'"
        for source in sources if source.drawn is not None and not isinstance(source.label, Control)
    ]  # fmt: skip
    for who in unlabelled:
        yield (
            f"{who}: no labels of the data's classes, so conditional discriminators ({judges}) judged"
            " these samples under labels of test samples drawn at random"
        )


def _labels(source: Source, reals: RealLabels) -> torch.Tensor | None:
    label: Label = source.label
    if label is None or (isinstance(label, Control) and label.keeps_labels):
        return reals.test
    return reals.training if label is TRAINING else source.labels


def _drawn(source: Source, test_labels: torch.Tensor | None, seed: int) -> torch.Tensor:
    assert test_labels is not None
    uniforms = Stream(seed, "drawn-labels", title(source.label)).uniforms(0, source.n, 1)[:, 0]
    rows = torch.from_numpy(uniforms * len(test_labels)).long().clamp(max=len(test_labels) - 1)
    return test_labels[rows]
