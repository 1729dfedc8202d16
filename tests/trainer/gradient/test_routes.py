"""Every way to a discriminator's gradient, and what each costs, counted."""

from __future__ import annotations

import pytest
import torch
from small_recipes import small
from test_closed_form import NETWORKS, assert_equal, made
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from gancross.divergences import DIVERGENCES
from gancross.errors import UsageError
from gancross.machine.distributed import ALONE
from gancross.models.dcgan import DCGANDiscriminator, DCGANGenerator
from gancross.models.mlp import MLP
from gancross.trainer.gradient.route import Route, add_gradients, add_penalty_gradients, route_of
from gancross.trainer.objective.regularizers import f_divergence, jensen_shannon
from gancross.trainer.recipes.paper import recipe
from gancross.trainer.step import Players, discriminator_step, generator_step, optimizer, simultaneous_step

BASE = recipe("mixture").with_changes({"batch_size": 8, "gamma": 0.5})


def found(network, route, chosen, real, fake, gamma=None):
    network.zero_grad()
    gamma = chosen.gamma if gamma is None else gamma
    said = add_gradients(network, route, chosen, real=real, fake=fake, gamma=gamma, update=0, processes=ALONE)
    return said, [parameter.grad.clone() for parameter in network.parameters()]


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("fraction", [1.0, 0.5, 0.1])
def test_a_penalty_on_part_of_the_batch_is_double_backwards_by_either_way(name, fraction):
    network, real, fake = made(name, n_real=6, n_fake=6)
    chosen = BASE.with_changes({"penalty_fraction": fraction})
    known, expected = found(network, Route(), chosen, real, fake)
    said, gradients = found(network, route_of(network), chosen, real, fake)
    assert_equal(gradients, expected)
    assert said.penalty.item() == pytest.approx(known.penalty.item(), rel=1e-12)
    torch.testing.assert_close(said.real, known.real)
    torch.testing.assert_close(said.fake, known.fake)


@pytest.mark.parametrize("name", NETWORKS)
def test_unregularized_batches_share_a_pass_only_where_nothing_couples_them(name):
    network, real, fake = made(name)
    chosen = BASE.with_changes({"regularizer": "none"})
    known, expected = found(network, Route(), chosen, real, fake)
    said, gradients = found(network, route_of(network), chosen, real, fake)
    assert_equal(gradients, expected)
    assert said.penalty is None and known.penalty is None
    assert route_of(network).coupled == name.startswith("batch norm")


@pytest.mark.parametrize("name", ["dcgan", "tanh mlp", "batch norm"])
@pytest.mark.parametrize("closed", [True, False])
@pytest.mark.parametrize("objective", ["js-logit", *DIVERGENCES])
def test_the_lazy_penalty_is_k_times_as_heavy_and_alone(name, closed, objective):
    network, real, fake = made(name)
    chosen = BASE.with_changes({"objective": objective, "penalty_every": 4})
    route = route_of(network) if closed else Route()

    def omega_of():
        if objective == "js-logit":
            return jensen_shannon(network, real, fake)
        return f_divergence(network, fake, objective)

    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(0.5)  # exponentials of large scores would leave no digits to compare
    expected = torch.autograd.grad(
        4 * chosen.gamma / 2 * omega_of(), list(network.parameters()), allow_unused=True
    )
    network.zero_grad()
    averages = {key: value.clone() for key, value in network.named_buffers()}
    omega = add_penalty_gradients(network, route, chosen, real=real, fake=fake, gamma=chosen.gamma)
    assert omega.item() == pytest.approx(omega_of().item())
    got = [parameter.grad for parameter in network.parameters()]
    zeros = [torch.zeros_like(parameter) for parameter in network.parameters()]
    assert_equal(
        [one if one is not None else zero for one, zero in zip(got, zeros, strict=True)],
        [one if one is not None else zero for one, zero in zip(expected, zeros, strict=True)],
    )
    if name == "batch norm":  # Ω by itself, above, moved them, the penalty's own passes did not
        network.load_state_dict(network.state_dict() | averages)
        add_penalty_gradients(network, route, chosen, real=real, fake=fake, gamma=chosen.gamma)
        assert all(torch.equal(value, averages[key]) for key, value in network.named_buffers())


def test_adam_is_adjusted_to_lazy_penalties():
    plain = optimizer(nn.Linear(1, 1), BASE)
    lazy = optimizer(nn.Linear(1, 1), BASE, lazy=4)
    assert lazy.defaults["lr"] == pytest.approx(0.8 * plain.defaults["lr"])
    assert lazy.defaults["betas"] == pytest.approx([beta**0.8 for beta in plain.defaults["betas"]])


def test_lazy_penalties_come_every_kth_update():
    chosen = BASE.with_changes({"penalty_every": 3})
    players = pair("mlp", chosen)
    taken = [
        "penalty" in discriminator_step(
            players, chosen, real=draw(8, 3), latents=draw(8, 2), gamma=0.5, update=update
        )
        for update in range(7)
    ]  # fmt: skip
    assert taken == [False, False, True, False, False, True, False]


def draw(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(7), dtype=torch.float64)


def pair(kind, chosen, generator_norm="batch"):
    torch.manual_seed(1)
    generator, discriminator = (
        (MLP((2, 8, 3)), MLP((3, 8, 8, 1))) if kind == "mlp" else
        (
            DCGANGenerator(image_size=8, channels=1, width=4, latent_dim=2, normalization=generator_norm),
            DCGANDiscriminator(image_size=8, channels=1, width=4, normalization=kind),
        )
    )  # fmt: skip
    for network in (generator.double(), discriminator.double()):
        for parameter in network.parameters():
            nn.init.normal_(parameter, std=0.3)
    return Players(
        generator=generator, discriminator=discriminator, route=route_of(discriminator),
        generator_optimizer=optimizer(generator, chosen),
        discriminator_optimizer=optimizer(discriminator, chosen, lazy=chosen.penalty_every),
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["mlp", "none", "batch", "layer"])
@pytest.mark.parametrize("changes", [{}, {"gamma": 0.0}, {"penalty_every": 2}, {"penalty_fraction": 0.5},
                                     {"generator_loss": "saturating"}, {"objective": "kl"}])  # fmt: skip
def test_simultaneous_gradients_are_those_of_two_passes_at_the_same_weights(kind, changes):
    chosen = BASE.with_changes({"update": "simultaneous", **changes})
    plain = chosen.with_changes({"update": "alternating", "penalty_every": 1})
    shape = (8, 3) if kind == "mlp" else (8, 1, 8, 8)
    together, apart = pair(kind, chosen), pair(kind, plain)
    options = {"latents": draw(8, 2), "gamma": chosen.gamma, "measure": True}
    said_g = generator_step(apart, plain, update=0, **options)
    gradient_g = [parameter.grad.clone() for parameter in apart.generator.parameters()]
    apart = pair(kind, plain)  # neither player has moved
    update = 0
    gamma_d = 0.0 if "penalty_every" in changes else chosen.gamma  # between two lazy penalties
    said_d = discriminator_step(
        apart, plain, real=draw(*shape), update=update, **options | {"gamma": gamma_d}
    )
    gradient_d = [parameter.grad.clone() for parameter in apart.discriminator.parameters()]
    said = simultaneous_step(together, chosen, real=draw(*shape), update=update, **options)
    assert_equal([parameter.grad for parameter in together.generator.parameters()], gradient_g)
    assert_equal([parameter.grad for parameter in together.discriminator.parameters()], gradient_d)
    assert ("penalty" in said) != ("penalty_every" in changes)
    for key, value in said.items():
        torch.testing.assert_close(value, (said_g | said_d)[key])


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
def test_variants_of_the_algorithm_that_make_no_sense_are_refused(changes, complaint):
    with pytest.raises(UsageError, match=complaint):
        BASE.with_changes(changes)


class Counter(TorchDispatchMode):
    """Counts floating-point operations of convolutions and matrix products; torch's own uses hooks."""

    total = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        if func._overloadpacket in flop_registry:
            self.total += flop_registry[func._overloadpacket](*args, **(kwargs or {}), out_val=out)
        return out


# Work, in passes of one batch through the discriminator: a forward pass is 1. No machine, no noise.
WIDE = {
    "none": lambda: DCGANDiscriminator(image_size=32, channels=1, width=16, normalization="none"),
    "batch": lambda: DCGANDiscriminator(image_size=32, channels=1, width=16),
    "tanh mlp": lambda: MLP((1, 64, 64, 64, 1)),
}


def passes(kind, route, gamma, **changes):
    """Floating-point operations of one update's gradient, over those of one forward pass of one batch."""
    network = WIDE[kind]()
    shape = (16, 1) if kind == "tanh mlp" else (16, 1, 32, 32)
    real, fake = torch.randn(shape), torch.randn(shape)
    chosen = BASE.with_changes(changes)
    with Counter() as forward, torch.no_grad():
        network(real)
    with Counter() as whole:
        add_gradients(network, route, chosen, real=real, fake=fake, gamma=gamma, update=0, processes=ALONE)
    return whole.total / forward.total


@pytest.mark.parametrize(("kind", "closed"), [("none", 8), ("batch", 12), ("tanh mlp", 12)])
def test_work_of_each_way_in_passes(kind, closed):
    """Both batches together; a first layer's share of a pass makes the difference to whole numbers."""
    route = route_of(WIDE[kind]())
    unregularized, ours, double = (
        passes(kind, route, 0.0),
        passes(kind, route, 0.5),
        passes(kind, Route(), 0.5),
    )
    assert unregularized == pytest.approx(6, rel=0.02)
    assert passes(kind, Route(), 0.0) == unregularized
    assert ours == pytest.approx(closed, rel=0.02)
    assert double >= 0.99 * 12  # what the closed form is to be held against
    assert passes(kind, route, 0.5, penalty_every=4) == unregularized
    f_gan = passes(kind, route, 0.5, objective="kl")  # no term over the reals
    assert f_gan == pytest.approx(3 + closed / 2, rel=0.03)
    assert f_gan <= 1.01 * passes(kind, Route(), 0.5, objective="kl")
    if kind != "batch":
        part = passes(kind, route, 0.5, penalty_fraction=0.25)
        assert part == pytest.approx(0.25 * ours + 0.75 * unregularized, rel=0.01)


def test_a_whole_regularized_step_is_at_most_a_quarter_more_work_and_less_than_none_if_simultaneous():
    """dcgan32 without normalization: 4g + 10d against 4g + 8d, and 3g + 8d."""

    def step(**changes):
        chosen = recipe("cifar10-dcgan").with_changes(
            {"width": 8, "batch_size": 4, "normalization": "none", **changes}
        )
        generator = DCGANGenerator(image_size=32, channels=3, width=8, latent_dim=8, normalization="none")
        discriminator = DCGANDiscriminator(image_size=32, channels=3, width=8, normalization="none")
        players = Players(
            generator=generator, discriminator=discriminator, route=route_of(discriminator),
            generator_optimizer=optimizer(generator, chosen),
            discriminator_optimizer=optimizer(discriminator, chosen),
        )  # fmt: skip
        options = {"latents": torch.randn(4, 8), "gamma": chosen.gamma, "update": 0}
        with Counter() as counter:
            if chosen.update == "simultaneous":
                simultaneous_step(players, chosen, real=torch.randn(4, 3, 32, 32), **options)
            else:
                discriminator_step(players, chosen, real=torch.randn(4, 3, 32, 32), **options)
                generator_step(players, chosen, **options)
        return counter.total

    plain = step(regularizer="none")
    assert step() / plain == pytest.approx(14 / 12, rel=0.1) and step() / plain <= 1.25
    assert (
        step(update="simultaneous") / plain == pytest.approx(11 / 12, rel=0.1)
        and step(update="simultaneous") < plain
    )


def test_the_way_is_told_in_words(tmp_path):
    from gancross.trainer.loop import train

    for changes, words in {
        (("normalization", "none"),): "closed form: four passes",
        (): "closed form: six passes",
        (("normalization", "layer"),): "double backward",
        (("regularizer", "none"),): "one backward pass",
        (("objective", "wgan-gp"),): "through interpolates",
    }.items():
        told: list[str] = []
        chosen = small("digits", steps=1, **dict(changes))
        train(chosen, tmp_path / words.replace(" ", "-"), device="cpu", note=told.append)
        assert any(words in line for line in told), told
