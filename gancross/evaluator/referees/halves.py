"""Samples in an order of their content, and the halves of a seed on which referees train and are tested.

Shape suffixes: N samples.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from gancross.data.order import content_order, sample_digests
from gancross.data.views import Reordered, blocks
from gancross.evaluator.referees.protocol import VALIDATION
from gancross.machine.stored_arrays import is_large, stored_array
from gancross.random_streams import Stream

ATOM = 20  # identical samples beyond one in so many are an atom of the distribution, which may be cut


@dataclass(frozen=True, kw_only=True, eq=False)
class SampleSet:
    """Reals or a contestant's samples, in an order that depends on their content alone.

    Attributes:
        array: canonical form, on the CPU; of more than 512 MiB in a temporary file.
        labels: of the samples, int64 (N,), on the CPU, where referees see them.
        items: (N,) numbers of different samples, rising; identical ones are neighbours.
        sha256: of the content, labels included, in whatever order it came.
        in_file: the same array by its file, where it lies in one.
    """

    array: torch.Tensor
    items: NDArray[np.int64]
    sha256: str
    labels: torch.Tensor | None = None
    in_file: NDArray[np.generic] | None = None

    def __len__(self) -> int:
        return len(self.items)

    def to_send(self) -> NDArray[np.generic]:
        """The array for another process, which joblib hands over by the name of its file if it has one."""
        return self.array.numpy() if self.in_file is None else self.in_file

    @cached_property
    def digests(self) -> NDArray[np.bytes_]:
        """The SHA-256 of each sample, (N,) of 32 bytes, by which other calls know it, whatever its label."""
        return sample_digests(self.array)


def sample_set(samples: torch.Tensor, labels: torch.Tensor | None = None) -> SampleSet:
    """The samples in the order of referees.

    Identical samples are one item whatever their labels, since a judge that trained on one of them knows
    the others; among them the order is that of the labels. So labels change neither order nor halves.

    Args:
        labels: of the samples, int64 (N,), which then count as content.
    """
    order = content_order(samples, stream=Stream(0, "referee", "content"))
    index, sha256 = order.index, order.sha256
    if labels is not None:
        assert labels.shape == (len(samples),), f"{tuple(labels.shape)} labels of {len(samples)} samples"
        index = index[np.lexsort((labels.numpy()[index], order.items))]
        labels = labels[torch.from_numpy(index)]
        digest = hashlib.sha256(f"{sha256} labels\n".encode())
        digest.update(labels.numpy().astype("<i8").tobytes())
        sha256 = digest.hexdigest()
    ordered, in_file = Reordered(array=samples, index=index), None
    if is_large(samples.nbytes):
        in_file = stored_array(
            (block.numpy() for block in blocks(ordered)), tuple(ordered.shape), samples[:0].numpy().dtype
        )
    array = ordered[:].contiguous() if in_file is None else torch.from_numpy(in_file)
    return SampleSet(array=array, items=order.items, sha256=sha256, labels=labels, in_file=in_file)


@dataclass(frozen=True, kw_only=True, eq=False)
class Cut:
    """Rows on which one referee trains and by which its snapshot is chosen, and those it is tested on.

    Attributes:
        training, validation: in the seed's order.
        test: rising; all rows that are neither.
    """

    training: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]


def halves(items: NDArray[np.int64], *, seed: int, purpose: str) -> tuple[NDArray[np.int64], ...]:
    """Two halves of all rows by seed, each in random order; identical samples are in one half.

    The cut lies between two different samples, the nearest one to the middle. Where that is further from it
    than 5 % of the rows, a sample that repeats so often is an atom of its distribution: the cut goes through
    it, since no half would be left otherwise.

    Args:
        items: as in `SampleSet`.
        purpose: reals and samples are cut by streams of their own.
    """
    n = len(items)
    stream = Stream(seed, "referee", "halves", purpose)
    place = stream.permutation(int(items[-1]) + 1)
    order = np.argsort(place[items], kind="stable")
    ends = np.flatnonzero(np.diff(place[items][order])) + 1  # where another sample begins
    middle = n // 2
    cut = int(ends[np.argmin(np.abs(ends - middle))]) if len(ends) else middle
    if abs(cut - middle) * ATOM > n:
        cut = middle
    return order[:cut], order[cut:]


def cut(rows: tuple[NDArray[np.int64], ...], *, half: int, size: int) -> Cut:
    """The rows of the referee of one half, of which `size` serve to train and to choose.

    Args:
        rows: of `halves`.
    """
    chosen = rows[half][:size]
    held = size // VALIDATION
    test = np.sort(np.concatenate([rows[1 - half], rows[half][size:]]))
    return Cut(training=chosen[held:], validation=chosen[:held], test=test)
