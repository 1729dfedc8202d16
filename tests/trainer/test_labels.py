"""Labels in the updates: losses and penalties with labels held fixed, AC-GAN, the labels that are drawn."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from discriminators import assert_close_gradients, gradients
from torch import nn

from gancross import models
from gancross.data import catalogue
from gancross.errors import UsageError
from gancross.machine.distributed import Processes
from gancross.random_streams import Stream, drawn_labels
from gancross.trainer.gradient.route import Route, add_penalty_gradients, route_of
from gancross.trainer.labels import (
    BatchLabels,
    batch_labels,
    class_probabilities,
    classification_loss,
    label_batches,
)
from gancross.trainer.objective.objectives import OBJECTIVES
from gancross.trainer.objective.weightings import WEIGHTINGS
from gancross.trainer.optimizers import make_optimizer
from gancross.trainer.recipes.fields import Setting
from gancross.trainer.recipes.named_recipes import recipe
from gancross.trainer.recipes.recipe import Recipe
from gancross.trainer.state import architectures
from gancross.trainer.step import discriminator_step, generator_step, simultaneous_step
from gancross.trainer.update import Players, Step, StepMetrics

N, CLASSES = 6, 10
REAL_LABELS, FAKE_LABELS = torch.tensor([3, 9, 0, 3, 7, 1]), torch.tensor([2, 2, 5, 0, 9, 8])


def normal(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


REAL, LATENTS = normal(N, 1, 8, 8, seed=3), normal(N, 16, seed=4)


def variant(name: str, **changes: Setting) -> Recipe:
    base: dict[str, Setting] = {"width": 4, "batch_size": N, "gamma": 0.5, "normalization": "none"}
    return recipe(name).with_changes(base).with_changes(changes)


def players(chosen: Recipe, *, closed_form: bool = True) -> Players:
    generator, discriminator = (
        models.initialised(architecture, torch.Generator().manual_seed(seed)).double().train()
        for seed, architecture in enumerate(architectures(chosen, (1, 8, 8), CLASSES))
    )
    for number, weight in enumerate([*generator.parameters(), *discriminator.parameters()]):
        nn.init.normal_(weight, std=0.2, generator=torch.Generator().manual_seed(number))
    return Players(
        generator=generator, discriminator=discriminator,
        generator_optimizer=make_optimizer(generator, chosen),
        discriminator_optimizer=make_optimizer(discriminator, chosen),
        route=route_of(discriminator, labels=chosen.conditional == "labels") if closed_form else Route(),
    )  # fmt: skip


def labels_of(chosen: Recipe, n: int = N) -> BatchLabels:
    given = batch_labels(chosen, fake=FAKE_LABELS[:n], real=REAL_LABELS[:n])
    assert given is not None
    return given


def step_d(pair: Players, chosen: Recipe, n: int = N) -> StepMetrics:
    step = Step(pair, chosen, gamma=chosen.gamma, update=0, labels=labels_of(chosen, n))
    return discriminator_step(step, real=REAL[:n], latents=LATENTS[:n])


def objective_by_hand(pair: Players, chosen: Recipe, fake: torch.Tensor) -> torch.Tensor:
    """L_D + γ/2·Ω, one sample at a time with its label: no sample's score can see another's label."""

    def one(x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        inputs = x[None].detach().requires_grad_(True)
        score = pair.discriminator(inputs, y[None])[0, 0]
        (slope,) = torch.autograd.grad(score, inputs, create_graph=True)
        return score, slope.square().sum()

    scores, norms = zip(
        *(one(x, y) for x, y in [*zip(REAL, REAL_LABELS, strict=True), *zip(fake, FAKE_LABELS, strict=True)]),
        strict=True,
    )
    real, generated = torch.stack(scores[:N]), torch.stack(scores[N:])
    loss = OBJECTIVES[chosen.objective].discriminator_loss(real=real, fake=generated)
    if chosen.regularizer == "none":
        return loss
    weights = WEIGHTINGS[chosen.regularizer].weights(chosen.objective)
    for weight, v, squared in (
        (weights.real, real, norms[:N]), (weights.fake, generated, norms[N:])
    ):  # fmt: skip
        if weight is not None:
            loss = loss + chosen.gamma / 2 * (weight(v) * torch.stack(squared)).mean()
    return loss


@pytest.mark.parametrize("closed_form", [True, False], ids=["closed form", "double backward"])
@pytest.mark.parametrize("objective", ["js-logit", "kl", "lsgan"])
def test_discriminator_s_gradient_with_labels_held_fixed(objective: str, *, closed_form: bool) -> None:
    chosen = variant("digits-projection", objective=objective)
    pair, reference = players(chosen, closed_form=closed_form), players(chosen)
    assert pair.route.traced == closed_form
    with torch.no_grad():
        fake = reference.generator(LATENTS, FAKE_LABELS)
    torch.autograd.backward(objective_by_hand(reference, chosen, fake))
    metrics = step_d(pair, chosen)
    assert_close_gradients(gradients(pair.discriminator), gradients(reference.discriminator))
    assert ("penalty" in metrics) and (float(metrics["penalty"]) > 0) == (objective != "lsgan")


def test_the_lazy_penalty_s_gradient_with_labels() -> None:
    chosen = variant("digits-projection", penalty_every=2)
    pair, reference = players(chosen), players(chosen)
    with torch.no_grad():
        fake = reference.generator(LATENTS, FAKE_LABELS)
    add_penalty_gradients(
        pair.discriminator, pair.route, chosen, real=REAL, fake=fake, gamma=0.5, labels=labels_of(chosen)
    )
    unregularized = variant("digits-projection", regularizer="none")
    difference = objective_by_hand(reference, variant("digits-projection"), fake) - objective_by_hand(
        reference, unregularized, fake
    )
    torch.autograd.backward(2 * difference)
    assert_close_gradients(
        [weight.grad for weight in pair.discriminator.parameters() if weight.grad is not None],
        gradients(reference.discriminator),
    )


def test_the_generator_s_gradient_with_labels() -> None:
    chosen = variant("digits-projection", regularize_generator=True)
    pair, reference = players(chosen), players(chosen)
    generator_step(
        Step(pair, chosen, gamma=0.5, update=0, labels=batch_labels(chosen, fake=FAKE_LABELS, real=None)),
        latents=LATENTS,
    )
    fake = reference.generator(LATENTS, FAKE_LABELS)
    scores = reference.discriminator(fake, FAKE_LABELS)[:, 0]
    (slope,) = torch.autograd.grad(scores.sum(), fake, create_graph=True)
    penalty = (scores.sigmoid().square() * slope.flatten(1).square().sum(1)).mean()
    torch.autograd.backward(nn.functional.softplus(-scores).mean() - 0.25 * penalty)
    assert_close_gradients(gradients(pair.generator), gradients(reference.generator))


def test_noisy_copies_keep_the_label_of_their_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    """Noise of no variance: three equal copies of two samples are the two samples."""
    plain = variant("digits-projection", regularizer="none", batch_size=2)
    noisy = variant(
        "digits-projection", regularizer="none", noise="gaussian", noise_variance=1e-30, nsr=3
    )  # fmt: skip
    pair, reference = players(noisy), players(plain)
    step_d(pair, noisy, n=2)
    step_d(reference, plain, n=2)
    for ours, expected in zip(
        gradients(pair.discriminator), gradients(reference.discriminator), strict=True
    ):  # fmt: skip
        torch.testing.assert_close(ours, expected, rtol=1e-9, atol=1e-12)


def test_the_gradient_penalty_of_a_conditional_critic_uses_the_real_sample_s_label() -> None:
    chosen = variant("digits-projection", objective="wgan-gp")
    seen: list[torch.Tensor] = []
    pair = players(chosen)
    pair.discriminator.register_forward_hook(lambda module, given, result: seen.append(given[1]))
    metrics = step_d(pair, chosen)
    assert [y.tolist() for y in seen] == [y.tolist() for y in (REAL_LABELS, FAKE_LABELS, REAL_LABELS)]
    assert float(metrics["penalty"]) > 0


def test_classification_loss_is_a_mean_log_probability() -> None:
    class Fixed(nn.Module):
        def class_logits(self, samples: torch.Tensor) -> torch.Tensor:
            return samples

    logits = normal(N, CLASSES, seed=1)
    values = logits.numpy()
    probabilities = np.exp(values) / np.exp(values).sum(1, keepdims=True)
    expected = -np.log(probabilities[np.arange(N), FAKE_LABELS.numpy()]).mean()
    ours = float(classification_loss(Fixed(), logits, FAKE_LABELS))
    assert ours == pytest.approx(expected, abs=1e-12)
    repeated = logits.repeat_interleave(3, dim=0)
    assert float(classification_loss(Fixed(), repeated, FAKE_LABELS)) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("normalization", ["none", "batch"])
def test_acgan_adds_its_loss_to_both_players(normalization: str) -> None:
    """The penalty acts on the adversarial score alone; the class term is λ times the cross-entropy."""
    weight = 0.7
    chosen = variant("digits-acgan", auxiliary_weight=weight, normalization=normalization)
    pair, reference = players(chosen), players(chosen)
    assert pair.route.closed_form
    judge: Any = reference.discriminator
    with torch.no_grad():
        fake = reference.generator(LATENTS, FAKE_LABELS)
    total = torch.zeros((), dtype=torch.float64)
    for samples, labels, sign in ((REAL, REAL_LABELS, 1), (fake, FAKE_LABELS, -1)):
        inputs = samples.detach().requires_grad_(True)
        scores = judge(inputs)[:, 0]
        (slope,) = torch.autograd.grad(scores.sum(), inputs, create_graph=True)
        factor = (-sign * scores).sigmoid().square() * slope.flatten(1).square().sum(1)
        class_loss = nn.functional.cross_entropy(judge.class_logits(inputs), labels)
        adversarial = nn.functional.softplus(-sign * scores).mean()
        total = total + adversarial + chosen.gamma / 2 * factor.mean() + weight * class_loss
    torch.autograd.backward(total)
    metrics = step_d(pair, chosen)
    assert_close_gradients(gradients(pair.discriminator), gradients(reference.discriminator))
    assert set(metrics) >= {"class_loss_real", "class_loss_fake"}

    step = Step(pair, chosen, gamma=0.5, update=0, labels=batch_labels(chosen, fake=FAKE_LABELS, real=None))
    generator_step(step, latents=LATENTS)
    reference.discriminator.load_state_dict(pair.discriminator.state_dict())
    fake = reference.generator(LATENTS, FAKE_LABELS)
    class_loss = nn.functional.cross_entropy(judge.class_logits(fake), FAKE_LABELS)
    torch.autograd.backward(nn.functional.softplus(-judge(fake)).mean() + weight * class_loss)
    assert_close_gradients(gradients(pair.generator), gradients(reference.generator))


@pytest.mark.parametrize("name", ["digits-projection", "digits-acgan"])
def test_simultaneous_updates_are_both_gradients_at_the_same_weights(name: str) -> None:
    chosen = variant(name, update="simultaneous")
    results = []
    for closed_form in (True, False):
        pair = players(chosen, closed_form=closed_form)
        step = Step(pair, chosen, gamma=0.5, update=0, labels=labels_of(chosen))
        simultaneous_step(step, real=REAL, latents=LATENTS)
        results.append([*gradients(pair.discriminator), *gradients(pair.generator)])
    assert_close_gradients(*results)
    alone, alternating = players(chosen), variant(name)
    generator_step(
        Step(alone, alternating, gamma=0.5, update=0, labels=labels_of(alternating)), latents=LATENTS
    )
    assert_close_gradients(results[0][-len(gradients(alone.generator)) :], gradients(alone.generator))


def test_labels_are_drawn_by_position_with_their_probabilities() -> None:
    probabilities = np.array([0.5, 0.0, 0.2, 0.3])
    whole = drawn_labels(probabilities, Stream(3, "labels"), 0, 20_000)
    assert torch.equal(drawn_labels(probabilities, Stream(3, "labels"), 70, 30), whole[70:100])
    shares = np.bincount(whole.numpy(), minlength=4) / len(whole)
    assert shares[1] == 0 and np.abs(shares - probabilities).max() < 5 * 0.5 / len(whole) ** 0.5
    assert not torch.equal(drawn_labels(probabilities, Stream(4, "labels"), 0, 100), whole[:100])


def test_the_prior_is_uniform_or_the_data_s() -> None:
    data = catalogue.load("digits")
    uniform = class_probabilities(recipe("digits-projection"), data)
    frequencies = class_probabilities(recipe("digits-projection").with_changes({"label_prior": "data"}), data)
    assert uniform is not None and uniform.tolist() == [0.1] * 10
    assert data.labels is not None and frequencies is not None
    assert frequencies.tolist() == data.labels.frequencies.tolist() != uniform.tolist()
    assert class_probabilities(recipe("digits"), data) is None


def test_processes_divide_the_labels_of_a_batch() -> None:
    data, chosen = catalogue.load("digits"), recipe("digits-projection").with_changes({"batch_size": 12})
    parts = [
        list(itertools.islice(label_batches(chosen, data, start=3, processes=processes), 4))
        for processes in (Processes(), *(Processes(rank=rank, size=3) for rank in range(3)))
    ]
    for whole, *shares in zip(*parts, strict=True):
        assert torch.equal(torch.cat([share for share in shares if share is not None]), whole)
    assert next(label_batches(recipe("digits"), data, start=0, processes=Processes())) is None


def test_data_without_labels_are_refused() -> None:
    unlabelled = replace(catalogue.load("digits"), labels=None)
    with pytest.raises(UsageError, match="conditional=labels: data 'digits' has no labels: choose data with"):
        class_probabilities(recipe("digits-projection"), unlabelled)


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("digits", {"label_prior": "data"}, "label_prior=data would do nothing: nothing is conditional"),
        ("digits-projection", {"auxiliary_weight": 2.0}, "only conditional=acgan has a classification loss"),
        ("digits", {"conditional": "projection"}, "conditional"),
    ],
    ids=["prior", "weight", "value"],
)
def test_fields_without_effect_are_refused(name: str, changes: dict[str, Setting], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        recipe(name).with_changes(changes)


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("digits-projection", {"conditional": "acgan"}, "set conditional=labels or choose another"),
        ("digits-projection", {"conditional": "none"}, "takes labels: set conditional=labels"),
        ("digits", {"conditional": "labels"}, "conditional=labels does not fit network 'dcgan8'"),
    ],
    ids=["kind", "none", "network"],
)
def test_conditional_and_network_must_fit(name: str, changes: dict[str, Setting], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        architectures(recipe(name).with_changes(changes), (1, 8, 8), CLASSES)
