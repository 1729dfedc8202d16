"""The closed form against double backward in float64, layer by layer and for every objective."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from discriminators import COUPLED, NETWORKS, assert_close_gradients, dcgan, gradients, network_and_samples
from small_recipes import small
from torch import nn

from gancross.checkpoint.file import load
from gancross.errors import UsageError
from gancross.trainer import state
from gancross.trainer.gradient.closed_form import DiscriminatorPass, add_regularized_gradients
from gancross.trainer.gradient.route import Route, route_of
from gancross.trainer.loop import train
from gancross.trainer.objective.objectives import OBJECTIVES, DiscriminatorLoss
from gancross.trainer.objective.regularizers import penalty_weights, scores_and_penalty
from gancross.trainer.objective.weightings import JENSEN_SHANNON, WEIGHTINGS, PenaltyWeights
from gancross.trainer.recipes.fields import Setting

LOSS = OBJECTIVES["js-logit"].discriminator_loss


def double_backward(
    network: nn.Module, real: torch.Tensor, fake: torch.Tensor, loss: DiscriminatorLoss,
    weights: PenaltyWeights, gamma: float,
) -> tuple[torch.Tensor, list[torch.Tensor]]:  # fmt: skip
    network.zero_grad()
    scores_real, penalty_real = scores_and_penalty(network, real, weights.real)
    scores_fake, penalty_fake = scores_and_penalty(network, fake, weights.fake)
    penalty = penalty_real + penalty_fake
    torch.autograd.backward(loss(real=scores_real, fake=scores_fake) + gamma / 2 * penalty)
    return penalty, gradients(network)


def closed_form(
    network: nn.Module, real: torch.Tensor, fake: torch.Tensor, loss: DiscriminatorLoss,
    weights: PenaltyWeights, gamma: float,
) -> tuple[DiscriminatorPass, list[torch.Tensor]]:  # fmt: skip
    network.zero_grad()
    result = add_regularized_gradients(network, real=real, fake=fake, loss=loss, weights=weights, gamma=gamma)
    return result, gradients(network)


@pytest.mark.parametrize(
    ("regularizer", "gamma"), [("jensen-shannon", 0.0), ("jensen-shannon", 5.0), ("r1+r2", 5.0)]
)
@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_are_those_of_double_backward(name: str, regularizer: str, gamma: float) -> None:
    network, real, fake = network_and_samples(name)
    assert route_of(network).closed_form
    weights = penalty_weights(regularizer, "js-logit")
    penalty, expected = double_backward(network, real, fake, LOSS, weights, gamma)
    result, actual = closed_form(network, real, fake, LOSS, weights, gamma)
    assert_close_gradients(actual, expected)
    assert result.penalty is not None and result.penalty.item() == pytest.approx(penalty.item(), rel=1e-12)
    assert torch.allclose(result.scores_real, network(real).flatten(), rtol=1e-12)
    fake.requires_grad_(True)
    (gradient,) = torch.autograd.grad(network(fake).sum(), fake)
    if name in COUPLED:
        assert result.input_gradient_fake is None
    else:
        assert result.input_gradient_fake is not None
        assert torch.allclose(result.input_gradient_fake, gradient, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("regularizer", "objective"),
    [(name, objective) for name, entry in WEIGHTINGS.items() for objective in entry.objectives],
)
@pytest.mark.parametrize("name", ["dcgan", "batch norm of vectors"])
def test_every_objective_with_every_regularizer(name: str, regularizer: str, objective: str) -> None:
    n_fake = 4 if objective == "relativistic" else 6
    network, real, fake = network_and_samples(name, n_real=4, n_fake=n_fake)
    weights = penalty_weights(regularizer, objective)
    loss = OBJECTIVES[objective].discriminator_loss
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(0.5)  # exponentials of large scores would leave no digits to compare
    _, expected = double_backward(network, real, fake, loss, weights, 0.7)
    _, actual = closed_form(network, real, fake, loss, weights, 0.7)
    assert_close_gradients(actual, expected)


def test_gradients_are_added_and_frozen_parameters_left_alone() -> None:
    network, real, fake = network_and_samples("mlp")
    _, once = closed_form(network, real, fake, LOSS, JENSEN_SHANNON, 0.1)
    add_regularized_gradients(network, real=real, fake=fake, loss=LOSS, weights=JENSEN_SHANNON, gamma=0.1)
    assert_close_gradients(gradients(network), [2 * gradient for gradient in once])
    network.zero_grad()
    frozen, *others = network.parameters()
    frozen.requires_grad_(False)
    add_regularized_gradients(network, real=real, fake=fake, loss=LOSS, weights=JENSEN_SHANNON, gamma=0.1)
    assert frozen.grad is None and all(parameter.grad is not None for parameter in others)


@pytest.mark.parametrize(
    "network",
    [
        nn.Sequential(nn.Linear(3, 3), nn.GELU(), nn.Linear(3, 1)),
        nn.Sequential(nn.BatchNorm1d(3, affine=False)),
        nn.Sequential(nn.BatchNorm1d(3, momentum=None)),
        dcgan(8, 1, "layer"),
        nn.Sequential(nn.Dropout()),
    ],
)
def test_unsupported_layers_are_refused(network: nn.Module) -> None:
    assert not route_of(network).closed_form
    with pytest.raises(UsageError, match="closed form"):
        add_regularized_gradients(
            network,
            real=torch.zeros(2, 3),
            fake=torch.zeros(2, 3),
            loss=LOSS,
            weights=JENSEN_SHANNON,
            gamma=1.0,
        )


def test_layers_with_hooks_are_not_supported() -> None:
    hooked = nn.Sequential(nn.Linear(3, 1))
    hooked[0].register_forward_hook(lambda *_: None)
    assert not route_of(hooked).closed_form


@pytest.mark.parametrize("changes", [{"normalization": "none"}, {}, {"activation": "tanh"}])
def test_training_with_the_closed_form_follows_double_backward(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Setting]
) -> None:
    """Five steps by either method from the same start end in the same weights up to rounding."""
    recipe = small("digits", gamma=0.5, steps=5, **changes)
    ours = load(train(recipe, tmp_path / "closed", device="cpu"))
    monkeypatch.setattr(state, "route_of", lambda network, labels: Route())
    reference = load(train(recipe, tmp_path / "double", device="cpu"))
    for key, weight in reference.discriminator_state.items():
        if recipe.normalization == "batch" and key.endswith(("bias", "running_mean")):
            continue  # the gradient of a bias before batch norm is rounding, which Adam scales to whole steps
        assert torch.allclose(ours.discriminator_state[key], weight, rtol=1e-3, atol=2e-5), key
    assert any(
        not torch.equal(ours.discriminator_state[key], weight)
        for key, weight in reference.discriminator_state.items()
    ), "both runs used the same method"
