"""Images of one chunk as judges take them, converted once for all that only read them."""

from __future__ import annotations

from collections.abc import Collection

import torch

from gancross.checkpoint.contestant import Contestant
from gancross.evaluator.judging.judge_calls import network_inputs

STRIDE = 61  # of values, one in so many is looked at


class SharedInputs:
    """Of one chunk in one thread; the last ones are held, so that two ranges take no more memory than one.

    A judge reads only if its probe saw neither its input's values nor torch's count of writes change. Of
    writes that the probe did not see, into long batches only perhaps, the next judge is spared all the same:
    of those that torch counts, and on the CPU of others, as through `.data`, that one value in 61 shows.

    Args:
        chunk: canonical samples.
        readers: names of judges that only read their input.
    """

    def __init__(self, chunk: torch.Tensor, readers: Collection[str]) -> None:
        self._chunk, self._readers = chunk, readers
        self._key: object = None
        self._inputs: torch.Tensor | None = None
        self._version = 0
        self._values: torch.Tensor | None = None

    def of(self, judge: Contestant) -> torch.Tensor | None:
        """Its images, which others may see too; None: it gets a copy of its own, as of vectors."""
        if judge.name not in self._readers or self._chunk.ndim != 4:
            return None
        key = judge.data_range, judge.resizing
        if self._inputs is None or self._key != key or self._written(self._inputs):
            self._inputs = None  # before the next one is made
            self._inputs, self._key = network_inputs(judge, self._chunk), key
            self._version = version(self._inputs)
            # Not on a GPU, for which the comparison would wait.
            self._values = _some(self._inputs).clone() if self._inputs.device.type == "cpu" else None
        return self._inputs

    def _written(self, inputs: torch.Tensor) -> bool:
        if version(inputs) != self._version:
            return True
        return self._values is not None and not torch.equal(self._values, _some(inputs))


def _some(inputs: torch.Tensor) -> torch.Tensor:
    """One value in 61."""
    return inputs.flatten()[::STRIDE]


def version(tensor: torch.Tensor) -> int:
    """How often torch wrote into a tensor, its views included; −1 where it does not count."""
    return -1 if tensor.is_inference() else tensor._version
