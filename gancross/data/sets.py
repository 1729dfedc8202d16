"""Data sets in memory or on demand: batches for training, held-out samples for evaluation.

Canonical form: images are uint8 (N, C, H, W), vectors float32 (N, d). Networks take images as float32
in [−1, 1].
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from gancross.data.formats import FileFormat, FormatShare, format_shares
from gancross.errors import UsageError, first_line
from gancross.random_streams import Stream

WHOLE = slice(None)


class Reals(Protocol):
    """Training samples."""

    @property
    def size(self) -> int | None:
        """Number of samples; None where they are endless."""

    def batches(
        self, *, seed: int, batch_size: int, start: int, share: slice = WHOLE
    ) -> Iterator[torch.Tensor]:
        """Batches start, start+1, … in canonical form, without end; each depends on its number alone.

        Args:
            share: the samples of each batch to return, where several processes divide a batch.
        """


def index_batches(n: int, *, seed: int, batch_size: int, start: int) -> Iterator[NDArray[np.int64]]:
    """Batches start, start+1, … of an endless sequence of epochs over n samples, as their indices.

    The order of epoch e is a function of (seed, e), so a batch depends on its number alone. The last
    partial batch of an epoch is dropped.

    Raises:
        UsageError: the set is smaller than one batch.
    """
    per_epoch = n // batch_size
    if per_epoch == 0:
        raise UsageError(
            f"{n} training images are fewer than one batch of {batch_size}: use --set batch_size={n} or less"
        )
    order, order_epoch = np.empty(0, dtype=np.int64), -1
    for number in count(start):
        epoch, position = divmod(number, per_epoch)
        if epoch != order_epoch:
            order, order_epoch = Stream(seed, "order", f"epoch-{epoch}").permutation(n), epoch
        yield order[position * batch_size : (position + 1) * batch_size]


@dataclass(frozen=True, kw_only=True)
class FiniteReals:
    """Training samples in memory; the order of epoch e is a function of (seed, e)."""

    array: torch.Tensor

    @property
    def size(self) -> int:
        """Number of samples."""
        return len(self.array)

    def batches(
        self, *, seed: int, batch_size: int, start: int, share: slice = WHOLE
    ) -> Iterator[torch.Tensor]:
        """As `Reals`, epoch by epoch; errors as of `index_batches`."""
        for index in index_batches(len(self.array), seed=seed, batch_size=batch_size, start=start):
            yield self.array[torch.from_numpy(index[share])]


@dataclass(frozen=True, kw_only=True)
class EndlessReals:
    """Samples generated on demand: `draw(stream, start, n)` gives samples start..start+n−1 of a stream."""

    draw: Callable[[Stream, int, int], torch.Tensor]
    size: None = field(default=None, init=False)

    def batches(
        self, *, seed: int, batch_size: int, start: int, share: slice = WHOLE
    ) -> Iterator[torch.Tensor]:
        """Batches start, start+1, … of the training stream; no sample is repeated."""
        stream = Stream(seed, "real", "train")
        first, end, _ = share.indices(batch_size)
        for number in count(start):
            yield self.draw(stream, number * batch_size + first, end - first)


@dataclass(frozen=True, kw_only=True)
class Labels:
    """The classes 0…K−1 of a data set's samples.

    Attributes:
        class_names: of the K classes, in their order.
        train: labels of the training samples, scalars: batch i holds those of batch i of the samples.
        held_out: n → labels of the held-out samples, int64 (N,), in their order.
        frequencies: probability of each class among the training samples, float64 (K,), sum 1.
    """

    class_names: tuple[str, ...]
    train: Reals | None
    held_out: Callable[[int], torch.Tensor]
    frequencies: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class DataSet:
    """A data set by name.

    Attributes:
        name: as the user wrote it.
        shape: of one sample, (C, H, W) or (d,).
        train: training samples; None where only held-out samples are given.
        held_out: n → test samples in canonical form. A finite set returns all of them for every n.
        split: how training and test samples were separated, in words.
        image_size: the side to which images were resized; None if they were not.
        file_formats: () → formats of the files of the held-out images; none where they come from no image
            files.
        notes: remarks that a reader of the figures needs.
        labels: classes of the samples; None: they have none.

    Raises:
        UsageError: a shape with an axis of length 0.
    """

    name: str
    shape: tuple[int, ...]
    train: Reals | None
    held_out: Callable[[int], torch.Tensor]
    split: str
    image_size: int | None = None
    file_formats: Callable[[], tuple[FormatShare, ...]] = tuple
    notes: tuple[str, ...] = ()
    labels: Labels | None = None

    def __post_init__(self) -> None:
        if 0 in self.shape:
            raise UsageError(
                f"data '{self.name}': samples of shape {self.shape}: each axis must be at least 1 long"
            )

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes 0…K−1; none where the samples have no labels."""
        return () if self.labels is None else self.labels.class_names

    @property
    def num_classes(self) -> int | None:
        """K; None where the samples have no labels."""
        return None if self.labels is None else len(self.labels.class_names)


def native_array(values: object, who: str) -> torch.Tensor:
    """A tensor, an array or nested lists of numbers as a tensor on the CPU, in the machine's byte order.

    Raises:
        UsageError: it holds no numbers, or not all of them one by one.
    """
    if isinstance(values, torch.Tensor):
        if values.is_meta or values.layout != torch.strided:
            kind = "without values (device 'meta')" if values.is_meta else f"of layout {values.layout}"
            raise UsageError(f"{who}: expected a dense tensor, got one {kind}")
        return values.detach().cpu()
    try:
        array = np.asarray(values)
        return torch.from_numpy(np.array(array, dtype=array.dtype.newbyteorder("=")))
    except (TypeError, ValueError, RuntimeError) as error:
        kind = type(values).__name__
        raise UsageError(f"{who}: expected numbers, got {kind}: {first_line(error)}") from None


def check_canonical(samples: torch.Tensor, name: str) -> None:
    """Checks for uint8 images (N, C, H, W) in 0…255 or float32 vectors (N, d), no axis of length 0.

    Raises:
        UsageError: samples in another form; float images are refused, since their range is unknown.
    """
    images = samples.dtype == torch.uint8 and samples.ndim == 4
    vectors = samples.dtype == torch.float32 and samples.ndim == 2
    if not (images or vectors) or samples.numel() == 0:
        raise UsageError(
            f"{name}: expected uint8 images (N, C, H, W) or float32 vectors (N, d), no axis of length 0;"
            f" got {samples.dtype} {tuple(samples.shape)}"
        )


def finite(
    name: str, *, train: torch.Tensor | None, test: torch.Tensor, split: str, image_size: int | None = None,
    test_files: Sequence[FileFormat] = (), notes: tuple[str, ...] = (), labels: Labels | None = None,
) -> DataSet:  # fmt: skip
    """A data set of two arrays in canonical form.

    Args:
        test_files: formats of the files of the test images, one for each; none where there are no files.

    Raises:
        UsageError: an array is empty or not in canonical form, or the two differ in shape.
    """
    for array in (test,) if train is None else (train, test):
        check_canonical(array, f"data '{name}'")
    if train is not None and train.shape[1:] != test.shape[1:]:
        raise UsageError(
            f"data '{name}': training samples have shape {tuple(train.shape[1:])},"
            f" test samples {tuple(test.shape[1:])}"
        )
    formats = format_shares(test_files)
    return DataSet(
        name=name, shape=tuple(test.shape[1:]), split=split, image_size=image_size,
        train=None if train is None else FiniteReals(array=train), held_out=lambda n: test,
        file_formats=lambda: formats, notes=notes, labels=labels,
    )  # fmt: skip


def to_network(samples: torch.Tensor, data_range: tuple[float, float] = (-1.0, 1.0)) -> torch.Tensor:
    """Canonical samples as a network takes them: images scaled to `data_range`, vectors unchanged.

    Images may also be float32, in levels of 0…255 that are not rounded.
    """
    if samples.ndim == 2:
        return samples
    low, high = data_range
    return samples.to(torch.float32, copy=True).mul_((high - low) / 255).add_(low)


def num_clipped(
    images: torch.Tensor, data_range: tuple[float, float], *,
    extremes: tuple[torch.Tensor, torch.Tensor] | None = None,
) -> torch.Tensor:  # fmt: skip
    """How many values lie so far beyond `data_range` that `to_canonical` clips them; () int64.

    NaN, of which there is no 8-bit value, is not counted.

    Args:
        extremes: the smallest and the largest value, of more images perhaps, () each. They often tell that
            there are none; a GPU would have to be waited for.
    """
    low, high = data_range
    half_level = (high - low) / 510
    if extremes is not None and images.device.type == "cpu":
        smallest, largest = (float(end.detach().double().numpy()) for end in extremes)
        if low - half_level <= smallest and largest <= high + half_level:
            return torch.zeros((), dtype=torch.int64)
    # Operations in place have a fast kernel. Fewer than 2²⁴ ones of a channel have an exact sum in float32.
    beyond = images.clamp(low - half_level, high + half_level).sub_(images).abs_().gt_(0)
    return beyond.flatten(2).sum(2, dtype=torch.float32).sum(dtype=torch.int64)


def to_canonical(
    samples: torch.Tensor, data_range: tuple[float, float] = (-1.0, 1.0), *, quantize: bool = True
) -> torch.Tensor:
    """A network's samples in canonical form: images clipped and rounded to 8 bits.

    Without `quantize` images are float32 levels, neither clipped nor rounded. The caller checks
    finiteness first: NaN has no 8-bit value.
    """
    if samples.ndim == 2:
        return samples.to(torch.float32, copy=True)  # a generator may write into the same tensor again
    low, high = data_range
    levels = samples.to(torch.float32).sub(low).mul_(255 / (high - low))
    # By way of int16: from float32 to uint8 torch has no vectorized kernel.
    return levels.round_().clamp_(0, 255).to(torch.int16).to(torch.uint8) if quantize else levels
