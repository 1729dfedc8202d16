"""What a forward pass uses beside weights and input: buffers, and torch's global generators."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Inside, torch's global generators of the CPU and of `device` start at a seed; afterwards as before."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


@contextmanager
def unchanged(network: nn.Module) -> Iterator[None]:
    """Inside, a forward pass may change buffers, in place or by assignment; afterwards they are as before.

    Evaluation mode keeps torch's own layers from it, not layers that other projects derive from them.
    """
    buffers = [
        (module, name, buffer, buffer.clone())
        for module in network.modules()
        for name, buffer in module.named_buffers(recurse=False)
    ]
    try:
        yield
    finally:
        with torch.no_grad():
            for module, name, buffer, before in buffers:
                buffer.copy_(before)
                if getattr(module, name) is not buffer:
                    setattr(module, name, buffer)
