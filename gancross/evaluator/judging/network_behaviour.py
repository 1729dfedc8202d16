"""What a network in evaluation mode does beside its task: noise, company, buffers."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from gancross.checkpoint.contestant import NETWORK_FAILURES
from gancross.errors import UsageError
from gancross.evaluator.judging.probed_outputs import ALIKE_ALONE, alike, tolerance
from gancross.models.buffers import seeded, unchanged

SINGLES = 2  # samples that are tried out one by one

# Output for some rows of the inputs, int64 (N,), in that order; the integer seeds the network's own noise.
Call = Callable[[torch.Tensor, int], torch.Tensor]


def behaviour(
    network: nn.Module, call: Call, n: int, total: int, *, base: torch.Tensor,
    inputs: tuple[torch.Tensor, torch.Tensor | None],
) -> dict[str, bool]:  # fmt: skip
    """The fields of a `NetworkProbe`.

    Most networks need one call more: half of the inputs in another place and in other company, with another
    seed. Only where that shows a difference further calls tell noise from coupling.

    Args:
        n, total: the first n inputs are probed, the others are strangers.
        base: output for the first n inputs with seed 0.
        inputs: the first n as the network takes them, and their labels.
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
        "changes_buffers": _changes_buffers(network, *inputs), "untrained_norm": _untrained_norm(network),
    }  # fmt: skip


def mixed_rows(n: int, total: int) -> torch.Tensor:
    """Rows of as many inputs as there are no strangers to replace, then all strangers."""
    return torch.cat([torch.arange(n - (total - n)), torch.arange(n, total)])


def _alike_alone(call: Call, base: torch.Tensor) -> bool:
    """Whether a sample by itself has the same output; a network that takes no batch of one is believed."""
    for i in range(SINGLES):
        try:
            alone = call(torch.tensor([i]), 0)
        except (UsageError, *NETWORK_FAILURES):
            return True
        if bool(((alone[0] - base[i]).abs() > tolerance(base, ALIKE_ALONE)).any()):
            return False
    return True


def _changes_buffers(network: nn.Module, inputs: torch.Tensor, labels: torch.Tensor | None) -> bool:
    before = {name: buffer.clone() for name, buffer in network.named_buffers()}
    if not before:
        return False
    with unchanged(network), seeded(0, inputs.device):
        network(inputs) if labels is None else network(inputs, labels.to(inputs.device))
        after = dict(network.named_buffers())
        return before.keys() != after.keys() or any(
            not torch.equal(buffer.nan_to_num(), after[name].nan_to_num()) for name, buffer in before.items()
        )


def _untrained_norm(network: nn.Module) -> bool:
    buffers = dict(network.named_buffers())
    for name, mean in buffers.items():
        variance = buffers.get(name.removesuffix("running_mean") + "running_var")
        if variance is None or not name.endswith("running_mean"):
            continue
        if not mean.any() and bool((variance == 1).all()):
            return True
    return False
