"""Layers whose weight is a function of parameters, as by spectral or weight norm; torch's older ones, too."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import nn
from torch.nn.utils import parametrize
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

from gancross.models.image_convolutions import ImageConv2d

REPARAMETRIZED = (nn.Conv2d, ImageConv2d, nn.Linear)


class EffectiveLayer:
    """A layer with other tensors in place of some of its attributes."""

    def __init__(self, layer: nn.Module, tensors: dict[str, torch.Tensor]) -> None:
        self._layer = layer
        self.__dict__.update(tensors)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._layer, name)


def base_of_reparametrized(module: nn.Module) -> type[nn.Module] | None:
    """The class of a layer whose weight is a function of parameters, as under spectral and weight norm."""
    if parametrize.is_parametrized(module):
        base = type(module).__mro__[1]
        return base if base in REPARAMETRIZED and not has_hooks(module) else None
    hooks = reparametrizing_hooks(module)
    others = len(module._forward_pre_hooks) - len(hooks)
    return type(module) if hooks and not others and type(module) in REPARAMETRIZED else None


def reparametrizing_hooks(module: nn.Module) -> list[Any]:
    """The hooks of torch's older spectral and weight norm, which compute the weight before a forward pass."""
    hooks = module._forward_pre_hooks
    if not hooks:
        return []
    return [hook for hook in hooks.values() if isinstance(hook, SpectralNorm | WeightNorm)]


def has_hooks(module: nn.Module) -> bool:
    """Whether hooks, those of spectral and weight norm aside, run around a module or replace `forward`."""
    if "forward" in vars(module):  # as libraries replace it that wrap a network
        return True
    if module._forward_hooks or module._backward_hooks or module._backward_pre_hooks:
        return True
    return len(module._forward_pre_hooks) > len(reparametrizing_hooks(module))


def computed_tensors(layer: nn.Module) -> dict[str, torch.Tensor]:
    """The computed weights by attribute, differentiable; in training mode after a power iteration."""
    with torch.enable_grad():
        if parametrize.is_parametrized(layer):
            return {name: getattr(layer, name) for name in cast(Any, layer).parametrizations}
        hooks = reparametrizing_hooks(layer)
        for hook in hooks:
            hook(layer, ())
        return {hook.name: getattr(layer, hook.name) for hook in hooks}


def changes_when_called(layer: nn.Module) -> bool:
    """Whether a forward pass may change the weight, as one in training mode does under spectral norm."""
    return layer.training and any(True for _ in layer.buffers())
