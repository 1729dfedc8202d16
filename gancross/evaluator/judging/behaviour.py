"""What a network in evaluation mode does beside its task: noise, coupling of samples, changed buffers."""

from __future__ import annotations

import typing
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from gancross.checkpoint.contestant import NETWORK_FAILURES
from gancross.checkpoint.replicas import Within, as_it_is
from gancross.errors import UsageError

SINGLES = 2  # samples that are tried one by one
ALIKE, ALIKE_ALONE = 1e-3, 2e-2  # of the spread; a batch of one may take another kernel
ROUNDING = 1e-5  # of the largest output


class Call(typing.Protocol):
    """A network on some of its inputs."""

    def __call__(self, rows: torch.Tensor, seed: int, *, within: Within = as_it_is) -> torch.Tensor:
        """Output for these rows of the inputs, int64 (N,), in that order.

        Args:
            seed: of the network's own noise.
            within: as of `applied`.
        """


def behaviour(call: Call, n: int, total: int, *, base: torch.Tensor) -> dict[str, bool]:
    """The fields of a `NetworkProbe`, but for its batch norm.

    Most networks need one call more: half of the inputs in another place and in other company, with another
    seed. Only where that shows a difference further calls tell noise from coupling.

    Args:
        n, total: the first n inputs are probed, the others are strangers.
        base: output for the first n inputs with seed 0.
    """
    half, rows, mixed = n - (total - n), torch.arange(n), mixed_rows(n, total)
    order = torch.randperm(n, generator=torch.Generator().manual_seed(0))
    moved = torch.empty_like(base)
    buffers = _BufferWatch()
    moved[order] = call(mixed[order], 1, within=buffers.watched)
    noise = unseeded = coupled = False
    if not alike(base[:half], moved[:half]):
        noise = not alike(base, call(rows, 1))
        unseeded = noise and not alike(base, call(rows, 0))
        # Noise of the same seed falls on the same places.
        coupled = not unseeded and not alike(base[:half], call(mixed, 0)[:half])
        if not noise and not coupled:  # its place alone makes a difference
            coupled = True
    elif not _alike_alone(call, base):
        coupled = True
    return {
        "noise": noise, "unseeded": unseeded, "coupled": coupled,
        "changes_buffers": buffers.changed,
    }  # fmt: skip


def mixed_rows(n: int, total: int) -> torch.Tensor:
    """Rows of as many inputs as there are no strangers to replace, then all strangers."""
    return torch.cat([torch.arange(n - (total - n)), torch.arange(n, total)])


def alike(first: torch.Tensor, second: torch.Tensor) -> bool:
    """Whether two outputs for the same samples differ by less than a share of their spread; NaN never."""
    return bool(((first - second).abs() <= _tolerance(first, ALIKE)).all())


def _alike_alone(call: Call, base: torch.Tensor) -> bool:
    """Whether a sample by itself has the same output; a network that takes no batch of one is believed."""
    for i in range(SINGLES):
        try:
            alone = call(torch.tensor([i]), 0)
        except (UsageError, *NETWORK_FAILURES):
            return True
        if bool(((alone[0] - base[i]).abs() > _tolerance(base, ALIKE_ALONE)).any()):
            return False
    return True


def _tolerance(output: torch.Tensor, share: float) -> float:
    """A share of an output's standard deviation, or its rounding where it hardly varies."""
    return max(share * float(output.double().std()), ROUNDING * float(output.abs().amax()))


class _BufferWatch:
    """Whether a call of a network changed its buffers, which `applied` puts back after it."""

    changed = False

    @contextmanager
    def watched(self, network: nn.Module) -> Iterator[None]:
        """Around the call."""
        before = {name: buffer.clone() for name, buffer in network.named_buffers()}
        yield
        after = dict(network.named_buffers())
        self.changed = bool(before) and (
            before.keys() != after.keys()
            or any(
                not torch.equal(buffer.nan_to_num(), after[name].nan_to_num())
                for name, buffer in before.items()
            )
        )
