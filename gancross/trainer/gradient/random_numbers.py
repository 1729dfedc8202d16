"""torch's global random numbers, which tracing and trying a network must not use up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


@contextmanager
def unchanged_random_numbers(network: nn.Module) -> Iterator[None]:
    """Afterwards the generators of the CPU and of the network's devices are as before."""
    devices = sorted({p.device.index or 0 for p in network.parameters() if p.device.type == "cuda"})
    with torch.random.fork_rng(devices):
        yield
