"""One update of each player: gradients, passes, noise, batch norm, clipping, optimizers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
import torch
from discriminators import gradients
from torch import nn

from gancross.models.batch_norm import frozen_averages
from gancross.trainer.gradient.route import Route
from gancross.trainer.noise import distinct_samples
from gancross.trainer.objective.objectives import OBJECTIVES
from gancross.trainer.objective.regularizers import f_divergence, jensen_shannon, slope_penalty
from gancross.trainer.objective.slope_penalties import SLOPE_PENALTIES
from gancross.trainer.objective.weightings import WEIGHTINGS
from gancross.trainer.optimizers import make_optimizer
from gancross.trainer.recipes.fields import Setting
from gancross.trainer.recipes.named_recipes import recipe
from gancross.trainer.recipes.recipe import Recipe
from gancross.trainer.state import architectures, make_players
from gancross.trainer.step import discriminator_step, generator_step, simultaneous_step
from gancross.trainer.update import Players, Step, StepMetrics

BASE = recipe("mixture").with_changes({"batch_size": 16, "gamma": 0.5, "learning_rate": 1e-3})
EVERY = pytest.mark.parametrize("objective", OBJECTIVES)
REGULARIZED = [
    name for name in OBJECTIVES if BASE.with_changes({"objective": name}).regularizer in WEIGHTINGS
]


def variant(objective: str = "js-logit", **changes: Setting) -> Recipe:
    return BASE.with_changes({"objective": objective, **changes})


def network(*sizes: int, norm: bool = False, seed: int = 0) -> nn.Module:
    generator = torch.Generator().manual_seed(seed)
    layers: list[nn.Module] = []
    for fan_in, fan_out in pairwise(sizes):
        layers += [nn.Linear(fan_in, fan_out), *([nn.BatchNorm1d(fan_out)] if norm else []), nn.Tanh()]
    stack = nn.Sequential(*layers[:-1], nn.Linear(sizes[-1], sizes[-1])).double()
    for parameter in stack.parameters():
        nn.init.normal_(parameter, std=0.5, generator=generator)
    return stack


def players(chosen: Recipe, *, norm: bool = False) -> Players:
    generator, discriminator = network(2, 8, 3, norm=norm, seed=1), network(3, 8, 1, norm=norm, seed=2)
    return Players(
        generator=generator, discriminator=discriminator,
        generator_optimizer=make_optimizer(generator, chosen),
        discriminator_optimizer=make_optimizer(discriminator, chosen),
    )  # fmt: skip


def normal(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


REAL, LATENTS = normal(16, 3, seed=3), normal(16, 2, seed=4)


def step_d(pair: Players, chosen: Recipe, *, gamma: float | None = None, update: int = 0) -> StepMetrics:
    n = distinct_samples(chosen, "discriminator")
    gamma = chosen.gamma if gamma is None else gamma
    return discriminator_step(
        Step(pair, chosen, gamma=gamma, update=update), real=REAL[:n], latents=LATENTS[:n]
    )


def step_g(pair: Players, chosen: Recipe) -> StepMetrics:
    n = distinct_samples(chosen, "generator")
    return generator_step(
        Step(pair, chosen, gamma=chosen.gamma, update=0), latents=LATENTS[:n], real=REAL[:n]
    )


def input_gradients(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Records every call of `torch.autograd.grad` from here on."""
    calls: list[str] = []
    original = torch.autograd.grad

    def recorded(*arguments: Any, **options: Any) -> tuple[torch.Tensor, ...]:
        calls.append("grad")
        gradients: tuple[torch.Tensor, ...] = original(*arguments, **options)
        return gradients

    monkeypatch.setattr(torch.autograd, "grad", recorded)
    return calls


def record_inputs(module: nn.Module) -> list[torch.Tensor]:
    """Records the inputs of every forward pass of a module from here on."""
    inputs: list[torch.Tensor] = []
    module.register_forward_hook(lambda module, arguments, result: inputs.append(arguments[0].detach()))
    return inputs


@EVERY
def test_discriminator_descends_on_loss_plus_penalty(objective: str) -> None:
    """The step's gradient is that of the public functions put together by hand."""
    chosen = variant(objective)
    pair = players(chosen)
    discriminator = pair.discriminator
    with torch.no_grad():
        fake = pair.generator(LATENTS)
    total = OBJECTIVES[objective].discriminator_loss(
        real=discriminator(REAL).flatten(), fake=discriminator(fake).flatten()
    )
    if objective == "js-logit":
        total = total + 0.25 * jensen_shannon(discriminator, REAL, fake)
    elif chosen.regularizer == "f-divergence":
        total = total + 0.25 * f_divergence(discriminator, fake, objective)
    elif chosen.regularizer == "r1+r2":
        total = (
            total + 0.25 * squared_slopes(discriminator, REAL) + 0.25 * squared_slopes(discriminator, fake)
        )
    elif chosen.regularizer in SLOPE_PENALTIES:
        inputs = record_inputs((copy := players(chosen)).discriminator)
        step_d(copy, chosen)
        points = inputs[2]
        epsilon = ((points - fake) / (REAL - fake)).mean(1)
        torch.testing.assert_close(points, epsilon[:, None] * REAL + (1 - epsilon[:, None]) * fake)
        penalty = SLOPE_PENALTIES[chosen.regularizer].penalty
        total = total + 10 * slope_penalty(discriminator, points, penalty)
    expected = torch.autograd.grad(total, list(discriminator.parameters()), allow_unused=True)
    step_d(pair, chosen)
    for parameter, gradient in zip(discriminator.parameters(), expected, strict=True):
        assert parameter.grad is not None
        torch.testing.assert_close(
            parameter.grad, torch.zeros_like(parameter) if gradient is None else gradient
        )


@pytest.mark.parametrize(
    ("objective", "generator_loss"),
    [
        (name, loss)
        for name, objective in OBJECTIVES.items()
        for loss in objective.generator_losses
        if (loss, objective) != ("saturating", OBJECTIVES["wgan"])  # refused: the same loss
    ],
)
def test_generator_descends_on_its_loss(objective: str, generator_loss: str) -> None:
    chosen = variant(objective, generator_loss=generator_loss)
    pair = players(chosen)
    before = [parameter.detach().clone() for parameter in pair.discriminator.parameters()]
    loss = OBJECTIVES[objective].generator_losses[generator_loss](
        real=pair.discriminator(REAL).detach(), fake=pair.discriminator(pair.generator(LATENTS))
    )
    expected = torch.autograd.grad(loss, list(pair.generator.parameters()))
    measured = step_g(pair, chosen)
    assert measured["loss_generator"].item() == pytest.approx(loss.item())
    torch.testing.assert_close(gradients(pair.generator), list(expected))
    assert gradients(pair.discriminator) == []
    assert all(torch.equal(a, b) for a, b in zip(before, pair.discriminator.parameters(), strict=True))
    assert all(parameter.requires_grad for parameter in pair.discriminator.parameters())


def test_a_paired_generator_leaves_the_discriminator_and_the_reals_alone() -> None:
    chosen = variant("relativistic", noise="gaussian", noise_variance=0.5, nsr=4)
    pair = players(chosen, norm=True)
    before = {key: value.clone() for key, value in pair.discriminator.state_dict().items()}
    inputs = record_inputs(pair.discriminator)
    real = REAL[:4].clone().requires_grad_(True)
    generator_step(Step(pair, chosen, gamma=chosen.gamma, update=0), latents=LATENTS[:4], real=real)
    assert real.grad is None and gradients(pair.discriminator) == []
    assert all(torch.equal(value, before[key]) for key, value in pair.discriminator.state_dict().items())
    assert [tuple(batch.shape) for batch in inputs] == [(16, 3), (16, 3)]  # of fakes, then of reals
    noise = inputs[1] - REAL[:4].repeat_interleave(4, dim=0)  # independent of that of the fakes
    assert 0.2 < float(noise.var()) < 1.2 and bool((noise != 0).all())


@pytest.mark.parametrize(
    ("generator_loss", "objective"),
    [(loss, name) for name in REGULARIZED for loss in OBJECTIVES[name].generator_losses],
)
def test_regularized_generator_descends_on_f_gamma(objective: str, generator_loss: str) -> None:
    """By finite differences of loss − γ/2·Ω_Q in the generator's weights (Eqs. 19, 20)."""
    chosen = variant(objective, generator_loss=generator_loss, regularize_generator=True)
    pair = players(chosen)
    discriminator, generator = pair.discriminator, pair.generator
    loss_of = OBJECTIVES[objective].generator_losses[generator_loss]

    def minimised() -> float:
        fake = generator(LATENTS)
        omega = {
            "jensen-shannon": lambda: (
                jensen_shannon(discriminator, REAL, fake) - jensen_shannon_of_reals(discriminator)
            ),
            "f-divergence": lambda: f_divergence(discriminator, fake, objective),
            "r1+r2": lambda: squared_slopes(discriminator, fake),
        }[chosen.regularizer]()
        return float((loss_of(real=discriminator(REAL), fake=discriminator(fake)) - 0.25 * omega).detach())

    direction = [normal(*parameter.shape, seed=9) for parameter in generator.parameters()]
    move(generator, direction, 1e-6)
    above = minimised()
    move(generator, direction, -2e-6)
    below = minimised()
    move(generator, direction, 1e-6)
    step_g(pair, chosen)
    slope = sum((g * d).sum().item() for g, d in zip(gradients(generator), direction, strict=True))
    assert slope == pytest.approx((above - below) / 2e-6, rel=1e-5)
    plain = players(chosen)
    step_g(plain, chosen.with_changes({"regularize_generator": False}))
    assert not torch.allclose(gradients(generator)[0], gradients(plain.generator)[0], rtol=1e-3)


def squared_slopes(discriminator: nn.Module, samples: torch.Tensor) -> torch.Tensor:
    """mean ‖∇ₓv‖², differentiable in the weights."""
    inputs = samples.detach().requires_grad_(True)
    (slopes,) = torch.autograd.grad(discriminator(inputs).sum(), inputs, create_graph=True)
    mean: torch.Tensor = slopes.square().sum(1).mean()
    return mean


def jensen_shannon_of_reals(discriminator: nn.Module) -> torch.Tensor:
    """The part of Ω_JS that does not depend on the generator."""
    inputs = REAL.clone().requires_grad_(True)
    logits = discriminator(inputs).flatten()
    (gradient,) = torch.autograd.grad(logits.sum(), inputs)
    penalty: torch.Tensor = (torch.sigmoid(-logits) ** 2 * (gradient**2).sum(1)).mean().detach()
    return penalty


def move(module: nn.Module, direction: Sequence[torch.Tensor], step: float) -> None:
    with torch.no_grad():
        for parameter, d in zip(module.parameters(), direction, strict=True):
            parameter.add_(d, alpha=step)


@EVERY
def test_step_without_penalty_takes_no_input_gradient(
    objective: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_slopes = variant(objective).regularizer in SLOPE_PENALTIES
    chosen = variant(objective, **({} if with_slopes else {"gamma": 0.0}))
    pair = players(chosen)
    inputs, calls = record_inputs(pair.discriminator), input_gradients(monkeypatch)
    step_d(pair, chosen)
    assert (len(calls), len(inputs)) == ((1, 3) if with_slopes else (0, 2))


@pytest.mark.parametrize("objective", REGULARIZED)
def test_penalty_shares_the_forward_pass(objective: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pair = players(variant(objective))
    inputs, calls = record_inputs(pair.discriminator), input_gradients(monkeypatch)
    step_d(pair, variant(objective))
    assert (len(calls), len(inputs)) == (2 if objective in ("js-logit", "relativistic") else 1, 2)


@pytest.mark.parametrize("objective", REGULARIZED)
def test_zero_gamma_is_the_unregularized_step(objective: str) -> None:
    """Also in the last steps of an annealing, should γ_t ever underflow."""
    regularized, plain = variant(objective), variant(objective, regularizer="none")
    a, b = players(regularized), players(plain)
    assert step_d(a, regularized, gamma=0.0) == step_d(b, plain)
    for weight, expected in zip(a.discriminator.parameters(), b.discriminator.parameters(), strict=True):
        assert torch.equal(weight, expected)


@EVERY
def test_batch_norm_averages_move_in_their_own_networks_steps_only(objective: str) -> None:
    chosen = variant(objective)
    pair = players(chosen, norm=True)

    def counts() -> list[int]:
        return [
            int(buffer) for player in (pair.generator, pair.discriminator)
            for name, buffer in player.named_buffers() if name.endswith("num_batches_tracked")
        ]  # fmt: skip

    step_d(pair, chosen)
    assert counts() == [0, 0, 2, 2]  # real and fake, not WGAN-GP's interpolates
    step_g(pair, chosen)
    assert counts() == [1, 1, 2, 2]
    with frozen_averages(pair.discriminator):
        pair.discriminator(REAL)
    assert counts() == [1, 1, 2, 2]


@EVERY
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_gradient_norms_are_measured_when_asked_for(objective: str, dtype: torch.dtype) -> None:
    chosen = variant(objective)
    pair = players(chosen)
    pair.generator.to(dtype)
    pair.discriminator.to(dtype)
    real, latents, gamma = REAL.to(dtype), LATENTS.to(dtype), chosen.gamma

    def step(*, measure: bool) -> StepMetrics:
        metrics = discriminator_step(
            Step(pair, chosen, gamma=gamma, update=0, measure=measure), real=real, latents=latents
        )
        return metrics | generator_step(
            Step(pair, chosen, gamma=gamma, update=0, measure=measure), latents=latents, real=real
        )

    assert not {"gradient_discriminator", "gradient_generator"} & step(measure=False).keys()
    metrics = step(measure=True)
    for player, module in (("discriminator", pair.discriminator), ("generator", pair.generator)):
        flat = torch.cat([gradient.flatten() for gradient in gradients(module)])
        torch.testing.assert_close(metrics[f"gradient_{player}"], flat.norm())
        assert metrics[f"gradient_{player}"].dtype == dtype
    assert not any(value.requires_grad for value in metrics.values())


def test_noise_enters_both_batches_of_the_discriminator_and_follows_the_update() -> None:
    chosen = variant(regularizer="none", noise="gaussian", noise_variance=0.5, nsr=4)
    pair = players(chosen)
    inputs = record_inputs(pair.discriminator)
    for update in (0, 0, 1):
        step_d(pair, chosen, update=update)
    step_g(pair, chosen)
    real_0, _, repeated, _, real_1, fake_1, fake_g = inputs
    assert {tuple(batch.shape) for batch in inputs} == {(16, 3)}
    assert torch.equal(real_0, repeated)
    assert not torch.equal(real_0, real_1)
    assert not torch.equal(fake_1, fake_g)
    assert torch.equal(real_0.reshape(4, 4, 3).std(1) > 0, torch.ones(4, 3, dtype=torch.bool))


def test_noise_for_the_discriminator_only() -> None:
    chosen = variant(
        regularizer="none", noise="gaussian", noise_variance=0.5, nsr=4, noise_players="discriminator"
    )
    pair = players(chosen)
    clean = pair.generator(LATENTS).detach()
    inputs = record_inputs(pair.discriminator)
    step_g(pair, chosen)
    assert torch.equal(inputs[0], clean)


def test_critic_weights_are_clipped_after_the_update() -> None:
    chosen = variant("wgan", clip=0.02, optimizer="rmsprop")
    pair = players(chosen)
    step_d(pair, chosen)
    largest = max(parameter.detach().abs().max().item() for parameter in pair.discriminator.parameters())
    assert largest == pytest.approx(0.02)


def test_optimizers_are_those_of_the_recipe() -> None:
    module = network(2, 3)
    adam = make_optimizer(module, variant(beta1=0.0, beta2=0.9, learning_rate=2e-4))
    assert isinstance(adam, torch.optim.Adam)
    assert adam.defaults["betas"] == (0.0, 0.9)
    assert adam.defaults["lr"] == 2e-4
    rmsprop = make_optimizer(module, variant("wgan", optimizer="rmsprop", learning_rate=5e-5))
    assert isinstance(rmsprop, torch.optim.RMSprop)
    assert rmsprop.defaults["lr"] == 5e-5
    assert rmsprop.defaults["alpha"] == 0.9


def strides(tensor: torch.Tensor) -> list[int]:
    """Of axes longer than 1; those of others mean nothing, and fused optimizers do not compare them."""
    return [stride for stride, length in zip(tensor.stride(), tensor.shape, strict=True) if length > 1]


@pytest.mark.parametrize(
    ("name", "changes", "shape"),
    [
        ("cifar10-dcgan", {"width": 4}, (3, 32, 32)),
        ("cifar10-dcgan", {"width": 4, "normalization": "none"}, (3, 32, 32)),
        ("cifar10-dcgan", {"width": 4, "update": "simultaneous"}, (3, 32, 32)),
        ("cifar10-wgan-gp", {"width": 4}, (3, 32, 32)),
        ("lsun-dcgan-tanh", {"width": 2}, (3, 64, 64)),
        ("lsun-resnet", {"width": 2}, (3, 64, 64)),
        ("digits", {"width": 4}, (1, 8, 8)),
    ],
)  # fmt: skip
def test_memory_format_of_samples_and_networks_changes_no_weight(
    name: str, changes: dict[str, Setting], shape: tuple[int, ...]
) -> None:
    """Images decoded from files are channels last; fused optimizers ignore strides."""
    chosen = recipe(name).with_changes(changes | {"batch_size": 8})
    networks = architectures(chosen, shape)
    real = torch.tanh(normal(8, *shape, seed=5))
    ends = []
    for layout, channels_last in (
        (torch.contiguous_format, False), (torch.channels_last, False), (torch.channels_last, True),
    ):  # fmt: skip
        for by_double_backward in (False, True):
            pair = make_players(chosen, networks, torch.device("cpu"), channels_last=channels_last)
            pair.generator.double()
            pair.discriminator.double()
            if by_double_backward:
                pair = replace(pair, route=Route())
            for update in range(2):
                step = simultaneous_step if chosen.update == "simultaneous" else discriminator_step
                step(
                    Step(pair, chosen, gamma=chosen.gamma, update=update),
                    real=real.contiguous(memory_format=layout),
                    latents=normal(8, chosen.latent_dim, seed=6 + update),
                )
            weights = [
                value for player in (pair.discriminator, pair.generator) for value in player.parameters()
            ]
            assert all(weight.grad is None or strides(weight.grad) == strides(weight) for weight in weights)
            ends.append(torch.cat([value.detach().flatten() for value in weights]))
    before = make_players(chosen, networks, torch.device("cpu"))
    start = torch.cat([value.detach().double().flatten() for value in before.discriminator.parameters()])
    assert (ends[0][: len(start)] - start).norm() > 1e-3  # the weights have changed
    for end in ends[1:]:
        torch.testing.assert_close(end, ends[0], rtol=0, atol=1e-6)  # a step is 2e-4
