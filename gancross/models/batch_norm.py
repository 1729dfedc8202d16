"""Batch norm by batch statistics or by running averages, and when the averages change."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.instancenorm import _InstanceNorm


def batch_norms(network: nn.Module) -> list[_BatchNorm]:
    """All batch-norm layers of a network that keep running averages."""
    layers = (module for module in network.modules() if isinstance(module, _BatchNorm))
    return [layer for layer in layers if layer.track_running_stats]


def averaging_layers(network: nn.Module) -> list[nn.Module]:
    """All layers that keep running averages over batches: torch's, scripted ones, other projects' own.

    Instance norm keeps averages too, but normalizes each sample by itself.
    """
    return [
        module for module in network.modules()
        if {"running_mean", "running_var"} <= dict(module.named_buffers(recurse=False)).keys()
        and not getattr(module, "original_name", type(module).__name__).startswith("InstanceNorm")
        and not isinstance(module, _InstanceNorm)
    ]  # fmt: skip


@contextmanager
def frozen_averages(network: nn.Module) -> Iterator[None]:
    """Batch norm in training mode uses batch statistics and does not change its averages.

    The singular vectors of spectral norm move all the same: they depend on weights, not on samples.
    """
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
    """A network in evaluation mode normalizes by batch statistics.

    torch's own layers do not change their averages; the caller puts back those of others.
    """
    layers = averaging_layers(network)
    with frozen_averages(network):
        for layer in layers:
            layer.train()
        try:
            yield
        finally:
            for layer in layers:
                layer.eval()


def divisible(network: nn.Module) -> bool:
    """Whether `group_statistics` knows all layers of a network that keep running averages."""
    return all(
        isinstance(layer, _BatchNorm) and type(layer).forward is _BatchNorm.forward
        and "forward" not in vars(layer)
        for layer in averaging_layers(network)
    ) and not any("_orig_mod" in module._modules for module in network.modules())  # fmt: skip


@contextmanager
def group_statistics(network: nn.Module, *, groups: int) -> Iterator[None]:
    """Batch norm normalizes each of `groups` equal parts of a batch by its own statistics.

    y = (x − mean_g) / √(var_g + ε) · weight + bias over the part g, which lies together along the first axis;
    the result is that of the parts one by one, up to rounding. For networks that are `divisible`.
    """
    layers = batch_norms(network)
    for layer in layers:
        layer.forward = partial(_by_group, layer, groups)  # type: ignore[method-assign]
    try:
        yield
    finally:
        for layer in layers:
            del layer.forward  # that of its class shows again


def _by_group(layer: _BatchNorm, groups: int, x: torch.Tensor) -> torch.Tensor:
    rows = x.reshape(groups, len(x) // groups, x.shape[1], -1)
    variance, mean = torch.var_mean(rows, dim=(1, 3), correction=0, keepdim=True)
    scale = torch.rsqrt(variance + layer.eps)
    if layer.weight is not None:
        scale = scale * layer.weight[:, None]
    shift = -mean * scale
    if layer.bias is not None:
        shift = shift + layer.bias[:, None]
    return torch.addcmul(shift, rows, scale).reshape(x.shape)
