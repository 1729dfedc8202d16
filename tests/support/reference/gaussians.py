"""Expectations under one-dimensional Gaussians, by a trapezoid rule that is exact in float64."""

from __future__ import annotations

import torch

from gancross.divergences import Function


def expectation(h: Function, mean: float, variance: float = 1.0) -> float:
    """E[h(x)], x ~ N(mean, variance); h analytic."""
    spread = variance**0.5
    x = torch.linspace(mean - 13 * spread, mean + 13 * spread, 8001, dtype=torch.float64)
    density = torch.exp(-((x - mean) ** 2) / (2 * variance)) / (2 * torch.pi * variance) ** 0.5
    return float((h(x) * density).sum() * (x[1] - x[0]))


def derivatives(h: Function) -> tuple[Function, Function]:
    """h', h'' of a function of one variable as functions, by automatic differentiation."""

    def first(x: torch.Tensor) -> torch.Tensor:
        x = x.detach().requires_grad_(True)
        return torch.autograd.grad(h(x).sum(), x)[0].detach()

    def second(x: torch.Tensor) -> torch.Tensor:
        x = x.detach().requires_grad_(True)
        (slope,) = torch.autograd.grad(h(x).sum(), x, create_graph=True)
        return torch.autograd.grad(slope.sum(), x)[0].detach() if slope.requires_grad else torch.zeros_like(x)

    return first, second
