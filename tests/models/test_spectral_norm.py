"""Spectral norm: torch's parametrization, its singular vectors, and when they move."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations
from torch.nn.utils.parametrize import is_parametrized

from gancross import models
from gancross.models.layers import Weighted
from gancross.models.spectral_norm import free_weight, normalize_weights

LAYERS: dict[str, Callable[[], Weighted]] = {
    "linear": lambda: nn.Linear(5, 3),
    "convolution": lambda: nn.Conv2d(4, 6, 3, groups=2),
    "transposed": lambda: nn.ConvTranspose2d(4, 3, 5, 2),
}


def settings(network: str, normalization: str) -> models.PairSettings:
    shape = {"mlp": (3,), "dcgan8": (1, 8, 8)}.get(network, (3, 32, 32))
    return models.PairSettings(
        sample_shape=shape, latent_dim=4, width=4, normalization=normalization, activation="relu"
    )


def networks(network: str, normalization: str, seed: int = 0) -> list[models.Network]:
    pair = models.pair(network, settings(network, normalization))
    return [models.initialised(each, torch.Generator().manual_seed(seed)) for each in pair]


def weighted_layers(network: nn.Module) -> list[Weighted]:
    return [module for module in network.modules() if isinstance(module, Weighted)]


def weight_of(layer: nn.Module) -> torch.Tensor:
    assert isinstance(layer.weight, torch.Tensor)
    return layer.weight


def vectors(network: nn.Module) -> list[torch.Tensor]:
    """Copies of u and v of every layer."""
    return [value.clone() for name, value in network.named_buffers() if name.endswith(("_u", "_v"))]


@pytest.mark.parametrize("kind", LAYERS)
def test_without_storage_it_is_the_same_as_torch_makes(kind: str) -> None:
    expected = parametrizations.spectral_norm(LAYERS[kind]())
    with torch.device("meta"):
        network = nn.Sequential(LAYERS[kind]())
        normalize_weights(network, "spectral")
    layer = network[0]
    assert {value.device.type for value in layer.state_dict().values()} == {"meta"}
    layer.load_state_dict(deepcopy(expected.state_dict()), assign=True)
    ours, torchs = (each.get_submodule("parametrizations.weight.0") for each in (layer, expected))
    assert type(ours) is type(torchs) and type(layer) is not type(LAYERS[kind]())

    def attributes(module: nn.Module) -> dict[str, object]:
        return {name: value for name, value in vars(module).items() if not name.startswith("_")}

    assert attributes(ours) == attributes(torchs)
    for _ in range(3):
        assert torch.equal(weight_of(layer), weight_of(expected))


@pytest.mark.parametrize(
    ("network", "normalization", "in_generator"),
    [
        ("mlp", "spectral", False),
        ("dcgan8", "spectral", False),
        ("sngan32", "spectral", False),
        ("sngan32", "spectral-both", True),
        ("resnet32", "spectral-both", True),
    ],
)
def test_weights_have_the_spectral_norm_1(network: str, normalization: str, in_generator: bool) -> None:
    generator, discriminator = networks(network, normalization)
    assert {is_parametrized(layer) for layer in weighted_layers(generator)} == {in_generator}
    for layer in weighted_layers(discriminator) + (weighted_layers(generator) if in_generator else []):
        assert is_parametrized(layer, "weight")
        transposed = isinstance(layer, nn.ConvTranspose2d)

        def norm(weight: torch.Tensor, transposed: bool = transposed) -> float:
            matrix = (weight.transpose(0, 1) if transposed else weight).flatten(1)
            return float(torch.linalg.matrix_norm(matrix, ord=2))

        with torch.no_grad():
            free_weight(layer).mul_(3)
            start = norm(layer.weight)
            for _ in range(300):
                weight = layer.weight
        assert 1 <= start * (1 + 1e-5) < 1.2  # 15 iterations underestimate σ a little
        assert norm(weight) == pytest.approx(1, rel=2e-3)


@pytest.mark.parametrize("family", ["sngan32", "dcgan8"])
def test_one_iteration_a_training_pass_and_none_in_evaluation(family: str) -> None:
    """u ← Wv/‖Wv‖, v ← Wᵀu/‖Wᵀu‖, W/(uᵀWv) for every layer, by hand."""
    for network in networks(family, "spectral-both"):
        inputs = torch.randn(2, *network.input_shape, generator=torch.Generator().manual_seed(1))
        layers, before = weighted_layers(network), vectors(network)
        network.train()(inputs)
        after = vectors(network)
        for layer, v, new_u, new_v in zip(layers, before[1::2], after[0::2], after[1::2], strict=True):
            weight = free_weight(layer).detach()
            matrix = (weight.transpose(0, 1) if isinstance(layer, nn.ConvTranspose2d) else weight).flatten(1)
            u = matrix @ v / (matrix @ v).norm()
            torch.testing.assert_close(new_u, u)
            torch.testing.assert_close(new_v, matrix.t() @ u / (matrix.t() @ u).norm())
            layer.eval()
            torch.testing.assert_close(layer.weight, weight / (new_u @ matrix @ new_v))
        network.eval()(inputs)
        assert all(torch.equal(value, kept) for value, kept in zip(vectors(network), after, strict=True))


def test_initial_vectors_are_a_function_of_the_generator_and_the_weights_are_as_ever() -> None:
    before = torch.random.get_rng_state()
    _, first = networks("dcgan8", "spectral")
    _, same = networks("dcgan8", "spectral")
    _, other = networks("dcgan8", "spectral", seed=1)
    _, plain = networks("dcgan8", "none")
    for ours, equal, different in zip(vectors(first), vectors(same), vectors(other), strict=True):
        assert torch.equal(ours, equal) and not torch.equal(ours, different)
        assert ours.norm().item() == pytest.approx(1, abs=1e-6)
    assert torch.equal(free_weight(weighted_layers(first)[0]), free_weight(weighted_layers(plain)[0]))
    assert torch.equal(before, torch.random.get_rng_state())
    first.eval().reset(torch.Generator().manual_seed(0))
    assert not any(module.training for module in first.modules())
    assert all(torch.equal(ours, equal) for ours, equal in zip(vectors(first), vectors(same), strict=True))
