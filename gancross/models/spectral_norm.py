"""Spectral norm: every weight W of a network is divided by its largest singular value.

    W̄ = W/σ(W),   σ(W) ≈ uᵀWv,   u ← Wv/‖Wv‖,   v ← Wᵀu/‖Wᵀu‖

W has one row per output channel. u and v are buffers. Every forward pass in training mode makes one power
iteration, also of a network whose weights are frozen or whose batch norm keeps its averages: W stands still
there, so the iteration only brings u and v nearer to the singular vectors. In evaluation mode u and v stand
still too. An average of a network's weights has its own u and v.

Source: Miyato et al. 2018, Algorithm 1, and their program, which iterates in both players' updates.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn.utils import parametrizations
from torch.nn.utils.parametrizations import _SpectralNorm
from torch.nn.utils.parametrize import ParametrizationList, is_parametrized, register_parametrization

from gancross.models.layers import Weighted

Normalized = Weighted | nn.Embedding
SPECTRAL = ("spectral", "spectral-batch")
FIRST_ITERATIONS = 15  # as torch makes when it adds the parametrization


class _MetaSpectralNorm(_SpectralNorm):
    """torch's, built without its arithmetic: on the meta device it computes nothing and takes a second."""

    def __init__(self, weight: torch.Tensor, dim: int) -> None:
        nn.Module.__init__(self)
        self.dim, self.eps, self.n_power_iterations = dim, 1e-12, 1
        rows, columns = self._reshape_weight_to_matrix(weight).shape
        self.register_buffer("_u", weight.new_empty(rows))
        self.register_buffer("_v", weight.new_empty(columns))

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        return weight


def normalize_weights(network: nn.Module, normalization: str) -> None:
    """Adds torch's parametrization to all linear layers, convolutions and embeddings, if it is spectral.

    Args:
        normalization: of the network: `spectral`, `spectral-batch`, or another, which adds nothing.
    """
    layers = [module for module in network.modules() if isinstance(module, Normalized)]
    for layer in layers if normalization in SPECTRAL else []:
        if not layer.weight.is_meta:
            parametrizations.spectral_norm(layer)
            continue
        outputs_axis = 1 if isinstance(layer, nn.ConvTranspose2d) else 0
        parametrization: nn.Module = _MetaSpectralNorm(layer.weight, outputs_axis)
        register_parametrization(layer, "weight", parametrization)
        parametrization.__class__ = _SpectralNorm  # from here on it is torch's own


def free_weight(layer: Normalized) -> torch.Tensor:
    """The parameter W itself, before any division by σ(W)."""
    parametrization = _of_weight(layer)
    return layer.weight if parametrization is None else parametrization.original


@torch.no_grad()
def reset_singular_vectors(layer: Normalized, generator: torch.Generator) -> None:
    """u and v of a spectral-normalised layer: random unit vectors from `generator`, then 15 iterations."""
    for vector in _vectors(layer):
        vector.normal_(generator=generator)
        vector.div_(vector.norm())
    _iterate(layer, FIRST_ITERATIONS)


@contextmanager
def own_singular_vectors(average: nn.Module) -> Iterator[None]:
    """Inside, weights and buffers of an average of networks change; its u and v then follow its own weights.

    Those of a network that it averages belong to other weights: uᵀW̄v can be less than half of σ(W̄). They stay
    as they were and make one iteration.
    """
    layers = [module for module in average.modules() if isinstance(module, Normalized)]
    vectors = [vector for layer in layers for vector in _vectors(layer)]
    before = [vector.clone() for vector in vectors]
    yield
    with torch.no_grad():
        for vector, value in zip(vectors, before, strict=True):
            vector.copy_(value)
        for layer in layers:
            _iterate(layer, 1)


def _vectors(layer: Normalized) -> list[torch.Tensor]:
    parametrization = _of_weight(layer)
    return [] if parametrization is None else list(parametrization.buffers())


def _iterate(layer: Normalized, times: int) -> None:
    parametrization = _of_weight(layer)
    if parametrization is None:
        return
    was_training = parametrization.training
    parametrization.train()
    for _ in range(times):
        layer.weight  # noqa: B018  each access makes one iteration
    parametrization.train(was_training)


def _of_weight(layer: Normalized) -> ParametrizationList | None:
    if not is_parametrized(layer, "weight"):
        return None
    assert isinstance(layer.parametrizations, nn.ModuleDict)
    parametrization = layer.parametrizations["weight"]
    assert isinstance(parametrization, ParametrizationList)
    return parametrization
