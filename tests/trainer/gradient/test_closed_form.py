"""The closed form against double backward in float64, layer by layer and for every objective."""

from __future__ import annotations

import pytest
import torch
from small_recipes import small
from torch import nn

from gancross.divergences import DIVERGENCES
from gancross.errors import UsageError
from gancross.models.dcgan import DCGANDiscriminator
from gancross.models.layers import Scale
from gancross.models.mlp import MLP
from gancross.models.resnet import ResNetDiscriminator
from gancross.models.resnet101 import ResNet101Discriminator
from gancross.trainer.gradient.closed_form import add_gradients, known
from gancross.trainer.gradient.route import Route
from gancross.trainer.objective.objectives import OBJECTIVES
from gancross.trainer.objective.regularizers import noise_induced, scored
from gancross.trainer.objective.weightings import JENSEN_SHANNON

LOSS = OBJECTIVES["js-logit"].discriminator_loss


def pools() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=2, dilation=2), nn.LeakyReLU(0.1), nn.MaxPool2d(3, 2, padding=1),
        nn.Conv2d(8, 8, 3, padding=1, groups=2, bias=False), nn.ReLU(), nn.AvgPool2d(3, 2, 1), Scale(0.3),
        nn.Flatten(), nn.Linear(32, 8, bias=False), nn.Unflatten(1, (2, 2, 2)), nn.Flatten(), nn.ReLU(),
        nn.Linear(8, 1),
    )  # fmt: skip


NETWORKS = {
    "dcgan": (
        lambda: DCGANDiscriminator(image_size=16, channels=3, width=4, normalization="none"),
        (3, 16, 16),
    ),
    "relu": (
        lambda: DCGANDiscriminator(
            image_size=8, channels=1, width=4, normalization="none", activation="relu"
        ),
        (1, 8, 8),
    ),
    "resnet": (lambda: ResNetDiscriminator(channels=3, width=2, normalization="none"), (3, 64, 64)),
    "mlp": (lambda: MLP((3, 16, 16, 1), "leaky-relu"), (3,)),
    "pools": (pools, (3, 16, 16)),
    "resnet101": (lambda: ResNet101Discriminator(channels=3, width=4, normalization="none"), (3, 64, 64)),
    "tanh mlp": (lambda: MLP((3, 16, 16, 1)), (3,)),
    "torch's tanh": (lambda: nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.ReLU(), nn.Linear(8, 1)), (3,)),
    "tanh dcgan": (
        lambda: DCGANDiscriminator(
            image_size=8, channels=1, width=4, normalization="none", activation="tanh"
        ),
        (1, 8, 8),
    ),
    "batch norm": (lambda: DCGANDiscriminator(image_size=16, channels=3, width=4), (3, 16, 16)),
    "batch norm, tanh": (
        lambda: DCGANDiscriminator(image_size=8, channels=1, width=4, activation="tanh"), (1, 8, 8)
    ),
    "batch norm of vectors": (
        lambda: nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, 1)), (3,)
    ),
    "batch norm, resnet": (lambda: ResNetDiscriminator(channels=3, width=2), (3, 64, 64)),
    "batch norm, resnet101": (lambda: ResNet101Discriminator(channels=3, width=4), (3, 64, 64)),
}  # fmt: skip
COUPLED = [name for name in NETWORKS if name.startswith("batch norm")]


def double_backward(network, real, fake, loss, weights, gamma):
    network.zero_grad()
    scores_real, penalty_real = scored(network, real, weights.real)
    scores_fake, penalty_fake = scored(network, fake, weights.fake)
    penalty = penalty_real + penalty_fake
    (loss(real=scores_real, fake=scores_fake) + gamma / 2 * penalty).backward()
    return penalty, [parameter.grad.clone() for parameter in network.parameters()]


def closed(network, real, fake, loss, weights, gamma):
    network.zero_grad()
    found = add_gradients(network, real=real, fake=fake, loss=loss, weights=weights, gamma=gamma)
    return found, [parameter.grad.clone() for parameter in network.parameters()]


def made(name, n_real=5, n_fake=5):
    torch.manual_seed(0)
    make, shape = NETWORKS[name]
    network = make().double()
    with torch.no_grad():  # initial weights are so small that the penalty would hide in rounding
        for parameter in network.parameters():
            parameter.normal_(std=0.3)
    return network, torch.randn(n_real, *shape).double(), torch.randn(n_fake, *shape).double()


def assert_equal(found, expected):
    # A bias before batch norm has no influence: its gradient is rounding on both sides.
    rounding = 1e-13 * float(torch.stack([other.norm() for other in expected]).norm())
    for one, other in zip(found, expected, strict=True):
        assert float((one - other).norm()) <= 1e-10 * float(other.norm()) + rounding


@pytest.mark.parametrize("gamma", [0.0, 0.1, 5.0])
@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_are_those_of_double_backward(name, gamma):
    network, real, fake = made(name)
    assert known(network) is not None
    penalty, expected = double_backward(network, real, fake, LOSS, JENSEN_SHANNON, gamma)
    found, gradients = closed(network, real, fake, LOSS, JENSEN_SHANNON, gamma)
    assert_equal(gradients, expected)
    assert found.penalty.item() == pytest.approx(penalty.item(), rel=1e-12)
    assert torch.allclose(found.real, network(real).flatten(), rtol=1e-12)
    fake.requires_grad_(True)
    (gradient,) = torch.autograd.grad(network(fake).sum(), fake)
    if name in COUPLED:
        assert found.gradient_fake is None
    else:
        assert torch.allclose(found.gradient_fake, gradient, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("objective", [*DIVERGENCES, "js-logit"])
def test_every_objective_with_its_own_regularizer(objective):
    network, real, fake = made("dcgan", n_real=4, n_fake=6)
    weights = noise_induced("jensen-shannon" if objective == "js-logit" else "f-divergence", objective)
    loss = OBJECTIVES[objective].discriminator_loss
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(0.5)  # exponentials of large scores would leave no digits to compare
    _, expected = double_backward(network, real, fake, loss, weights, 0.7)
    _, gradients = closed(network, real, fake, loss, weights, 0.7)
    assert_equal(gradients, expected)


def test_gradients_are_added_and_frozen_parameters_left_alone():
    network, real, fake = made("mlp")
    _, once = closed(network, real, fake, LOSS, JENSEN_SHANNON, 0.1)
    add_gradients(network, real=real, fake=fake, loss=LOSS, weights=JENSEN_SHANNON, gamma=0.1)
    assert_equal([parameter.grad for parameter in network.parameters()], [2 * gradient for gradient in once])
    network.zero_grad()
    network[0].weight.requires_grad_(False)
    add_gradients(network, real=real, fake=fake, loss=LOSS, weights=JENSEN_SHANNON, gamma=0.1)
    assert network[0].weight.grad is None and network[2].weight.grad is not None


@pytest.mark.parametrize(
    "network",
    [
        nn.Sequential(nn.Linear(3, 3), nn.GELU(), nn.Linear(3, 1)),
        nn.Sequential(nn.BatchNorm1d(3, affine=False)),
        nn.Sequential(nn.BatchNorm1d(3, momentum=None)),
        nn.Sequential(nn.BatchNorm1d(3)).eval(),
        DCGANDiscriminator(image_size=8, channels=1, width=4, normalization="layer"),
        nn.Sequential(nn.Conv2d(3, 3, 3, padding=1, padding_mode="reflect")),
        nn.Sequential(nn.Conv2d(3, 3, 3, padding="same")),
        nn.Sequential(nn.utils.parametrizations.spectral_norm(nn.Linear(3, 1))),
        nn.Sequential(nn.Dropout()),
    ],
)
def test_what_is_not_on_the_list_is_refused(network):
    assert known(network) is None
    with pytest.raises(UsageError, match="closed form"):
        add_gradients(
            network,
            real=torch.zeros(2, 3),
            fake=torch.zeros(2, 3),
            loss=LOSS,
            weights=JENSEN_SHANNON,
            gamma=1.0,
        )


def test_layers_with_hooks_and_subclasses_might_do_anything():
    hooked = nn.Sequential(nn.Linear(3, 1))
    hooked[0].register_forward_hook(lambda *_: None)

    class Mine(nn.Linear):
        pass

    assert known(hooked) is None and known(nn.Sequential(Mine(3, 1))) is None


@pytest.mark.parametrize("changes", [{"normalization": "none"}, {}, {"activation": "tanh"}])
def test_training_takes_the_path_by_itself_and_stays_where_double_backward_would(
    tmp_path, monkeypatch, changes
):
    """Five steps with either path from the same start end in the same weights but for rounding."""
    from gancross.checkpoint.file import load
    from gancross.trainer import state
    from gancross.trainer.loop import train

    recipe = small("digits", gamma=0.5, steps=5, **changes)
    ours = load(train(recipe, tmp_path / "closed", device="cpu"))
    monkeypatch.setattr(state, "route_of", lambda network: Route())
    theirs = load(train(recipe, tmp_path / "double", device="cpu"))
    for key, weight in theirs.discriminator_state.items():
        if recipe.normalization == "batch" and key.endswith(("bias", "running_mean")):
            continue  # Adam makes whole steps of the rounding that is a bias's gradient before batch norm
        assert torch.allclose(ours.discriminator_state[key], weight, rtol=1e-3, atol=2e-5), key
    assert any(
        not torch.equal(ours.discriminator_state[key], weight)
        for key, weight in theirs.discriminator_state.items()
    ), "both runs took the same path"
