"""One update of each player: what is minimised, what is touched, what is paid for."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from torch import nn

from gancross import models
from gancross.models.batch_norm import frozen_averages
from gancross.trainer.gradient.route import Route
from gancross.trainer.objective.objectives import OBJECTIVES
from gancross.trainer.objective.regularizers import f_divergence, gradient_penalty, jensen_shannon
from gancross.trainer.objective.weightings import WEIGHTINGS
from gancross.trainer.recipes.paper import recipe
from gancross.trainer.state import make_players
from gancross.trainer.step import Players, discriminator_step, generator_step, optimizer, simultaneous_step

BASE = recipe("mixture").with_changes({"batch_size": 16, "gamma": 0.5, "learning_rate": 1e-3})
EVERY = pytest.mark.parametrize("objective", OBJECTIVES)
REGULARIZED = [
    name for name in OBJECTIVES if BASE.with_changes({"objective": name}).regularizer in WEIGHTINGS
]


def rule(objective="js-logit", **changes):
    return BASE.with_changes({"objective": objective} | changes)


def network(*sizes, norm=False, seed=0):
    generator = torch.Generator().manual_seed(seed)
    layers = []
    for fan_in, fan_out in pairwise(sizes):
        layers += [nn.Linear(fan_in, fan_out), *([nn.BatchNorm1d(fan_out)] if norm else []), nn.Tanh()]
    made = nn.Sequential(*layers[:-1], nn.Linear(sizes[-1], sizes[-1])).double()
    for parameter in made.parameters():
        nn.init.normal_(parameter, std=0.5, generator=generator)
    return made


def players(chosen, *, norm=False):
    generator, discriminator = network(2, 8, 3, norm=norm, seed=1), network(3, 8, 1, norm=norm, seed=2)
    return Players(
        generator=generator, discriminator=discriminator,
        generator_optimizer=optimizer(generator, chosen),
        discriminator_optimizer=optimizer(discriminator, chosen),
    )  # fmt: skip


def draw(*shape, seed):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


REAL, LATENTS = draw(16, 3, seed=3), draw(16, 2, seed=4)


def step_d(made, chosen, *, gamma=None, update=0, measure=False, n=16):
    gamma = chosen.gamma if gamma is None else gamma
    return discriminator_step(
        made, chosen, real=REAL[:n], latents=LATENTS[:n], gamma=gamma, update=update, measure=measure
    )


def step_g(made, chosen, *, update=0, measure=False, n=16):
    return generator_step(
        made, chosen, latents=LATENTS[:n], gamma=chosen.gamma, update=update, measure=measure
    )


def gradients(module):
    return [parameter.grad for parameter in module.parameters()]


def count_calls(monkeypatch, module=None):
    """How often `torch.autograd.grad` is called, and a module's forward."""
    counts = {"grad": 0, "forward": 0}
    original = torch.autograd.grad

    def counted(*arguments, **options):
        counts["grad"] += 1
        return original(*arguments, **options)

    def forward(*_):
        counts["forward"] += 1

    monkeypatch.setattr(torch.autograd, "grad", counted)
    module.register_forward_hook(forward)
    return counts


@EVERY
def test_discriminator_descends_on_loss_plus_penalty(objective):
    """The step's gradient is that of the public functions put together by hand."""
    chosen = rule(objective)
    made = players(chosen)
    discriminator = made.discriminator
    with torch.no_grad():
        fake = made.generator(LATENTS)
    total = OBJECTIVES[objective].discriminator_loss(
        real=discriminator(REAL).flatten(), fake=discriminator(fake).flatten()
    )
    if objective == "js-logit":
        total = total + 0.25 * jensen_shannon(discriminator, REAL, fake)
    elif chosen.regularizer == "f-divergence":
        total = total + 0.25 * f_divergence(discriminator, fake, objective)
    elif objective == "wgan-gp":
        seen = interpolates(made, chosen)
        epsilon = ((seen - fake) / (REAL - fake)).mean(1)
        total = total + 10 * gradient_penalty(discriminator, REAL, fake, epsilon)
    expected = torch.autograd.grad(total, list(discriminator.parameters()), allow_unused=True)
    step_d(made, chosen)
    for got, wanted in zip(gradients(discriminator), expected, strict=True):
        torch.testing.assert_close(got, wanted if wanted is not None else torch.zeros_like(got))


def interpolates(made, chosen):
    """Where a fresh copy of the step puts its third batch."""
    seen = []
    copy = players(chosen)
    handle = copy.discriminator.register_forward_hook(lambda module, inputs, result: seen.append(inputs[0]))
    step_d(copy, chosen)
    handle.remove()
    assert len(seen) == 3
    return seen[2].detach()


@EVERY
@pytest.mark.parametrize("generator_loss", ["non-saturating", "saturating"])
def test_generator_descends_on_its_loss(objective, generator_loss):
    chosen = rule(objective)
    if objective in ("lsgan", "wgan", "wgan-gp") and generator_loss == "saturating":
        return
    chosen = chosen.with_changes({"generator_loss": generator_loss})
    made = players(chosen)
    before = [parameter.detach().clone() for parameter in made.discriminator.parameters()]
    loss = OBJECTIVES[objective].generator_losses[generator_loss](made.discriminator(made.generator(LATENTS)))
    expected = torch.autograd.grad(loss, list(made.generator.parameters()))
    measured = step_g(made, chosen)
    assert measured["loss_generator"].item() == pytest.approx(loss.item())
    for got, wanted in zip(gradients(made.generator), expected, strict=True):
        torch.testing.assert_close(got, wanted)
    assert gradients(made.discriminator) == [None] * len(before)
    assert all(torch.equal(a, b) for a, b in zip(before, made.discriminator.parameters(), strict=True))
    assert all(parameter.requires_grad for parameter in made.discriminator.parameters())


@pytest.mark.parametrize("objective", REGULARIZED)
@pytest.mark.parametrize("generator_loss", ["non-saturating", "saturating"])
def test_regularized_generator_descends_on_f_gamma(objective, generator_loss):
    """By finite differences of loss − γ/2·Ω_Q in the generator's weights (Eqs. 19, 20)."""
    chosen = rule(objective, generator_loss=generator_loss, regularize_generator=True)
    made = players(chosen)
    discriminator, generator = made.discriminator, made.generator
    loss_of = OBJECTIVES[objective].generator_losses[generator_loss]

    def minimised():
        fake = generator(LATENTS)
        empty = jensen_shannon_of_reals(discriminator)
        omega = (
            jensen_shannon(discriminator, REAL, fake) - empty if objective == "js-logit"
            else f_divergence(discriminator, fake, objective)
        )  # fmt: skip
        return (loss_of(discriminator(fake)) - 0.25 * omega).item()

    direction = [draw(*p.shape, seed=9) for p in generator.parameters()]
    move(generator, direction, 1e-6)
    above = minimised()
    move(generator, direction, -2e-6)
    below = minimised()
    move(generator, direction, 1e-6)
    step_g(made, chosen)
    along = sum((g * d).sum().item() for g, d in zip(gradients(generator), direction, strict=True))
    assert along == pytest.approx((above - below) / 2e-6, rel=1e-5)
    plain = players(chosen)
    step_g(plain, chosen.with_changes({"regularize_generator": False}))
    assert not torch.allclose(gradients(generator)[0], gradients(plain.generator)[0], rtol=1e-3)


def jensen_shannon_of_reals(discriminator):
    """The part of Ω_JS that does not depend on the generator."""
    inputs = REAL.clone().requires_grad_(True)
    logits = discriminator(inputs).flatten()
    (gradient,) = torch.autograd.grad(logits.sum(), inputs)
    return (torch.sigmoid(-logits) ** 2 * (gradient**2).sum(1)).mean().detach()


def move(module, direction, step):
    with torch.no_grad():
        for parameter, d in zip(module.parameters(), direction, strict=True):
            parameter.add_(d, alpha=step)


@EVERY
def test_step_without_penalty_takes_no_input_gradient(objective, monkeypatch):
    chosen = rule(objective, **({} if objective == "wgan-gp" else {"gamma": 0.0}))
    made = players(chosen)
    counts = count_calls(monkeypatch, made.discriminator)
    step_d(made, chosen)
    assert counts == ({"grad": 1, "forward": 3} if objective == "wgan-gp" else {"grad": 0, "forward": 2})


@pytest.mark.parametrize("objective", REGULARIZED)
def test_penalty_shares_the_forward_pass(objective, monkeypatch):
    made = players(rule(objective))
    counts = count_calls(monkeypatch, made.discriminator)
    step_d(made, rule(objective))
    assert counts == {"grad": 2 if objective == "js-logit" else 1, "forward": 2}


@pytest.mark.parametrize("objective", REGULARIZED)
def test_zero_gamma_is_the_unregularized_step(objective):
    """Also in the last steps of an annealing, should γ_t ever underflow."""
    regularized, plain = rule(objective), rule(objective, regularizer="none")
    a, b = players(regularized), players(plain)
    first, second = step_d(a, regularized, gamma=0.0), step_d(b, plain)
    assert {key: value.item() for key, value in first.items()} == {k: v.item() for k, v in second.items()}
    for one, other in zip(a.discriminator.parameters(), b.discriminator.parameters(), strict=True):
        assert torch.equal(one, other)


@EVERY
def test_batch_norm_averages_move_in_their_own_networks_steps_only(objective):
    chosen = rule(objective)
    made = players(chosen, norm=True)

    def counts():
        return [
            int(module.num_batches_tracked) for net in (made.generator, made.discriminator)
            for module in net if isinstance(module, nn.BatchNorm1d)
        ]  # fmt: skip

    step_d(made, chosen)
    assert counts() == [0, 0, 2, 2]  # real and fake, not WGAN-GP's interpolates
    step_g(made, chosen)
    assert counts() == [1, 1, 2, 2]
    with frozen_averages(made.discriminator):
        made.discriminator(REAL)
    assert counts() == [1, 1, 2, 2]


@EVERY
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_gradient_norms_are_measured_when_asked_for(objective, dtype):
    chosen = rule(objective)
    made = players(chosen)
    made.generator.to(dtype)
    made.discriminator.to(dtype)
    options = {"latents": LATENTS.to(dtype), "gamma": chosen.gamma, "update": 0}
    assert "gradient_discriminator" not in discriminator_step(made, chosen, real=REAL.to(dtype), **options)
    assert "gradient_generator" not in generator_step(made, chosen, **options)
    measured = discriminator_step(made, chosen, real=REAL.to(dtype), measure=True, **options)
    measured |= generator_step(made, chosen, measure=True, **options)
    for player in ("discriminator", "generator"):
        flat = torch.cat([g.flatten() for g in gradients(getattr(made, player)) if g is not None])
        torch.testing.assert_close(measured[f"gradient_{player}"], flat.norm())
        assert measured[f"gradient_{player}"].dtype == dtype
    assert not any(value.requires_grad for value in measured.values())


def test_noise_enters_both_batches_of_the_discriminator_and_follows_the_update():
    chosen = rule(regularizer="none", noise="gaussian", noise_variance=0.5, nsr=4)
    seen = []
    made = players(chosen)
    made.discriminator.register_forward_hook(lambda module, inputs, result: seen.append(inputs[0].detach()))
    for update in (0, 0, 1):
        step_d(made, chosen, update=update, n=4)
    step_g(made, chosen, n=4)
    real_0, _, real_again, _, real_1, fake_1, fake_g = seen
    assert {tuple(batch.shape) for batch in seen} == {(16, 3)}
    assert torch.equal(real_0, real_again)
    assert not torch.equal(real_0, real_1)
    assert not torch.equal(fake_1, fake_g)
    assert torch.equal(real_0.reshape(4, 4, 3).std(1) > 0, torch.ones(4, 3, dtype=torch.bool))


def test_noise_for_the_discriminator_only():
    chosen = rule(
        regularizer="none", noise="gaussian", noise_variance=0.5, nsr=4, noise_players="discriminator"
    )
    seen = []
    made = players(chosen)
    clean = made.generator(LATENTS).detach()
    made.discriminator.register_forward_hook(lambda module, inputs, result: seen.append(inputs[0].detach()))
    step_g(made, chosen)
    assert torch.equal(seen[0], clean)


def test_critic_weights_are_clipped_after_the_update():
    chosen = rule("wgan", clip=0.02, optimizer="rmsprop")
    made = players(chosen)
    step_d(made, chosen)
    largest = max(parameter.detach().abs().max().item() for parameter in made.discriminator.parameters())
    assert largest == pytest.approx(0.02)


def test_optimizers_are_those_of_the_recipe():
    module = network(2, 3)
    adam = optimizer(module, rule(beta1=0.0, beta2=0.9, learning_rate=2e-4))
    assert isinstance(adam, torch.optim.Adam)
    assert adam.defaults["betas"] == (0.0, 0.9)
    assert adam.defaults["lr"] == 2e-4
    rmsprop = optimizer(module, rule("wgan", optimizer="rmsprop", learning_rate=5e-5))
    assert isinstance(rmsprop, torch.optim.RMSprop)
    assert rmsprop.defaults["lr"] == 5e-5
    assert rmsprop.defaults["alpha"] == 0.9


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
def test_how_samples_lie_in_memory_moves_no_weight(name, changes, shape):
    """Images that were read as rows of pixels are channels last; fused optimizers do not look at strides."""
    chosen = recipe(name).with_changes(changes | {"batch_size": 8})
    network = models.PairSettings(
        sample_shape=shape, latent_dim=chosen.latent_dim, width=chosen.width,
        normalization=chosen.normalization, activation=chosen.activation,
    )  # fmt: skip
    real = torch.tanh(draw(8, *shape, seed=5))
    ends = []
    for layout in (torch.contiguous_format, torch.channels_last):
        for by_double_backward in (False, True):
            made = make_players(chosen, models.pair(chosen.network, network), torch.device("cpu"))
            made.generator.double()
            made.discriminator.double()
            if by_double_backward:
                made = replace(made, route=Route())
            for update in range(2):
                step = simultaneous_step if chosen.update == "simultaneous" else discriminator_step
                step(
                    made, chosen, real=real.contiguous(memory_format=layout), gamma=chosen.gamma,
                    latents=draw(8, chosen.latent_dim, seed=6 + update), update=update,
                )  # fmt: skip
            weights = [
                value for player in (made.discriminator, made.generator) for value in player.parameters()
            ]
            assert all(one.grad is None or one.grad.stride() == one.stride() for one in weights)
            ends.append(torch.cat([value.detach().flatten() for value in weights]))
    before = make_players(chosen, models.pair(chosen.network, network), torch.device("cpu"))
    start = torch.cat([value.detach().double().flatten() for value in before.discriminator.parameters()])
    assert (ends[0][: len(start)] - start).norm() > 1e-3  # something was learnt
    for end in ends[1:]:
        torch.testing.assert_close(end, ends[0], rtol=0, atol=1e-6)  # a step is 2e-4
