"""The optimizers of both players, and their rates as functions of the step."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from gancross.trainer.recipes.recipe import Recipe

RMSPROP_DECAY = 0.9  # of the mean square, as in the authors' program


def make_optimizer(network: nn.Module, recipe: Recipe, *, player: str = "generator") -> torch.optim.Optimizer:
    """A player's optimizer: Adam (ε 1e-8, fused), or RMSprop (decay 0.9, ε 1e-8, no momentum)."""
    parameters = network.parameters()
    rate, betas = _rate_and_betas(recipe, 1, player)
    if recipe.optimizer == "rmsprop":
        return torch.optim.RMSprop(parameters, lr=rate, alpha=RMSPROP_DECAY, foreach=True)
    return torch.optim.Adam(parameters, lr=rate, betas=betas, fused=True)


def load_optimizer(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Loads a saved state; moments get the layout of their parameters, which fused Adam takes for granted.

    Checkpoints hold contiguous tensors, a network of the user's own may be channels-last.

    Raises:
        KeyError, ValueError, RuntimeError, TypeError, AttributeError: the state is another's.
    """
    optimizer.load_state_dict(state)
    for parameter, moments in optimizer.state.items():
        for name, moment in moments.items():
            same_shape = isinstance(moment, torch.Tensor) and moment.shape == parameter.shape
            if same_shape and moment.stride() != parameter.stride():
                moments[name] = torch.empty_like(parameter, dtype=moment.dtype).copy_(moment)


def follow_schedule(optimizer: torch.optim.Optimizer, recipe: Recipe, *, step: int, player: str) -> None:
    """Sets a player's learning rate and β₂ to those of step t = 1..T, whatever they were."""
    if recipe.schedule == "constant":
        return
    rate, betas = _rate_and_betas(recipe, step, player)
    for group in optimizer.param_groups:
        group["lr"] = rate
        if "betas" in group:
            group["betas"] = betas


def _rate_and_betas(recipe: Recipe, step: int, player: str) -> tuple[float, tuple[float, float]]:
    """Rate and (β₁, β₂) in one optimizer step.

    With `penalty_every` = k > 1 the discriminator's Adam takes k + 1 steps instead of k, the last for the
    penalty, so its rate and the logarithms of its β are multiplied by k/(k + 1).

    Source: Karras et al. 2020, appendix B.
    """
    rate, (beta1, beta2) = recipe.learning_rate_at(step, player), recipe.betas_at(step, player)
    lazy = recipe.penalty_every if player == "discriminator" else 1
    ratio = lazy / (lazy + 1) if lazy > 1 else 1.0
    return rate * ratio, (beta1**ratio, beta2**ratio)
