"""Batch norm by batch statistics or by running averages, and when the averages change."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


def batch_norms(network: nn.Module) -> list[_BatchNorm]:
    """All batch-norm layers of a network that keep running averages."""
    layers = (module for module in network.modules() if isinstance(module, _BatchNorm))
    return [layer for layer in layers if layer.track_running_stats]


@contextmanager
def frozen_averages(network: nn.Module) -> Iterator[None]:
    """Batch norm in training mode uses batch statistics and does not change its averages."""
    layers = batch_norms(network)
    for layer in layers:
        layer.track_running_stats = False
    try:
        yield
    finally:
        for layer in layers:
            layer.track_running_stats = True


@contextmanager
def batch_statistics(network: nn.Module) -> Iterator[None]:
    """A network in evaluation mode normalizes by batch statistics and does not change its averages."""
    layers = batch_norms(network)
    with frozen_averages(network):
        for layer in layers:
            layer.train()
        try:
            yield
        finally:
            for layer in layers:
                layer.eval()
