"""Random numbers of the transforms of one batch, as a function of (seed, player, update)."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch

from gancross.machine.distributed import ALONE, Processes
from gancross.random_streams import Stream


def constants(like: torch.Tensor, *values: float) -> torch.Tensor:
    """A vector of numbers, which the device of `like` fills in itself: a copy of them would be waited for."""
    return torch.stack([like.new_full((), value) for value in values])


@dataclass(frozen=True, kw_only=True)
class Draws:
    """Numbers for the samples of this process, one for each sample and call, drawn on their device.

    The whole batch's numbers are drawn and this process's are taken, so that they do not depend on the number
    of processes. The same stream gives the same numbers on the same kind of device.

    Attributes:
        like: samples (N, …) of this process; the numbers have their dtype and device.
        stream: seed and purpose.
        processes: among which the batch is divided in equal parts.
    """

    like: torch.Tensor
    stream: Stream
    processes: Processes = ALONE
    _generator: torch.Generator = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_generator", self.stream.torch_generator(self.like.device))

    def uniform(self) -> torch.Tensor:
        """Uniforms on [0, 1), shape (N,)."""
        total = len(self.like) * self.processes.size
        numbers = torch.rand(total, generator=self._generator, dtype=self.like.dtype, device=self.like.device)
        return numbers[self.processes.share(total)]

    def normal(self) -> torch.Tensor:
        """Standard normals, shape (N,)."""
        total = len(self.like) * self.processes.size
        numbers = torch.randn(
            total, generator=self._generator, dtype=self.like.dtype, device=self.like.device
        )
        return numbers[self.processes.share(total)]

    def integer(self, n: int) -> torch.Tensor:
        """Uniform integers of 0..n−1, int64, shape (N,)."""
        return (self.uniform() * n).long()

    def gated(self, p: torch.Tensor, value_N: torch.Tensor, neutral: float) -> torch.Tensor:
        """The value with probability p, else the neutral one, by a further uniform; shape (N,)."""
        return torch.where(self.uniform() < p, value_N, torch.full_like(value_N, neutral))
