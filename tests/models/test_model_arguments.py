"""What networks refuse by name, and how recipes reach them."""

from __future__ import annotations

from inspect import signature
from pathlib import Path
from typing import Any

import pytest
from torch import nn

from gancross import models
from gancross.checkpoint.file import load_contestant
from gancross.errors import UsageError
from gancross.models.architectures import LARGEST_ARGUMENT
from gancross.models.network import Network
from gancross.trainer.loop import train
from gancross.trainer.recipes.fields import Setting
from gancross.trainer.recipes.named_recipes import recipe
from gancross.trainer.recipes.recipe import Recipe

IMAGES: dict[str, Any] = {"image_size": 64, "channels": 3, "width": 4}
BOTH: dict[str, Any] = {"channels": 3, "width": 4}
FITTING: dict[str, Any] = {
    "sample_shape": (3, 64, 64), "latent_dim": 4, "width": 4, "normalization": "batch", "activation": "relu",
}  # fmt: skip


def test_checkpoints_from_before_these_networks_still_fit() -> None:
    sizes = {"image_size": 32, "channels": 3, "width": 16, "normalization": "batch", "bottom": 2}
    pair = models.pair("dcgan32", models.PairSettings(**FITTING | {"sample_shape": (3, 32, 32), "width": 16}))
    assert [architecture.arguments for architecture in pair] == [sizes | {"latent_dim": 4}, sizes]
    vectors = FITTING | {"sample_shape": (3,), "normalization": "none", "activation": "tanh"}
    mixture = models.pair("mlp", models.PairSettings(**vectors))
    assert [each.arguments for each in mixture] == [{"sizes": (4, 4, 4, 3)}, {"sizes": (3, 4, 4, 1)}]
    written = {key: value for key, value in recipe("cifar10-dcgan").to_dict().items() if key != "activation"}
    assert Recipe.from_dict(written) == recipe("cifar10-dcgan")


def test_a_recipe_reaches_its_networks(tmp_path: Path) -> None:
    changes: dict[str, Setting] = {
        "width": 4,
        "steps": 2,
        "batch_size": 8,
        "normalization": "layer",
        "activation": "tanh",
    }
    contestant = load_contestant(train(recipe("digits").with_changes(changes), tmp_path, device="cpu"))
    generator, discriminator = contestant.generator, contestant.discriminator
    assert generator is not None and discriminator is not None
    kinds = [{type(module) for module in network.modules()} for network in (generator, discriminator)]
    assert [nn.GroupNorm in kind for kind in kinds] == [False, True]
    assert not (kinds[0] | kinds[1]) & {nn.ReLU, nn.LeakyReLU}


@pytest.mark.parametrize(("name", "arguments", "named"), [
    ("dcgan-discriminator", IMAGES | {"normalization": "instance"}, "normalization"),
    ("dcgan-discriminator", IMAGES | {"activation": "swish"}, "activation"),
    ("dcgan-discriminator", IMAGES | {"initialization": "orthogonal"}, "initialization"),
    ("dcgan-discriminator", IMAGES | {"image_size": 48}, "image_size"),
    ("dcgan-discriminator", IMAGES | {"bottom": 64}, "image_size"),
    ("dcgan-discriminator", IMAGES | {"image_size": "64"}, "image_size"),
    ("dcgan-discriminator", IMAGES | {"width": (4, 4)}, "width"),
    ("dcgan-discriminator", IMAGES | {"width": True}, "width"),
    ("dcgan-discriminator", IMAGES | {"normalization": 1}, "normalization"),
    ("dcgan-discriminator", IMAGES | {"normalization": "x" * 65}, "normalization"),
    ("dcgan-discriminator", IMAGES | {"filters": "constant"}, "filters"),
    ("dcgan-generator", IMAGES | {"latent_dim": 4, "filters": "shrinking"}, "filters"),
    ("dcgan-generator", IMAGES | {"latent_dim": 0}, "latent_dim"),
    ("dcgan-generator", IMAGES, "latent_dim"),
    ("gated-generator", IMAGES | {"latent_dim": 4, "normalization": "instance"}, "normalization"),
    ("mlp-generator", IMAGES | {"latent_dim": 4, "activation": "swish"}, "activation"),
    ("mlp", {"sizes": (3,)}, "sizes"),
    ("mlp", {"sizes": 3}, "sizes"),
    ("mlp", {"sizes": (3, "4")}, "sizes"),
    ("mlp", {"sizes": (3,) * 65}, "sizes"),
    ("mlp", {"sizes": (3, 4), "activation": "swish"}, "activation"),
    ("resnet-generator", BOTH | {"latent_dim": 4, "normalization": "instance"}, "normalization"),
    ("resnet-discriminator", BOTH | {"normalization": "instance"}, "normalization"),
    ("resnet-discriminator", BOTH | {"width": LARGEST_ARGUMENT + 1}, "width"),
    ("resnet101-generator", BOTH | {"latent_dim": 4, "width": 6}, "width"),
    ("resnet101-discriminator", BOTH | {"normalization": "instance"}, "normalization"),
    ("mlp", {"sizes": (3, 4), "normalization": "batch"}, "normalization"),
    ("sngan-generator", IMAGES | {"latent_dim": 4, "image_size": 36}, "image_size"),
    ("sngan-discriminator", IMAGES | {"normalization": "instance"}, "normalization"),
    ("resnet32-discriminator", BOTH | {"normalization": "instance"}, "normalization"),
    ("r3gan-generator", IMAGES | {"latent_dim": 4, "width": 8}, "width"),
    ("r3gan-discriminator", IMAGES | {"width": 16, "image_size": 48}, "image_size"),
    ("r3gan-discriminator", IMAGES | {"width": 16, "image_size": 4}, "image_size"),
])  # fmt: skip
def test_wrong_arguments_are_named(name: str, arguments: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        models.skeleton(models.Architecture(name=name, arguments=arguments))


BEYOND_64_BITS = {
    "mlp-generator", "dcgan-generator", "dcgan-discriminator", "gated-generator", "gated-discriminator",
    "sngan-generator",
    "class-norm-generator", "embedding-generator", "projection-discriminator", "acgan-discriminator",
    "conditional-mnist-generator", "conditional-mnist-discriminator",
}  # fmt: skip


@pytest.mark.parametrize("name", [name for name in models.ARCHITECTURES if name != "mlp"])
def test_the_largest_arguments_cost_no_memory(name: str) -> None:
    arguments: dict[str, models.Argument] = {"channels": LARGEST_ARGUMENT, "width": LARGEST_ARGUMENT}
    parameters = signature(models.ARCHITECTURES[name]).parameters
    others = [key for key in ("latent_dim", "image_size", "num_classes") if key in parameters]
    arguments |= dict.fromkeys(others, LARGEST_ARGUMENT)
    architecture = models.Architecture(name=name, arguments=arguments)
    if name in BEYOND_64_BITS:
        with pytest.raises(ValueError, match="too large"):
            models.skeleton(architecture)
    else:
        assert all(value.is_meta for value in models.skeleton(architecture).state_dict().values())


@pytest.mark.parametrize(("network", "changes", "named"), [
    ("dcgan128", {}, "dcgan128"),
    ("mlp", {}, "choose another network"),
    ("mlp", {"sample_shape": (3,), "normalization": "batch"}, "normalization=none or spectral"),
    ("mlp", {"sample_shape": (3,), "normalization": "spectral-both"}, "normalization=none or spectral"),
    ("mlp64", {"normalization": "spectral-both"}, "normalization=batch or layer or none or spectral$"),
    ("constant-filters64", {"normalization": "spectral-both"}, "has no normalization 'spectral-both'"),
    ("dcgan64", {"normalization": "spectral-batch"}, "unknown normalization"),
    ("r3gan64", {"width": 16}, "normalization=none$"),
    ("r3gan64", {"width": 16, "normalization": "spectral"}, "normalization=none$"),
    ("r3gan64", {"width": 8, "normalization": "none"}, "multiple of 16"),
    ("sngan32", {}, "image_size=32"),
    ("resnet32", {}, "image_size=32"),
    ("resnet32", {"sample_shape": (3, 32, 32), "activation": "tanh"}, "activation=relu"),
    ("dcgan64", {"sample_shape": (3, 32, 32)}, "image_size=64"),
    ("resnet64", {"sample_shape": (3,)}, "choose another network"),
    ("mlp64", {"sample_shape": (3, 64, 32)}, "image_size=64"),
    ("constant-filters64", {"sample_shape": (3, 32, 32)}, "image_size=64"),
    ("dcgan64", {"normalization": "instance"}, "normalization"),
    ("dcgan64", {"activation": "leaky-relu"}, "activation"),
    ("gated64", {"activation": "tanh"}, "activation=relu"),
    ("resnet64", {"activation": "tanh"}, "activation=relu"),
    ("resnet101-64", {"activation": "tanh"}, "activation=relu"),
    ("resnet101-64", {"width": 6}, "multiple of 4"),
])  # fmt: skip
def test_shapes_that_do_not_fit_are_usage_errors(network: str, changes: dict[str, Any], named: str) -> None:
    with pytest.raises(UsageError, match=named):
        models.pair(network, models.PairSettings(**FITTING | changes))


class Declared(Network, nn.Sequential):
    """A network that declares what its arguments say."""

    architecture_name = "declared"

    def __init__(
        self, *, sample_shape: tuple[int, ...], latent_dim: int = 4, factor: float = 1.0, paths: Any = None
    ) -> None:
        super().__init__(nn.Linear(1, 1))
        self.input_shape, self.output_shape = (latent_dim,), sample_shape


@pytest.mark.parametrize(("fixed", "message"), [
    ({}, r"its discriminator 'declared' maps \(4,\) to \(3, 5, 7\), expected \(3, 5, 7\) to \(1,\)"),
    ({"sample_shape": (3, 9, 9)}, r"samples have shape \(3, 9, 9\), the data have .* set image_size=9"),
    ({"latent_dim": 3}, r"its generator 'declared' maps \(3,\) to .*, expected \(4,\) to"),
    ({"factor": 2}, "argument 'factor': a parameter must be int, str or tuple"),
    ({"paths": (1,)}, "argument 'paths': a parameter must be int, str or tuple"),
    ({"depth": 2}, "unexpected keyword argument 'depth'"),
])  # fmt: skip
def test_a_family_that_does_not_fit_is_one_usage_error(
    monkeypatch: pytest.MonkeyPatch, fixed: dict[str, models.Argument], message: str
) -> None:
    family = models.Family(generator=Declared, discriminator=Declared, generator_arguments=fixed)
    monkeypatch.setitem(models.FAMILIES, "new", family)
    monkeypatch.setitem(models.ARCHITECTURES, "declared", Declared)
    changes = {"sample_shape": (3, 5, 7), "normalization": "none"}
    with pytest.raises(UsageError, match=f"^network 'new': .*{message}"):
        models.pair("new", models.PairSettings(**FITTING | changes))
