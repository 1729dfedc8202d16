"""What a network in evaluation mode does beside its task: noise, coupling of samples, changed buffers."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from gancross.checkpoint.contestant import NETWORK_FAILURES
from gancross.errors import UsageError
from gancross.models.buffers import seeded, unchanged

SINGLES = 2  # samples that are tried one by one
ALIKE, ALIKE_ALONE = 1e-3, 2e-2  # of the spread; a batch of one may take another kernel
ROUNDING = 1e-5  # of the largest output

# Output for some rows of the inputs, int64 (N,), in that order; the integer seeds the network's own noise.
Call = Callable[[torch.Tensor, int], torch.Tensor]


def behaviour(
    network: nn.Module, call: Call, n: int, total: int, *, base: torch.Tensor, bare: Callable[[], object]
) -> dict[str, bool]:
    """The fields of a `NetworkProbe`, but for its batch norm.

    Most networks need one call more: half of the inputs in another place and in other company, with another
    seed. Only where that shows a difference further calls tell noise from coupling.

    Args:
        n, total: the first n inputs are probed, the others are strangers.
        base: output for the first n inputs with seed 0.
        bare: calls the network on these, and puts no buffer back.
    """
    half, rows, mixed = n - (total - n), torch.arange(n), mixed_rows(n, total)
    order = torch.randperm(n, generator=torch.Generator().manual_seed(0))
    moved = torch.empty_like(base)
    moved[order] = call(mixed[order], 1)
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
        "changes_buffers": _changes_buffers(network, bare, base.device),
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


def _changes_buffers(network: nn.Module, bare: Callable[[], object], device: torch.device) -> bool:
    before = {name: buffer.clone() for name, buffer in network.named_buffers()}
    if not before:
        return False
    with unchanged(network), seeded(0, device):
        bare()
        after = dict(network.named_buffers())
        return before.keys() != after.keys() or any(
            not torch.equal(buffer.nan_to_num(), after[name].nan_to_num()) for name, buffer in before.items()
        )
