"""The labels that referees see beside each sample, where a caller asks for it: of reals and of contestants.

Every question about a model that cannot be judged so is answered before long work starts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch

from gancross.checkpoint.contestant import Contestant
from gancross.data.sets import DataSet, FiniteReals, Reals
from gancross.errors import UsageError
from gancross.evaluator.judging.scoring import canonical_labels
from gancross.evaluator.protocol import Protocol
from gancross.evaluator.referees.options import RefereeOptions
from gancross.evaluator.referees.protocol import MOST_CLASSES

REMEDY = "let referees see no labels, or give"


@dataclass(frozen=True, kw_only=True, eq=False)
class SeenLabels:
    """What referees see beside the samples of a call; nothing where they see no labels.

    Attributes:
        num_classes: K of the data.
        reals: of the held-out reals, int64 (N,) in their order.
        contestants: by name, of the samples that a cross-test draws, int64 (N,) in their order.
    """

    num_classes: int | None = None
    reals: torch.Tensor | None = None
    contestants: Mapping[str, torch.Tensor] = field(default_factory=dict)


def seen_labels(
    contestants: Sequence[Contestant], reals: DataSet, protocol: Protocol, options: RefereeOptions
) -> SeenLabels:
    """The labels of a call; no network runs.

    Raises:
        UsageError: referees shall see labels, but reals or samples have none, or other classes.
    """
    if not options.labels:
        return SeenLabels()
    if options.reals is not None:
        raise UsageError(
            f"{options.reals_name}: have no labels, which referees shall see; {REMEDY} no other reals"
        )
    if reals.labels is None or reals.num_classes is None:
        raise UsageError(
            f"data '{reals.name}': have no labels, which referees shall see; {REMEDY} data with labels, such"
            " as a folder of class folders"
        )
    if reals.num_classes > MOST_CLASSES:
        raise UsageError(
            f"data '{reals.name}': referees see labels of at most {MOST_CLASSES:,} classes, these have"
            f" {reals.num_classes:,}"
        )
    return SeenLabels(
        num_classes=reals.num_classes, reals=reals.labels.held_out(protocol.num_samples),
        contestants={
            contestant.name: _labels(contestant, reals.num_classes, protocol) for contestant in contestants
        },
    )  # fmt: skip


def training_labels(train: Reals | None, reals: DataSet, protocol: Protocol) -> torch.Tensor | None:
    """The labels of `judged_data.known_training` of the same arguments, in the same order.

    None where the training reals are not those of the data, have no labels, or are endless.
    """
    labels = None if reals.labels is None else reals.labels.train
    if train is None or train is not reals.train or labels is None or train.size is None:
        return None
    if isinstance(train, FiniteReals) and isinstance(labels, FiniteReals):
        return labels.array
    return next(labels.batches(seed=protocol.seed, batch_size=min(protocol.num_samples, train.size), start=0))


def _labels(contestant: Contestant, num_classes: int, protocol: Protocol) -> torch.Tensor:
    prefix = f"contestant '{contestant.name}'"
    labels = canonical_labels(
        contestant, num_samples=protocol.num_samples, seed=protocol.seed, purpose="crosstest"
    )
    if labels is None:
        raise UsageError(
            f"{prefix}: its samples have no labels, which referees shall see; {REMEDY} contestants with"
            " labels"
        )
    if contestant.num_classes is None and int(labels.max()) >= num_classes:
        raise UsageError(
            f"{prefix}: label {int(labels.max())}: the data have the classes 0…{num_classes - 1}, which"
            " referees shall see"
        )
    if contestant.num_classes not in (None, num_classes):
        raise UsageError(
            f"{prefix}: its labels are of {contestant.num_classes} classes, those of the data of"
            f" {num_classes}; referees can see labels of the same classes alone"
        )
    return labels
