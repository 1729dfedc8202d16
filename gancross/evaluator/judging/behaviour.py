"""What a network does beside mapping samples to outputs: noise, coupling of samples, changed buffers."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from gancross.checkpoint.contestant import NETWORK_FAILURES
from gancross.data.sets import to_network
from gancross.errors import UsageError
from gancross.models.buffers import seeded, unchanged

SINGLES = 2  # samples that are tried one by one
ALIKE, ALIKE_ALONE = 1e-3, 2e-2  # of the spread; a batch of one may take another kernel
ROUNDING = 1e-5  # of the largest output

Call = Callable[[torch.Tensor, int], torch.Tensor]  # (inputs, seed of the network's own noise)


def behaviour(
    network: nn.Module,
    call: Call,
    inputs: torch.Tensor,
    strangers: torch.Tensor,
    *,
    base: torch.Tensor,
    data_range: tuple[float, float] | None,
) -> dict[str, bool]:
    """The fields of a `NetworkProbe`, but for its batch norm.

    Most networks need one call more: half of the inputs in another place and in other company, with another
    seed. Only where that shows a difference further calls tell noise from coupling.

    Args:
        base: output for the inputs with seed 0.
        data_range: of the values that a discriminator takes; None for a generator.
    """
    half = len(inputs) - len(strangers)
    order = torch.randperm(len(inputs), generator=torch.Generator().manual_seed(0)).to(inputs.device)
    mixed = torch.cat([inputs[:half], strangers])
    moved = torch.empty_like(base)
    moved[order] = call(mixed[order], 1)
    noise = unseeded = coupled = False
    if not alike(base[:half], moved[:half]):
        noise = not alike(base, call(inputs, 1))
        unseeded = noise and not alike(base, call(inputs, 0))
        # Noise of the same seed falls on the same places.
        coupled = not unseeded and not alike(base[:half], call(mixed, 0)[:half])
        if not noise and not coupled:  # its place alone makes a difference
            coupled = True
    elif not _alike_alone(call, inputs, base):
        coupled = True
    return {
        "noise": noise, "unseeded": unseeded, "coupled": coupled,
        "changes_buffers": _changes_buffers(
            network, inputs if data_range is None else to_network(inputs, data_range)
        ),
    }  # fmt: skip


def alike(first: torch.Tensor, second: torch.Tensor) -> bool:
    """Whether two outputs for the same samples differ by less than a share of their spread; NaN never."""
    return bool(((first - second).abs() <= _tolerance(first, ALIKE)).all())


def _alike_alone(call: Call, inputs: torch.Tensor, base: torch.Tensor) -> bool:
    """Whether a sample by itself has the same output; a network that takes no batch of one is believed."""
    for i in range(SINGLES):
        try:
            alone = call(inputs[i : i + 1], 0)
        except (UsageError, *NETWORK_FAILURES):
            return True
        if bool(((alone[0] - base[i]).abs() > _tolerance(base, ALIKE_ALONE)).any()):
            return False
    return True


def _tolerance(output: torch.Tensor, share: float) -> float:
    """A share of an output's standard deviation, or its rounding where it hardly varies."""
    return max(share * float(output.double().std()), ROUNDING * float(output.abs().amax()))


def _changes_buffers(network: nn.Module, inputs: torch.Tensor) -> bool:
    before = {name: buffer.clone() for name, buffer in network.named_buffers()}
    if not before:
        return False
    with unchanged(network), seeded(0, inputs.device):
        network(inputs)
        after = dict(network.named_buffers())
        return before.keys() != after.keys() or any(
            not torch.equal(buffer.nan_to_num(), after[name].nan_to_num()) for name, buffer in before.items()
        )
