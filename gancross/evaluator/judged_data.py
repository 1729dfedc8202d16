"""The data of a call as its contestants can be judged on them: what is held out, and in how many channels."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gancross.checkpoint.class_labels import checked_labels
from gancross.checkpoint.contestant import Contestant
from gancross.data import catalogue
from gancross.data.catalogue import FOLDER
from gancross.data.labels import labels_of_arrays
from gancross.data.lazy import LazyReals
from gancross.data.order import content_order
from gancross.data.sets import DataSet, FiniteReals, Labels, Reals, finite, native_array
from gancross.data.views import BLOCK
from gancross.errors import UsageError, printable
from gancross.evaluator.estimates import Missing
from gancross.evaluator.judging.sampling import probe_samples
from gancross.evaluator.judging.scoring import evaluating
from gancross.evaluator.protocol import Protocol
from gancross.evaluator.resizing import resized_data, with_resizing
from gancross.machine.devices import resolve_device
from gancross.machine.distributed import current
from gancross.random_streams import Stream

REMOTE = ("\\\\", "//")  # a path on another machine, which no checkpoint may contact
Data = str | Path | torch.Tensor | np.ndarray[Any, Any]
FIRST = 64  # images; colour shows in these, so that only grey ones are all compared


def trained_data(contestants: Sequence[Contestant]) -> dict[str, str]:
    """The data that contestants were trained on, by their names, where checkpoints of gancross say so."""
    recipes = {c.name: c.origin.recipe for c in contestants if c.origin is not None}
    return {name: str(recipe["data"]) for name, recipe in recipes.items() if "data" in recipe}


def load_reals(
    data: Data | DataSet, *, data_root: Path, image_size: int | None, seed: int, download: bool = False,
    trained_on: Mapping[str, str] | None = None, labels: object = None, num_classes: Sequence[int] = (),
) -> DataSet:  # fmt: skip
    """The data set of a name or a folder, to judge on, or of an array in memory, which then is the test set.

    A folder without `train/` and `test/` is held out whole. If a contestant was trained on that same folder,
    it is divided as it was in training. Where held-out images may be some that a contestant was trained on,
    a note says so.

    Args:
        data_root, image_size, seed, download: as of `catalogue.load`.
        trained_on: as of `trained_data`.
        labels: of an array in memory, integers (N,); its classes are called by their numbers.
        num_classes: the first of these that is enough; by default no more than labels name.

    Raises:
        UsageError: an unknown name, or an array that is not in canonical form; labels of anything else.
        DataError, ResourceError: as of `catalogue.load`.
    """
    if labels is not None and isinstance(data, DataSet | Path | str):
        raise UsageError("data_labels are those of an array as data; data sets have their own")
    if isinstance(data, DataSet):
        return data
    if isinstance(data, Path):
        data = f"{FOLDER}{data}"
    if not isinstance(data, str):
        test = native_array(data, "data in memory")
        known = None if labels is None else _labels_in_memory(labels, len(test), num_classes)
        return finite("in memory", train=None, test=test, split="given", labels=known)
    load = partial(
        catalogue.load, data, root=data_root, image_size=image_size, test_seed=seed, download=download
    )
    if not data.startswith(FOLDER) or data == FOLDER:
        return load()
    folder = catalogue.folder_path(data)
    places = {
        contestant: catalogue.folder_path(name) for contestant, name in sorted((trained_on or {}).items())
        if name.startswith(FOLDER)
    }  # fmt: skip
    here = {contestant: place for contestant, place in places.items() if _is_here(place)}
    if folder.is_dir() and any(place.samefile(folder) for place in here.values()):
        return load()
    reals = load(judged=True)
    notes = list(reals.notes)
    for contestant, place in places.items():
        if contestant in here:
            notes += _overlap(contestant, trained=place, judged=folder)
        elif reals.train is None:
            notes.append(
                f"'{contestant}' was trained on {FOLDER}{printable(str(place))}, which is not here: if these"
                f" are the images of {printable(data)}, most test images are training images"
            )
    return replace(reals, notes=tuple(notes))


def with_num_real(reals: DataSet, protocol: Protocol) -> DataSet:
    """The same data with `num_real` test samples, whichever of their files come first; all where it is None.

    A note says so where there are fewer.
    """
    n = protocol.num_real
    if n is None:
        return reals
    whole, labels = reals.held_out(n), reals.labels
    index = np.arange(len(whole))
    if len(whole) > n:
        own_labels = None if labels is None else labels.held_out(n)
        order = content_order(whole, stream=Stream(protocol.seed, "order", "test-part"), labels=own_labels)
        index = np.sort(order.index[:n])
    part, rows = whole[torch.from_numpy(index)], torch.from_numpy(index)
    few = (f"only {len(whole):,} test samples, {n:,} asked for",) if len(whole) < n else ()
    taken = f"; {n:,} of {len(whole):,} test samples, by the seed" if len(whole) > n else ""
    return replace(
        reals, held_out=lambda _: part, split=reals.split + taken, notes=(*reals.notes, *few),
        labels=None if labels is None else replace(labels, held_out=lambda _: labels.held_out(n)[rows]),
    )  # fmt: skip


def training_reals(train: Reals | None, protocol: Protocol) -> torch.Tensor | Missing:
    """At most as many training reals as samples, a seeded choice; or why there are none."""
    if train is None:
        return Missing("no training data given")
    if train.size is None:
        return Missing("endless data: no sample is seen twice, so there is no training set")
    return training_rows(train, train, protocol)


def training_rows(train: Reals, values: Reals, protocol: Protocol) -> torch.Tensor:
    """Of `values`, the training samples or their labels, those of the chosen training samples."""
    assert train.size is not None
    n = min(protocol.num_samples, train.size)
    if isinstance(train, FiniteReals) and isinstance(values, FiniteReals):
        # To sort what is read on demand would be to read all of it.
        order = content_order(train.array, stream=Stream(protocol.seed, "order", "train"))
        return values.array[torch.from_numpy(order.index[:n])]
    return next(values.batches(seed=protocol.seed, batch_size=n, start=0))


def known_training(train: Reals | None, protocol: Protocol) -> torch.Tensor | Missing:
    """All training reals that are in memory; of others as `training_reals`."""
    return train.array if isinstance(train, FiniteReals) else training_reals(train, protocol)


def given_training(
    source_data: Data, reals: DataSet, protocol: Protocol, *, trained_on: Mapping[str, str], data_root: Path,
    image_size: int | None,
) -> Reals:  # fmt: skip
    """The training part of a named data set; a whole folder without one, or an array."""
    if protocol.classes is not None:
        chosen = ", ".join(protocol.classes)
        raise UsageError(
            f"train_data: nothing says which of these samples are of the classes {chosen}: leave train_data"
            " out; data sets with labels have training data of their own"
        )
    source = load_reals(
        source_data, trained_on=trained_on, data_root=data_root, image_size=image_size, seed=protocol.seed
    )
    source = resized_data(source, protocol)
    if source.train is not None:
        return source.train
    samples = source.held_out(protocol.num_samples)
    if samples.ndim == 4 and len(reals.shape) == 3:
        samples = as_channels(samples, reals.shape[0])
    if tuple(samples.shape[1:]) != reals.shape:
        raise UsageError(f"training samples have shape {source.shape}, test samples {reals.shape}")
    return FiniteReals(array=samples)


def with_equal_shapes(
    contestants: Sequence[Contestant], reals: DataSet, protocol: Protocol, *, device: str
) -> tuple[list[Contestant], DataSet, Protocol]:
    """Contestants and data in one number of channels, and of one size where `protocol.resize` asks for it.

    Raises:
        UsageError, DataError: as of `with_equal_channels` and `with_resizing`.
    """
    contestants, reals = with_equal_channels(contestants, reals, device=device)
    return with_resizing(contestants, reals, protocol, device=device)


def with_equal_channels(
    contestants: Sequence[Contestant], reals: DataSet, *, device: str
) -> tuple[list[Contestant], DataSet]:
    """Grey images with as many channels as the networks have, the rest as it is.

    Test data of three equal channels get one where a network makes or judges grey images. Given samples then
    follow the data: one channel is repeated, of three equal ones one remains.

    Raises:
        UsageError: a generator fails.
        DataError: a training image that is read later has colour.
    """
    if len(reals.shape) != 3:
        return list(contestants), reals
    if reals.shape[0] == 3 and _all_grey(reals.held_out(1)):
        networks = [contestant for contestant in contestants if contestant.networks]
        if any(_sample_channels(contestant, device) == 1 for contestant in networks):
            reals = _grey(reals)
    return [
        contestant if contestant.samples is None or contestant.samples.ndim != 4
        else replace(contestant, samples=as_channels(contestant.samples, reals.shape[0]))
        for contestant in contestants
    ], reals  # fmt: skip


def as_channels(images_NCHW: torch.Tensor, channels: int) -> torch.Tensor:
    """Grey images with this number of channels, 1 or 3; images in colour, and all others, as they are."""
    have = images_NCHW.shape[1]
    if (have, channels) == (1, 3):
        return images_NCHW.repeat(1, 3, 1, 1)
    if (have, channels) == (3, 1) and _all_grey(images_NCHW):
        return images_NCHW[:, :1].contiguous()
    return images_NCHW


def _labels_in_memory(labels: object, n: int, num_classes: Sequence[int]) -> Labels:
    """K is the first of these numbers that is enough; of all else the data may have no sample."""
    array = checked_labels(labels, n=n, num_classes=None, prefix="data_labels")
    own = int(array.max()) + 1
    count = next((number for number in num_classes if number >= own), own)
    return labels_of_arrays("in memory", None, array, class_names=[str(number) for number in range(count)])


def class_counts(contestants: Sequence[Contestant]) -> list[int]:
    """The numbers of classes of contestants' labels: first of those whose labels must be the data's."""
    bound = {c.name for c in contestants if c.judge_labels or c.label_prior == "data"}
    counts = sorted((c.name not in bound, c.num_classes) for c in contestants if c.num_classes is not None)
    return [count for _, count in counts]


def _is_here(place: Path) -> bool:
    return not str(place).startswith(REMOTE) and os.path.isdir(place)


def _overlap(contestant: str, *, trained: Path, judged: Path) -> Iterator[str]:
    """A note where one of two folders holds the other: by their paths, since neither is read for it."""
    if all((trained / half).is_dir() for half in ("train", "test")):
        trained = trained / "train"
    if (judged / "test").is_dir():
        judged = judged / "test"
    first, second = (Path(os.path.realpath(place)) for place in (trained, judged))
    if first.is_relative_to(second) or second.is_relative_to(first):
        yield (
            f"test images of {printable(str(judged))} are training images of '{contestant}', which was"
            f" trained on {printable(str(trained))}"
        )


def _sample_channels(contestant: Contestant, device: str) -> int:
    """Of a contestant with networks; 0 where its samples are not images."""
    samples = contestant.samples
    if samples is None:
        target = current().device(resolve_device(device))
        with evaluating(contestant.networks, target):
            samples = probe_samples(contestant, target)
    return samples.shape[1] if samples.ndim == 4 else 0


def _grey(reals: DataSet) -> DataSet:
    """The same in one channel; as it is where its training images in memory have colour."""
    train: Reals | None = reals.train
    if isinstance(train, FiniteReals):
        if not _all_grey(train.array):
            return reals
        train = FiniteReals(array=as_channels(train.array, 1))
    elif isinstance(train, LazyReals):
        train = train.in_grey()
    held_out = as_channels(reals.held_out(1), 1)
    return replace(reals, shape=(1, *reals.shape[1:]), train=train, held_out=lambda n: held_out)


def _all_grey(images_NCHW: torch.Tensor) -> bool:
    """Whether all channels of every image are equal."""
    first = images_NCHW[:FIRST]
    return all(bool((part == part[:, :1]).all()) for part in (first, *torch.split(images_NCHW, BLOCK)))
