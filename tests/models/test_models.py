"""Networks: the authors' parameter counts and initial weights, derivatives, and hostile arguments."""

from __future__ import annotations

import functools
import math
from typing import Any

import pytest
import torch
from reference import layers as reference
from scipy import stats
from torch import nn
from torch.nn.utils.parametrize import ParametrizationList

from gancross import models
from gancross.models import Architecture, Argument, Network, layers
from gancross.models.families import FAMILIES, networks_by_name
from gancross.models.layers import Gate, normalize
from gancross.models.network import Family
from gancross.models.sngan import SLOPE

Form = tuple[str, str, str]  # family, normalization, activation

# Trainable parameters (generator, discriminator) of the authors' networks: width 64, 3 channels, counted
# from the graph of their 64×64 program (128-d latent) and the layer sizes of their 32×32 one (100-d).
AUTHORS_COUNTS: dict[Form, tuple[int, int]] = {
    ("resnet64", "batch", "relu"): (8_540_483, 7_491_841),
    ("dcgan64", "batch", "relu"): (5_364_739, 4_316_545),
    ("dcgan64", "none", "relu"): (5_362_819, 4_314_753),
    ("dcgan64", "batch", "tanh"): (5_364_739, 4_316_545),
    ("dcgan32", "batch", "relu"): (4_514_819, 4_310_401),
    ("constant-filters64", "batch", "relu"): (444_291, 4_316_545),
    ("mlp64", "batch", "relu"): (7_157_760, 4_316_545),
    ("gated64", "batch", "relu"): (10_724_675, 8_624_897),
    ("resnet101-64", "batch", "relu"): (9_189_587, 7_618_801),
}

# Every family in every form it can take.
FORMS: list[Form] = [
    ("mlp", "none", "tanh"), ("mlp", "none", "relu"),
    *((network, normalization, activation)
      for network in ("dcgan8", "dcgan32", "dcgan64", "constant-filters64", "mlp64")
      for normalization in ("batch", "layer", "none", "spectral") for activation in ("relu", "tanh")),
    *((network, normalization, "relu")
      for network in ("gated64", "resnet64", "resnet101-64", "sngan32", "resnet32")
      for normalization in ("batch", "layer", "none", "spectral", "spectral-both")),
    ("mlp", "spectral", "tanh"), ("dcgan32", "spectral-both", "relu"),
    ("r3gan32", "none", "relu"), ("r3gan64", "none", "relu"),
]  # fmt: skip
# One form of every kind of network, for the slower tests.
DERIVED: list[Form] = [
    ("mlp", "none", "tanh"), ("dcgan32", "none", "tanh"), ("dcgan32", "batch", "relu"),
    ("dcgan64", "layer", "relu"), ("constant-filters64", "batch", "relu"), ("mlp64", "none", "relu"),
    ("gated64", "batch", "relu"), ("resnet64", "batch", "relu"), ("resnet64", "layer", "relu"),
    ("resnet101-64", "batch", "relu"), ("mlp", "spectral", "tanh"), ("dcgan32", "spectral-both", "relu"),
    ("sngan32", "spectral", "relu"), ("resnet32", "spectral-both", "relu"), ("r3gan32", "none", "relu"),
    ("r3gan64", "none", "relu"),
]  # fmt: skip
SIZES = {"dcgan8": 8, "dcgan32": 32, "sngan32": 32, "resnet32": 32, "r3gan32": 32}
LATENT_DIM = 5
WIDTH = 4
WIDTHS = {"resnet101-64": 8, "r3gan32": 8, "r3gan64": 16}  # the first: narrower, some branches are dead


def settings(
    form: Form, *, width: int | None = None, channels: int = 2, latent_dim: int = LATENT_DIM
) -> models.PairSettings:
    network, normalization, activation = form
    size = SIZES.get(network, 64)
    return models.PairSettings(
        sample_shape=(3,) if network == "mlp" else (channels, size, size), latent_dim=latent_dim,
        width=width or WIDTHS.get(network, WIDTH), normalization=normalization, activation=activation,
    )  # fmt: skip


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@functools.cache
def architectures(form: Form) -> tuple[Architecture, Architecture]:
    return models.pair(form[0], settings(form))


@functools.cache
def skeletons(form: Form) -> list[Network]:
    return [models.skeleton(architecture) for architecture in architectures(form)]


def networks(form: Form, seed: int = 0) -> list[Network]:
    return [models.initialised(architecture, seeded(seed)) for architecture in architectures(form)]


def test_parameter_counts_are_the_authors() -> None:
    for form, authors in AUTHORS_COUNTS.items():
        latent_dim = 100 if form[0] == "dcgan32" else 128
        pair = models.pair(form[0], settings(form, width=64, channels=3, latent_dim=latent_dim))
        counts = [sum(p.numel() for p in models.skeleton(a).parameters()) for a in pair]
        assert tuple(counts) == authors, form


def test_two_classes_of_one_name_are_refused() -> None:
    class Impostor(Network):
        architecture_name = "mlp"

    families = [FAMILIES["mlp"], Family(generator=FAMILIES["mlp"].generator, discriminator=Impostor)]
    with pytest.raises(ValueError, match="'mlp': MLP and Impostor"):
        networks_by_name(families)


def test_every_pair_is_tested() -> None:
    """The conditional ones in `test_conditional.py`."""
    families = {name for name, family in models.FAMILIES.items() if family.conditional == "none"}
    assert {network for network, _, _ in FORMS} == families
    assert {form[0] for form in DERIVED} >= families - {"dcgan8"}


@pytest.mark.parametrize("form", FORMS, ids="-".join)
def test_networks_take_and_make_what_they_declare(form: Form) -> None:
    generator, discriminator = networks(form)
    samples = generator(torch.randn(3, *generator.input_shape, generator=seeded()))
    assert samples.shape[1:] == generator.output_shape == discriminator.input_shape
    assert samples.shape[1:] == settings(form).sample_shape
    if form[0] != "mlp" and not form[0].startswith("r3gan"):
        assert samples.abs().max() < 1
    scores = discriminator(samples)
    assert scores.shape[1:] == discriminator.output_shape == (1,)
    assert scores.isfinite().all()


@pytest.mark.parametrize(("normalization", "in_generator", "in_discriminator"), [
    ("batch", nn.BatchNorm2d, nn.BatchNorm2d), ("layer", nn.BatchNorm2d, nn.GroupNorm), ("none", None, None),
    ("spectral", nn.BatchNorm2d, None), ("spectral-both", nn.BatchNorm2d, None),
])  # fmt: skip
def test_normalization_follows_the_settings(
    normalization: str, in_generator: type[nn.Module] | None, in_discriminator: type[nn.Module] | None
) -> None:
    for form in FORMS:
        if form[1] == normalization and form[0] not in ("mlp", "constant-filters64", "mlp64"):
            for network, expected in zip(skeletons(form), (in_generator, in_discriminator), strict=True):
                kinds = {type(m) for m in network.modules()} & {nn.BatchNorm2d, nn.GroupNorm, nn.LayerNorm}
                assert kinds == ({expected} if expected else set()), form


def test_activations_follow_the_settings() -> None:
    kinds = {nn.ReLU, nn.LeakyReLU, nn.Tanh}
    for form in FORMS:
        generator, discriminator = (
            {kind for m in n.modules() for kind in kinds if isinstance(m, kind)} for n in skeletons(form)
        )
        if form[2] == "tanh":
            assert generator == discriminator == {nn.Tanh}, form
        elif form[0].startswith(("dcgan", "constant", "mlp")):
            assert (generator - {nn.Tanh}, discriminator) == ({nn.ReLU}, {nn.LeakyReLU}), form


def test_no_layer_hinders_a_second_derivative_or_loses_its_averages() -> None:
    for module in (m for form in FORMS for network in skeletons(form) for m in network.modules()):
        assert not getattr(module, "inplace", False)
        assert not module._forward_hooks
        if isinstance(module, nn.BatchNorm2d):
            assert module.track_running_stats
            assert (module.eps, module.momentum) == (1e-5, 0.1)
        if isinstance(module, nn.LeakyReLU):
            assert module.negative_slope in (0.2, SLOPE)


def uniform(variance: float) -> Any:
    """Uniform distribution around 0 of that variance."""
    bound = math.sqrt(3 * variance)
    return stats.uniform(-bound, 2 * bound)


# Fans by hand: kernel positions times channels, those of the strided side divided by 4.
@pytest.mark.parametrize(("name", "arguments", "path", "expected"), [
    ("mlp", {"sizes": (2, 64, 64, 3)}, "2", stats.truncnorm(-2, 2, scale=0.1)),
    ("dcgan-generator", {"image_size": 32, "latent_dim": 9}, "0", stats.norm(scale=0.02)),
    ("dcgan-discriminator", {"image_size": 32}, "2", stats.norm(scale=0.02)),
    ("dcgan-generator", {"image_size": 64, "latent_dim": 9, "initialization": "uniform"}, "0",
     uniform(0.02**2)),
    ("dcgan-discriminator", {"image_size": 64, "initialization": "uniform"}, "2", uniform(0.02**2)),
    ("dcgan-generator", {"image_size": 64, "bottom": 4, "latent_dim": 9, "initialization": "he-uniform",
                         "filters": "constant", "normalization": "none"}, "3", uniform(4 / (50 + 200))),
    ("mlp-generator", {"image_size": 8, "latent_dim": 9}, "0", uniform(2 / 9)),
    ("mlp-generator", {"image_size": 8, "latent_dim": 9}, "4", uniform(2 / 64)),
    ("mlp-generator", {"image_size": 8, "latent_dim": 9}, "8", uniform(2 / (64 + 192))),
    ("gated-generator", {"image_size": 64, "latent_dim": 16}, "0", uniform(2 / (16 + 2048))),
    ("gated-generator", {"image_size": 64, "latent_dim": 16}, "4", uniform(4 / (400 + 1600))),
    ("gated-discriminator", {"image_size": 64}, "0", uniform(4 / (75 + 100))),
    ("resnet-generator", {"latent_dim": 9}, "0", uniform(2 / (9 + 1024))),
    ("resnet-generator", {"latent_dim": 9}, "3.branch.3", uniform(4 / (576 + 288))),
    ("resnet-generator", {"latent_dim": 9}, "3.shortcut.0", uniform(2 / (64 + 32))),
    ("resnet-generator", {"latent_dim": 9}, "8", uniform(4 / (72 + 27))),
    ("resnet-discriminator", {}, "0", uniform(2 / (27 + 72))),
    ("resnet-discriminator", {}, "6", uniform(2 / (1024 + 1))),
    ("resnet101-generator", {"latent_dim": 9}, "8.shortcut.0", uniform(2 / (64 + 128))),
    ("resnet101-generator", {"latent_dim": 9}, "8.branch.3", uniform(4 / (72 + 144))),
    ("resnet101-discriminator", {}, "13.shortcut.0", uniform(2 / (8 + 4))),
    ("resnet101-discriminator", {}, "20.branch.3", uniform(4 / (72 + 36))),
])  # fmt: skip
def test_initial_weights_follow_the_authors_distribution(
    name: str, arguments: dict[str, Argument], path: str, expected: Any
) -> None:
    sizes: dict[str, Argument] = {} if name == "mlp" else {"channels": 3, "width": 8}
    network = models.initialised(models.Architecture(name=name, arguments=arguments | sizes), seeded(1))
    weights = network.get_parameter(f"{path}.weight").detach().flatten().numpy()
    assert stats.kstest(weights, expected.cdf).pvalue > 1e-3
    assert abs(weights).max() <= expected.ppf(1) * (1 + 1e-6)


def test_biases_and_normalization_start_neutral() -> None:
    for network in (network for form in DERIVED for network in networks(form)):
        for path, value in network.state_dict().items():
            if path.endswith(("bias", "running_mean", "num_batches_tracked")):
                assert not value.any(), path
            if path.endswith("running_var") or (path.endswith("weight") and value.ndim == 1):
                assert (value == 1).all(), path


def test_reset_is_a_function_of_the_generators_state() -> None:
    before = torch.random.get_rng_state()
    for form in DERIVED:
        for network, same, different in zip(
            networks(form), networks(form), networks(form, seed=1), strict=True
        ):
            first = {path: value.clone() for path, value in network.state_dict().items()}
            assert all(torch.equal(first[path], value) for path, value in same.state_dict().items())
            for path, value in network.named_parameters():
                same_for_all_seeds = value.ndim == 1 or not value.any()
                assert torch.equal(value, different.get_parameter(path)) == same_for_all_seeds, path
            for value in network.state_dict().values():
                value.fill_(7)
            network.reset(seeded())
            assert all(torch.equal(first[path], value) for path, value in network.state_dict().items())
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize("form", DERIVED, ids="-".join)
def test_every_parameter_gets_a_gradient(form: Form) -> None:
    generator, discriminator = networks(form)
    with torch.no_grad():
        for value in [*generator.parameters(), *discriminator.parameters()]:
            if value.ndim > 1 and not value.any():  # the last weights of R3GAN's branches hide the others
                value.normal_(std=0.1, generator=seeded())
    samples = generator(torch.randn(4, LATENT_DIM, generator=seeded()))
    discriminator(samples).square().sum().backward()
    for network in (generator, discriminator):
        for path, value in network.named_parameters():
            assert value.grad is not None, path
            assert value.grad.isfinite().all(), path
            # A bias before batch norm is undone by it; nothing else may be without effect.
            assert value.grad.any() or path.endswith("bias"), path


@pytest.mark.parametrize("form", DERIVED, ids="-".join)
def test_squared_input_gradients_are_differentiable(form: Form) -> None:
    """d/dθ Σ‖∇ₓ Σ network(x)²‖² along a random direction against a central difference in float64."""
    generator, discriminator = (network.double() for network in networks(form))
    for module in [*generator.modules(), *discriminator.modules()]:
        if isinstance(module, ParametrizationList):
            module.eval()  # σ is a function of the weights alone while its vectors stand still
    latents = torch.randn(3, LATENT_DIM, generator=seeded(), dtype=torch.float64)
    for network, inputs in ((generator, latents), (discriminator, generator(latents).detach())):
        inputs.requires_grad_(True)
        parameters = list(network.parameters())
        randoms = seeded(2)
        direction = [
            torch.randn(p.shape, generator=randoms, dtype=p.dtype) * p.detach().std(correction=0)
            for p in parameters
        ]

        def penalty(network: nn.Module = network, inputs: torch.Tensor = inputs) -> torch.Tensor:
            outputs = network(inputs).square().sum()
            (gradient,) = torch.autograd.grad(outputs, inputs, create_graph=True)
            return gradient.square().sum()

        gradients = torch.autograd.grad(penalty(), parameters, allow_unused=True)
        slope = sum(float((g * d).sum()) for g, d in zip(gradients, direction, strict=True) if g is not None)
        values = []
        for offset in (1e-9, -2e-9):  # so near that no ReLU changes sides
            torch._foreach_add_([p.data for p in parameters], direction, alpha=offset)
            values.append(penalty().item())
        assert slope == pytest.approx((values[0] - values[1]) / 2e-9, rel=1e-4)


def test_layer_norm_is_its_formula() -> None:
    (layer,) = normalize(3, "layer")
    layer.double()
    generator = seeded()
    features = 5 * torch.randn(2, 3, 4, 2, generator=generator, dtype=torch.float64) + 1
    weight, bias = layer.get_parameter("weight"), layer.get_parameter("bias")
    for parameter in (weight, bias):
        nn.init.normal_(parameter, generator=generator)
    expected = reference.layer_norm(features.tolist(), weight.tolist(), bias.tolist(), 1e-5)
    torch.testing.assert_close(layer(features), torch.tensor(expected, dtype=torch.float64))


def test_gate_is_its_formula() -> None:
    features = torch.randn(2, 6, 3, 2, generator=seeded(), dtype=torch.float64)
    torch.testing.assert_close(
        Gate()(features), torch.tensor(reference.gate(features.tolist()), dtype=torch.float64)
    )


@pytest.mark.parametrize("form", DERIVED, ids="-".join)
def test_weights_go_through_a_skeleton_and_back(form: Form) -> None:
    for architecture in architectures(form):
        original = models.initialised(architecture, seeded())
        inputs = torch.randn(2, *original.input_shape, generator=seeded())
        original(inputs)  # moves the running averages
        copy = models.skeleton(architecture)
        assert {value.device.type for value in copy.state_dict().values()} == {"meta"}
        copy.load_state_dict(original.state_dict(), strict=True, assign=True)
        assert torch.equal(original.eval()(inputs), copy.eval()(inputs))


def test_the_fast_tanh_is_tanh_and_can_be_differentiated_twice() -> None:
    inputs = torch.linspace(-12, 12, 97)
    assert (layers.Tanh()(inputs) - torch.tanh(inputs)).abs().max() <= 2 * torch.finfo(torch.float32).eps
    exact = torch.linspace(-4, 4, 9, dtype=torch.float64, requires_grad=True)
    torch.testing.assert_close(layers.Tanh()(exact), torch.tanh(exact))
    assert torch.autograd.gradcheck(layers.Tanh(), (exact,))
    assert torch.autograd.gradgradcheck(layers.Tanh(), (exact,))
