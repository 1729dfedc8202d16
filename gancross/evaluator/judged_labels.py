"""Labels of a call: those of the data, chosen classes, and contestants whose labels fit them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from gancross.checkpoint.contestant import Contestant
from gancross.data.lazy import LazyReals
from gancross.data.sets import DataSet, EndlessReals, FiniteReals, Labels, Reals
from gancross.errors import UsageError, printable
from gancross.evaluator.judged_data import training_rows, with_equal_shapes, with_num_real
from gancross.evaluator.judging.label_streams import class_probabilities
from gancross.evaluator.judging.source_labels import RealLabels, has_other_classes
from gancross.evaluator.protocol import Protocol
from gancross.machine.files import composed

SHOWN = 12  # names of classes in an error


def as_judged(
    contestants: Sequence[Contestant], reals: DataSet, protocol: Protocol, *, device: str
) -> tuple[list[Contestant], DataSet, Protocol]:
    """Contestants, data and protocol as a call judges them: labels, number of reals, channels, sizes.

    Raises:
        UsageError, DataError: as of `with_labels`, `with_num_real` and `with_equal_shapes`.
    """
    contestants, reals, protocol = with_labels(contestants, reals, protocol)
    return with_equal_shapes(contestants, with_num_real(reals, protocol), protocol, device=device)


def with_labels(
    contestants: Sequence[Contestant], reals: DataSet, protocol: Protocol
) -> tuple[list[Contestant], DataSet, Protocol]:
    """Contestants, data and protocol whose labels fit together, in the protocol's classes alone.

    Generators whose `label_prior` is `data` get the frequencies of the training reals. Labels of a generator
    of another number of classes than the data's stay, and a note says that they name other classes.

    Raises:
        UsageError: labels that do not fit the data, or are needed and missing; unknown classes.
    """
    for contestant in contestants:
        _check(contestant, reals)
    notes = [
        f"'{c.name}': its labels are of other classes than the {reals.num_classes} of the data: its samples"
        " belong to none of these"
        for c in contestants if has_other_classes(c, reals.num_classes)
    ]  # fmt: skip
    reals = replace(reals, notes=(*reals.notes, *notes)) if notes else reals
    if protocol.classes is None:
        return [_with_frequencies(contestant, reals) for contestant in contestants], reals, protocol
    if reals.labels is None:
        raise UsageError(f"classes {', '.join(protocol.classes)}: data '{reals.name}' has no labels")
    numbers = class_numbers(protocol.classes, reals)
    names = tuple(reals.class_names[number] for number in numbers)
    for contestant in contestants:
        if has_other_classes(contestant, reals.num_classes):
            raise UsageError(
                f"contestant '{printable(contestant.name)}': its labels are of other classes than the"
                f" {reals.num_classes} of data '{reals.name}', so none of its samples can be chosen"
            )
    chosen = [_of_classes(_with_frequencies(each, reals), numbers, names) for each in contestants]
    return chosen, _reals_of_classes(reals, reals.labels, numbers), replace(protocol, classes=names)


def class_numbers(classes: Sequence[str], reals: DataSet) -> list[int]:
    """Names of classes, or numbers where there is no such name, as numbers, rising.

    Raises:
        UsageError: there is no such class.
    """
    names, numbers = list(reals.class_names), set[int]()
    for given in classes:
        text = given if given in names else composed(given.strip())  # as in "3, 5"
        if text in names:
            numbers.add(names.index(text))
        elif text.isascii() and text.isdigit() and int(text) < len(names):
            numbers.add(int(text))
        else:
            shown = ", ".join(map(printable, names[:SHOWN])) + (", …" if len(names) > SHOWN else "")
            raise UsageError(
                f"no class '{printable(text)}': data '{reals.name}' has {len(names)} classes: {shown}"
            )
    return sorted(numbers)


def real_labels(
    reals: DataSet, train: Reals | None, protocol: Protocol, *, order: NDArray[np.int64] | None = None
) -> RealLabels:
    """The labels of test data and of `training_reals(train, protocol)`.

    Args:
        train: what is judged as training data; its labels are known if it is the data's own.
        order: in which the test data are judged; None: as they come.
    """
    labels = reals.labels
    if labels is None:
        return RealLabels()
    test = labels.held_out(protocol.num_samples)
    training = None
    if train is not None and train is reals.train and labels.train is not None and train.size is not None:
        training = training_rows(train, labels.train, protocol)
    return RealLabels(
        test=test if order is None else test[torch.from_numpy(order)], training=training,
        num_classes=reals.num_classes,
    )  # fmt: skip


def _check(contestant: Contestant, reals: DataSet) -> None:
    """Labels that are needed and missing, or that fit no class of the data."""
    who, classes = f"contestant '{printable(contestant.name)}'", reals.num_classes
    if classes is None:
        needs = "its discriminator takes labels" if contestant.judge_labels else "label_prior is 'data'"
        if contestant.judge_labels or contestant.label_prior == "data":
            raise UsageError(
                f"{who}: {needs}, but data '{reals.name}' has none: choose data with labels; a folder has"
                " those of its class folders, arrays in Python take data_labels="
            )
        return
    if has_other_classes(contestant, classes):
        needs = (
            "its discriminator takes labels" if contestant.judge_labels
            else "label_prior is 'data'" if contestant.label_prior == "data" else ""
        )  # fmt: skip
        if needs:
            raise UsageError(
                f"{who}: {needs} of {contestant.num_classes} classes, but data '{reals.name}' has {classes}"
            )


def _with_frequencies(contestant: Contestant, reals: DataSet) -> Contestant:
    """With the frequencies of the data's classes where its labels follow these."""
    if contestant.label_prior != "data" or reals.labels is None:
        return contestant
    return replace(contestant, label_weights=tuple(reals.labels.frequencies.tolist()))


def _of_classes(contestant: Contestant, numbers: Sequence[int], names: Sequence[str]) -> Contestant:
    """The same of these classes alone.

    Raises:
        UsageError: its samples have no such labels, or its prior none of these classes.
    """
    who, chosen = f"contestant '{printable(contestant.name)}'", ", ".join(map(printable, names))
    if contestant.generator is None and contestant.labels is not None and contestant.samples is not None:
        rows = torch.isin(contestant.labels, torch.tensor(numbers))
        if not bool(rows.any()):
            raise UsageError(f"{who}: none of its samples is of the classes {chosen}")
        return replace(contestant, samples=contestant.samples[rows], labels=contestant.labels[rows])
    if contestant.num_classes is None:
        raise UsageError(
            f"{who}: its samples have no labels, so they cannot be of the classes {chosen} alone: leave the"
            " contestant out, or judge all classes"
        )
    known = class_probabilities(contestant)
    whole = np.full(contestant.num_classes, 1 / contestant.num_classes) if known is None else known
    weights = np.zeros(len(whole))
    weights[list(numbers)] = whole[list(numbers)]
    if not weights.any():
        raise UsageError(f"{who}: label_prior gives no sample of the classes {chosen}")
    return replace(contestant, label_weights=tuple((weights / weights.sum()).tolist()))


def _reals_of_classes(reals: DataSet, labels: Labels, numbers: Sequence[int]) -> DataSet:
    """The data of these classes alone, whose labels stay as they are."""
    wanted, names = torch.tensor(numbers), ", ".join(reals.class_names[number] for number in numbers)
    endless = isinstance(reals.train, EndlessReals)

    def rows(n: int) -> tuple[int, torch.Tensor]:
        """How many samples to draw, and which of them are of these classes: of endless ones the first n."""
        drawn = n
        while True:
            found = torch.isin(labels.held_out(drawn), wanted).nonzero()[:, 0]
            if not endless or len(found) >= n:
                return drawn, found[:n] if endless else found
            drawn *= 2

    if not len(rows(1)[1]):
        raise UsageError(f"data '{reals.name}': no test sample is of the classes {names}")
    train, of_train = reals.train, labels.train
    if isinstance(of_train, FiniteReals):
        chosen = torch.isin(of_train.array, wanted)
        of_train = FiniteReals(array=of_train.array[chosen])
        train = _training_part(train, chosen)
    frequencies = np.zeros(len(labels.frequencies))
    frequencies[list(numbers)] = labels.frequencies[list(numbers)]
    total = frequencies.sum()

    def held_out(n: int) -> torch.Tensor:
        drawn, found = rows(n)
        return reals.held_out(drawn)[found]

    def held_out_labels(n: int) -> torch.Tensor:
        drawn, found = rows(n)
        return labels.held_out(drawn)[found]

    return replace(
        reals, train=train, held_out=held_out, split=f"{reals.split}; of the classes {names} alone",
        labels=replace(
            labels, train=of_train, held_out=held_out_labels,
            frequencies=frequencies / total if total else frequencies,
        ),
    )  # fmt: skip


def _training_part(train: Reals | None, chosen: torch.Tensor) -> Reals | None:
    """The chosen training samples; None where there are none."""
    if not bool(chosen.any()):
        return None
    if isinstance(train, FiniteReals):
        return FiniteReals(array=train.array[chosen])
    if isinstance(train, LazyReals):
        return replace(train, part=replace(train.part, items=train.part.items[chosen.numpy()]))
    return train
