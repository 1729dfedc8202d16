"""The order of the samples of a finite set in training."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import numpy as np
from numpy.typing import NDArray

from gancross.errors import UsageError
from gancross.random_streams import Stream


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
