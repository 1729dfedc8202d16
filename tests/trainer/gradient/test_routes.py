"""Every way to a discriminator's gradient, and what each costs, counted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from discriminators import (
    BASE,
    NETWORKS,
    assert_close_gradients,
    gradients,
    network_and_samples,
    route_gradients,
)
from small_recipes import small
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from gancross.divergences import DIVERGENCES
from gancross.errors import UsageError
from gancross.machine.distributed import ALONE
from gancross.models.dcgan import DCGANDiscriminator, DCGANGenerator
from gancross.models.layers import Normalization
from gancross.models.mlp import MLP
from gancross.trainer.gradient.route import Route, add_gradients, add_penalty_gradients, route_of
from gancross.trainer.loop import train
from gancross.trainer.objective.regularizers import f_divergence, jensen_shannon
from gancross.trainer.optimizers import make_optimizer
from gancross.trainer.recipes.fields import Setting
from gancross.trainer.recipes.named_recipes import recipe
from gancross.trainer.recipes.recipe import Recipe
from gancross.trainer.step import discriminator_step, generator_step, simultaneous_step
from gancross.trainer.update import Players, Step


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("fraction", [1.0, 0.5, 0.1])
def test_a_penalty_on_part_of_the_batch_has_the_gradients_of_double_backward(
    name: str, fraction: float
) -> None:
    network, real, fake = network_and_samples(name, n_real=6, n_fake=6)
    chosen = BASE.with_changes({"penalty_fraction": fraction})
    reference, expected = route_gradients(network, Route(), chosen, real, fake)
    result, actual = route_gradients(network, route_of(network), chosen, real, fake)
    assert_close_gradients(actual, expected)
    torch.testing.assert_close(result.penalty, reference.penalty, rtol=1e-12, atol=0)
    torch.testing.assert_close(result.scores_real, reference.scores_real)
    torch.testing.assert_close(result.scores_fake, reference.scores_fake)


@pytest.mark.parametrize("name", NETWORKS)
def test_unregularized_batches_share_a_pass_only_if_no_layer_couples_samples(name: str) -> None:
    network, real, fake = network_and_samples(name)
    chosen = BASE.with_changes({"regularizer": "none"})
    reference, expected = route_gradients(network, Route(), chosen, real, fake)
    result, actual = route_gradients(network, route_of(network), chosen, real, fake)
    assert_close_gradients(actual, expected)
    assert result.penalty is None and reference.penalty is None
    assert route_of(network).coupled == name.startswith("batch norm")


@pytest.mark.parametrize("name", ["dcgan", "tanh mlp", "batch norm"])
@pytest.mark.parametrize("closed", [True, False])
@pytest.mark.parametrize("objective", ["js-logit", *DIVERGENCES, "js-logit, r1", "relativistic, r1+r2"])
def test_the_lazy_penalty_is_k_times_as_heavy_and_alone(name: str, closed: bool, objective: str) -> None:
    network, real, fake = network_and_samples(name)
    objective, _, regularizer = objective.partition(", ")
    changes: dict[str, Setting] = {"regularizer": regularizer} if regularizer else {}
    chosen = BASE.with_changes({"objective": objective, "penalty_every": 4, **changes})
    route = route_of(network) if closed else Route()

    def omega_of() -> torch.Tensor:
        if regularizer:
            samples = [real, fake] if regularizer == "r1+r2" else [real]
            return torch.stack([squared_slopes(network, x).mean() for x in samples]).sum()
        if objective == "js-logit":
            return jensen_shannon(network, real, fake)
        return f_divergence(network, fake, objective)

    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(0.5)  # exponentials of large scores would leave no digits to compare
    parameters = list(network.parameters())
    expected = torch.autograd.grad(4 * chosen.gamma / 2 * omega_of(), parameters, allow_unused=True)
    network.zero_grad()
    averages = {key: value.clone() for key, value in network.named_buffers()}
    omega = add_penalty_gradients(network, route, chosen, real=real, fake=fake, gamma=chosen.gamma)
    assert omega.item() == pytest.approx(omega_of().item())
    assert_close_gradients(
        [parameter.new_zeros(()) if parameter.grad is None else parameter.grad for parameter in parameters],
        [torch.zeros(()).double() if gradient is None else gradient for gradient in expected],
    )
    if name == "batch norm":  # omega_of() has updated them; the penalty's passes do not
        network.load_state_dict(network.state_dict() | averages)
        add_penalty_gradients(network, route, chosen, real=real, fake=fake, gamma=chosen.gamma)
        assert all(torch.equal(value, averages[key]) for key, value in network.named_buffers())


def squared_slopes(network: nn.Module, samples: torch.Tensor) -> torch.Tensor:
    """‖∇ₓv‖² of every sample, (N,), differentiable in the weights."""
    inputs = samples.clone().requires_grad_(True)
    (slopes,) = torch.autograd.grad(network(inputs).sum(), inputs, create_graph=True)
    return slopes.flatten(1).square().sum(1)


def test_adam_is_adjusted_to_lazy_penalties() -> None:
    plain = make_optimizer(nn.Linear(1, 1), BASE)
    lazily = BASE.with_changes({"penalty_every": 4})
    lazy = make_optimizer(nn.Linear(1, 1), lazily, player="discriminator")
    assert make_optimizer(nn.Linear(1, 1), lazily).defaults == plain.defaults
    assert lazy.defaults["lr"] == pytest.approx(0.8 * plain.defaults["lr"])
    assert lazy.defaults["betas"] == pytest.approx([beta**0.8 for beta in plain.defaults["betas"]])


def test_lazy_penalties_come_every_kth_update() -> None:
    chosen = BASE.with_changes({"penalty_every": 3})
    pair = players(None, chosen)
    penalized = [
        "penalty" in discriminator_step(
            Step(pair, chosen, gamma=0.5, update=update), real=normal(8, 3), latents=normal(8, 2)
        )
        for update in range(7)
    ]  # fmt: skip
    assert penalized == [False, False, True, False, False, True, False]


def normal(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(7), dtype=torch.float64)


def players(normalization: Normalization | None, chosen: Recipe) -> Players:
    """Two multilayer perceptrons, or two DCGANs with this normalization in D."""
    torch.manual_seed(1)
    generator: nn.Module
    discriminator: nn.Module
    if normalization is None:
        generator, discriminator = MLP((2, 8, 3)), MLP((3, 8, 8, 1))
    else:
        generator = DCGANGenerator(image_size=8, channels=1, width=4, latent_dim=2)
        discriminator = DCGANDiscriminator(image_size=8, channels=1, width=4, normalization=normalization)
    for network in (generator.double(), discriminator.double()):
        for parameter in network.parameters():
            nn.init.normal_(parameter, std=0.3)
    return Players(
        generator=generator, discriminator=discriminator, route=route_of(discriminator),
        generator_optimizer=make_optimizer(generator, chosen),
        discriminator_optimizer=make_optimizer(discriminator, chosen, player="discriminator"),
    )  # fmt: skip


@pytest.mark.parametrize("normalization", [None, "none", "batch", "layer"])
@pytest.mark.parametrize("changes", [{}, {"gamma": 0.0}, {"penalty_every": 2}, {"penalty_fraction": 0.5},
                                     {"generator_loss": "saturating"}, {"objective": "kl"},
                                     {"objective": "relativistic"}, {"regularizer": "r1"}])  # fmt: skip
def test_simultaneous_gradients_are_those_of_two_passes_at_the_same_weights(
    normalization: Normalization | None, changes: dict[str, Setting]
) -> None:
    chosen = BASE.with_changes({"update": "simultaneous", **changes})
    plain = chosen.with_changes({"update": "alternating", "penalty_every": 1})
    real, latents = normal(*((8, 3) if normalization is None else (8, 1, 8, 8))), normal(8, 2)
    separate = players(normalization, plain)
    expected = generator_step(
        Step(separate, plain, gamma=chosen.gamma, update=0, measure=True), latents=latents, real=real
    )
    gradients_g = gradients(separate.generator)
    separate = players(normalization, plain)  # neither player has moved
    gamma = 0.0 if "penalty_every" in changes else chosen.gamma  # between two lazy penalties
    expected |= discriminator_step(
        Step(separate, plain, gamma=gamma, update=0, measure=True), real=real, latents=latents
    )
    together = players(normalization, chosen)
    metrics = simultaneous_step(
        Step(together, chosen, gamma=chosen.gamma, update=0, measure=True), real=real, latents=latents
    )
    assert_close_gradients(gradients(together.generator), gradients_g)
    assert_close_gradients(gradients(together.discriminator), gradients(separate.discriminator))
    assert ("penalty" in metrics) != ("penalty_every" in changes)
    for key, value in metrics.items():
        torch.testing.assert_close(value, expected[key])


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"update": "simultaneous", "n_phi": 2}, "n_phi=1"),
        ({"update": "simultaneous", "regularize_generator": True}, "regularize_generator"),
        ({"update": "simultaneous", "regularizer": "none", "noise": "gaussian", "noise_variance": 1.0,
          "noise_players": "discriminator"}, "noise_players=both"),
        ({"penalty_every": 2, "optimizer": "rmsprop"}, "optimizer=adam"),
        ({"penalty_every": 2, "regularizer": "none"}, "penalty_every=2 would do nothing"),
        ({"penalty_fraction": 0.5, "objective": "wgan-gp"}, "penalty_fraction=0.5 would do nothing"),
    ],
)  # fmt: skip
def test_variants_of_the_algorithm_that_do_not_fit_are_refused(
    changes: dict[str, Setting], complaint: str
) -> None:
    with pytest.raises(UsageError, match=complaint):
        BASE.with_changes(changes)


class FlopCounter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts operations of convolutions and matrix products; torch's own counter would add hooks."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.total = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        if func._overloadpacket in flop_registry:
            self.total += flop_registry[func._overloadpacket](*args, **(kwargs or {}), out_val=out)
        return out


# Work, in passes of one batch through the discriminator: a forward pass is 1. Counted, so free of noise.
WIDE: dict[str, Callable[[], nn.Module]] = {
    "none": lambda: DCGANDiscriminator(image_size=32, channels=1, width=16, normalization="none"),
    "batch": lambda: DCGANDiscriminator(image_size=32, channels=1, width=16),
    "tanh mlp": lambda: MLP((1, 64, 64, 64, 1)),
}


def passes(kind: str, route: Route, gamma: float, **changes: Setting) -> float:
    """Floating-point operations of one update's gradient, divided by those of one batch's forward pass."""
    network = WIDE[kind]()
    shape = (16, 1) if kind == "tanh mlp" else (16, 1, 32, 32)
    real, fake = torch.randn(shape), torch.randn(shape)
    chosen = BASE.with_changes(changes)
    with FlopCounter() as forward, torch.no_grad():
        network(real)
    with FlopCounter() as update:
        add_gradients(network, route, chosen, real=real, fake=fake, gamma=gamma, update=0, processes=ALONE)
    return float(update.total / forward.total)


@pytest.mark.parametrize(("kind", "closed"), [("none", 8), ("batch", 12), ("tanh mlp", 12)])
def test_passes_of_each_method(kind: str, closed: float) -> None:
    """Of both batches together; not whole numbers, since the first layer's part of a pass differs."""
    route = route_of(WIDE[kind]())
    unregularized, ours, double = (
        passes(kind, route, 0.0),
        passes(kind, route, 0.5),
        passes(kind, Route(), 0.5),
    )
    assert unregularized == pytest.approx(6, rel=0.02)
    assert passes(kind, Route(), 0.0) == unregularized
    assert ours == pytest.approx(closed, rel=0.02)
    assert double >= 0.99 * 12
    assert passes(kind, route, 0.5, penalty_every=4) == unregularized
    f_gan = passes(kind, route, 0.5, objective="kl")  # no term over the reals
    assert f_gan == pytest.approx(3 + closed / 2, rel=0.03)
    assert f_gan <= 1.01 * passes(kind, Route(), 0.5, objective="kl")
    if kind != "batch":
        part = passes(kind, route, 0.5, penalty_fraction=0.25)
        assert part == pytest.approx(0.25 * ours + 0.75 * unregularized, rel=0.01)


def test_work_of_a_regularized_step() -> None:
    """dcgan32 without normalization: 4g + 10d against 4g + 8d unregularized, simultaneous 3g + 8d."""

    def work(**changes: Setting) -> float:
        chosen = recipe("cifar10-dcgan").with_changes(
            {"width": 8, "batch_size": 4, "normalization": "none", **changes}
        )
        generator = DCGANGenerator(image_size=32, channels=3, width=8, latent_dim=8, normalization="none")
        discriminator = DCGANDiscriminator(image_size=32, channels=3, width=8, normalization="none")
        pair = Players(
            generator=generator, discriminator=discriminator, route=route_of(discriminator),
            generator_optimizer=make_optimizer(generator, chosen),
            discriminator_optimizer=make_optimizer(discriminator, chosen),
        )  # fmt: skip
        real, latents, gamma = torch.randn(4, 3, 32, 32), torch.randn(4, 8), chosen.gamma
        with FlopCounter() as counter:
            if chosen.update == "simultaneous":
                simultaneous_step(Step(pair, chosen, gamma=gamma, update=0), real=real, latents=latents)
            else:
                discriminator_step(Step(pair, chosen, gamma=gamma, update=0), real=real, latents=latents)
                generator_step(Step(pair, chosen, gamma=gamma, update=0), latents=latents)
        return float(counter.total)

    plain = work(regularizer="none")
    assert work() / plain == pytest.approx(14 / 12, rel=0.1) and work() / plain <= 1.25
    simultaneous = work(update="simultaneous")
    assert simultaneous / plain == pytest.approx(11 / 12, rel=0.1) and simultaneous < plain


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"normalization": "none"}, "closed form: four passes"),
        ({}, "closed form: six passes"),
        ({"normalization": "layer"}, "double backward"),
        ({"regularizer": "none"}, "one backward pass"),
        ({"objective": "wgan-gp"}, "through interpolates"),
    ],
)
def test_training_reports_the_method(tmp_path: Path, changes: dict[str, Setting], words: str) -> None:
    notes: list[str] = []
    train(small("digits", steps=1, **changes), tmp_path, device="cpu", note=notes.append)
    assert any(words in line for line in notes), notes
