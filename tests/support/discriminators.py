"""Discriminators that the closed form supports, with samples; and comparison of gradients."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import nn

from gancross.machine.distributed import ALONE
from gancross.models.dcgan import DCGANDiscriminator
from gancross.models.layers import Activation, Normalization, Scale
from gancross.models.mlp import MLP
from gancross.models.r3gan import R3GANDiscriminator
from gancross.models.resnet import ResNet101Discriminator, ResNetDiscriminator
from gancross.models.sngan import ResNet32Discriminator, SNGANDiscriminator
from gancross.trainer.gradient.closed_form import DiscriminatorPass
from gancross.trainer.gradient.route import Route, add_gradients
from gancross.trainer.recipes.named_recipes import recipe
from gancross.trainer.recipes.recipe import Recipe

BASE = recipe("mixture").with_changes({"batch_size": 8, "gamma": 0.5})


def pools() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=2, dilation=2), nn.LeakyReLU(0.1), nn.MaxPool2d(3, 2, padding=1),
        nn.Conv2d(8, 8, 3, padding=1, groups=2, bias=False), nn.ReLU(), nn.AvgPool2d(3, 2, 1), Scale(0.3),
        nn.Flatten(), nn.Linear(32, 8, bias=False), nn.Unflatten(1, (2, 2, 2)), nn.Flatten(), nn.ReLU(),
        nn.Linear(8, 1),
    )  # fmt: skip


def dcgan(
    size: int, channels: int, normalization: Normalization, activation: Activation = "leaky-relu"
) -> nn.Module:
    return DCGANDiscriminator(
        image_size=size, channels=channels, width=4, normalization=normalization, activation=activation
    )


NETWORKS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {  # with the shape of a sample
    "dcgan": (lambda: dcgan(16, 3, "none"), (3, 16, 16)),
    "relu": (lambda: dcgan(8, 1, "none", "relu"), (1, 8, 8)),
    "resnet": (lambda: ResNetDiscriminator(channels=3, width=2, normalization="none"), (3, 64, 64)),
    "mlp": (lambda: MLP((3, 16, 16, 1), "leaky-relu"), (3,)),
    "pools": (pools, (3, 16, 16)),
    "resnet101": (lambda: ResNet101Discriminator(channels=3, width=4, normalization="none"), (3, 64, 64)),
    "tanh mlp": (lambda: MLP((3, 16, 16, 1)), (3,)),
    "torch's tanh": (lambda: nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.ReLU(), nn.Linear(8, 1)), (3,)),
    "tanh dcgan": (lambda: dcgan(8, 1, "none", "tanh"), (1, 8, 8)),
    "batch norm": (lambda: dcgan(16, 3, "batch"), (3, 16, 16)),
    "batch norm, tanh": (lambda: dcgan(8, 1, "batch", "tanh"), (1, 8, 8)),
    "batch norm of vectors": (
        lambda: nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, 1)), (3,)
    ),
    "sngan": (lambda: SNGANDiscriminator(image_size=8, channels=3, width=2, normalization="none"), (3, 8, 8)),
    "resnet32": (lambda: ResNet32Discriminator(channels=3, width=4, normalization="none"), (3, 32, 32)),
    "r3gan": (lambda: R3GANDiscriminator(image_size=8, channels=3, width=8), (3, 8, 8)),
    "batch norm, resnet32": (
        lambda: ResNet32Discriminator(channels=3, width=4, normalization="batch"), (3, 32, 32)
    ),
    "batch norm, resnet": (lambda: ResNetDiscriminator(channels=3, width=2), (3, 64, 64)),
    "batch norm, resnet101": (lambda: ResNet101Discriminator(channels=3, width=4), (3, 64, 64)),
}  # fmt: skip
COUPLED = [name for name in NETWORKS if name.startswith("batch norm")]


def network_and_samples(
    name: str, n_real: int = 5, n_fake: int = 5
) -> tuple[nn.Module, torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    build, shape = NETWORKS[name]
    network = build().double()
    with torch.no_grad():  # initial weights are so small that rounding would hide the penalty
        for parameter in network.parameters():
            parameter.normal_(std=0.3)
    return network, torch.randn(n_real, *shape).double(), torch.randn(n_fake, *shape).double()


def gradients(module: nn.Module) -> list[torch.Tensor]:
    """Copies of the gradients of all parameters that have one."""
    return [parameter.grad.clone() for parameter in module.parameters() if parameter.grad is not None]


def route_gradients(
    network: nn.Module, route: Route, chosen: Recipe, real: torch.Tensor, fake: torch.Tensor,
    gamma: float | None = None,
) -> tuple[DiscriminatorPass, list[torch.Tensor]]:  # fmt: skip
    """What `add_gradients` returns and the gradients that it adds."""
    network.zero_grad()
    gamma = chosen.gamma if gamma is None else gamma
    result = add_gradients(
        network, route, chosen, real=real, fake=fake, gamma=gamma, update=0, processes=ALONE
    )
    return result, gradients(network)


def assert_close_gradients(actual: Sequence[torch.Tensor], expected: Sequence[torch.Tensor]) -> None:
    # A bias before batch norm has no influence: its gradient is rounding on both sides.
    rounding = 1e-13 * float(torch.stack([gradient.norm() for gradient in expected]).norm())
    for ours, reference in zip(actual, expected, strict=True):
        assert float((ours - reference).norm()) <= 1e-10 * float(reference.norm()) + rounding
