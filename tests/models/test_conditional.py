"""Conditional networks: batch norm by class, projection, the authors' counts, and which labels they take."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from gancross import models
from gancross.errors import UsageError
from gancross.models.conditional import (
    ConditionalBatchNorm2d,
    GivenLabels,
    OneClass,
    Projection,
    with_classes,
)
from gancross.models.families import FAMILIES

CONDITIONAL = [name for name, family in FAMILIES.items() if family.conditional != "none"]
SIZES = {"projection8": 8, "projection32": 32, "acgan8": 8, "acgan32": 32, "conditional-dcgan28": 28,
         "conditional-dcgan8": 8, "projection64": 64}  # fmt: skip
CLASSES = 5


def settings(network: str, **changes: object) -> models.PairSettings:
    size = SIZES.get(network)
    values: dict[str, object] = {
        "sample_shape": (3,) if size is None else (2, size, size), "latent_dim": 4, "width": 4,
        "normalization": "none" if network.startswith("projection") else "batch",
        "activation": "relu", "num_classes": CLASSES,
    }  # fmt: skip
    return models.PairSettings(**(values | changes))  # type: ignore[arg-type]


def pair(network: str, seed: int = 0, **changes: object) -> list[models.Network]:
    generator = torch.Generator().manual_seed(seed)
    return [
        models.initialised(architecture, generator)
        for architecture in models.pair(network, settings(network, **changes))
    ]


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def scores(discriminator: models.Network, samples: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    given = [] if discriminator.num_classes is None else [labels]
    output: torch.Tensor = discriminator(samples, *given)
    return output


@pytest.mark.parametrize("network", CONDITIONAL)
def test_a_pair_takes_and_makes_what_it_declares(network: str) -> None:
    generator, discriminator = pair(network)
    labels = torch.tensor([0, 4, 2])
    samples = generator(drawn(3, 4), labels)
    assert samples.shape[1:] == generator.output_shape == discriminator.input_shape
    assert scores(discriminator, samples, labels).shape == (3, 1)
    assert generator.num_classes == CLASSES
    takes, classifies = discriminator.num_classes, discriminator.num_classified
    assert (takes, classifies) == ((None, CLASSES) if network.startswith("acgan") else (CLASSES, None))


@pytest.mark.parametrize("network", CONDITIONAL)
def test_weights_are_a_function_of_the_generator_alone(network: str) -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    states = [[network.state_dict() for network in pair(network, seed)] for seed in (3, 3, 4)]
    assert torch.equal(torch.get_rng_state(), before)
    for first, second, other in zip(*states, strict=True):
        assert all(
            tensor.isfinite().all() and torch.equal(tensor, second[key]) for key, tensor in first.items()
        )
        assert not all(torch.equal(tensor, other[key]) for key, tensor in first.items())


@pytest.mark.parametrize("network", CONDITIONAL)
def test_the_label_decides_and_the_label_of_each_sample_alone(network: str) -> None:
    """In evaluation mode a sample depends on its own label; after weights that are not the first ones."""
    generator, discriminator = (part.eval() for part in pair(network))
    for weight in [*generator.parameters(), *discriminator.parameters()]:
        nn.init.normal_(weight, std=0.3, generator=torch.Generator().manual_seed(1))
    latents, labels = drawn(4, 4), torch.tensor([0, 1, 2, 3])
    other = torch.tensor([0, 1, 4, 3])
    changed = [
        (generator(latents, labels) - generator(latents, other)).flatten(1).abs().amax(1) > 1e-4,
    ]  # fmt: skip
    if discriminator.num_classes is not None:
        samples = drawn(4, *discriminator.input_shape)
        changed.append((discriminator(samples, labels) - discriminator(samples, other)).abs()[:, 0] > 1e-4)
    for part in changed:
        assert part.tolist() == [False, False, True, False]


def test_conditional_batch_norm_is_batch_norm_then_a_gain_and_a_bias_for_each_class() -> None:
    layer = ConditionalBatchNorm2d(3, CLASSES).double()
    for part in (layer.gain, layer.bias):
        nn.init.normal_(part.weight, generator=torch.Generator().manual_seed(2))
    x, labels = drawn(7, 3, 4, 2).double(), torch.tensor([0, 3, 3, 1, 4, 0, 2])
    mean, variance = x.mean((0, 2, 3)), x.var((0, 2, 3), correction=0)
    result = layer(x, labels)
    for row, label in enumerate(labels.tolist()):
        for channel in range(3):
            normal = (x[row, channel] - mean[channel]) / (variance[channel] + 1e-5) ** 0.5
            expected = layer.gain.weight[label, channel] * normal + layer.bias.weight[label, channel]
            torch.testing.assert_close(result[row, channel], expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(layer.normalize.running_mean, 0.1 * mean, rtol=1e-12, atol=1e-12)


def test_the_first_conditional_batch_norm_is_the_same_for_all_classes() -> None:
    layer, plain, x = ConditionalBatchNorm2d(3, CLASSES), nn.BatchNorm2d(3), drawn(6, 3, 2, 2)
    torch.testing.assert_close(layer(x, torch.arange(6) % CLASSES), plain(x))


def test_projection_is_a_linear_score_and_an_inner_product() -> None:
    layer = Projection(6, CLASSES).double()
    layer.reset(torch.Generator().manual_seed(0))
    phi, labels = drawn(4, 6).double(), torch.tensor([4, 0, 0, 2])
    l, b, e = layer.linear.weight[0], layer.linear.bias[0], layer.embedding.weight  # noqa: E741
    expected = torch.stack([phi[n] @ l + b + phi[n] @ e[y] for n, y in enumerate(labels.tolist())])
    torch.testing.assert_close(layer(phi, labels)[:, 0], expected, rtol=1e-12, atol=1e-12)
    assert layer.embedding.weight.abs().max() <= (6 / (6 + CLASSES)) ** 0.5


def test_the_projection_s_features_are_summed_over_all_positions() -> None:
    """Of a map that is the same everywhere, four positions count four times."""
    _, discriminator = pair("projection8")
    images, labels = drawn(3, 2, 8, 8), torch.tensor([1, 0, 2])
    maps = discriminator.features(images)  # type: ignore[operator]
    phi = torch.stack([maps[..., i, j] for i in range(2) for j in range(2)]).sum(0)
    torch.testing.assert_close(discriminator(images, labels), discriminator.projection(phi, labels))  # type: ignore[operator]


def test_classes_become_channels() -> None:
    features, labels = drawn(2, 3, 2, 2), torch.tensor([4, 0])
    result = with_classes(features, labels, CLASSES)
    assert torch.equal(result[:, :3], features) and result.shape == (2, 8, 2, 2)
    assert torch.equal(result[:, 3:, 1, 0], torch.eye(CLASSES)[labels])
    assert torch.equal(with_classes(drawn(2, 3), labels, CLASSES)[:, 3:], torch.eye(CLASSES)[labels])


def test_the_conditional_mnist_pair_has_the_authors_parameters() -> None:
    """Layer by layer from their program: 10 classes, widths 64 and 1,024, latents of 100."""
    generator, discriminator = models.pair("conditional-dcgan28", settings(
        "conditional-dcgan28", sample_shape=(1, 28, 28), latent_dim=100, width=64, num_classes=10
    ))  # fmt: skip
    count = [sum(p.numel() for p in models.skeleton(a).parameters()) for a in (generator, discriminator)]
    linear = (110 * 1024 + 3 * 1024) + (1034 * 6272 + 3 * 6272)  # biases, gains and biases of batch norm
    deconvolutions = (138 * 25 * 128 + 3 * 128) + (138 * 25 + 1)
    convolutions = (11 * 25 * 11 + 11) + (21 * 25 * 74 + 3 * 74)
    assert count == [
        linear + deconvolutions, convolutions + ((74 * 49 + 10) * 1024 + 3 * 1024) + (1034 + 1)
    ]  # fmt: skip


def test_acgan_scores_and_classifies_the_same_features() -> None:
    _, discriminator = pair("acgan8")
    discriminator.eval()
    images = drawn(3, 2, 8, 8)
    judge, classifier = discriminator.judge, discriminator.classifier
    assert isinstance(judge, nn.Sequential) and isinstance(classifier, nn.Linear)
    features = nn.Sequential(*list(judge)[:-1])(images)
    torch.testing.assert_close(discriminator(images), judge[-1](features))
    logits = discriminator.class_logits(images)  # type: ignore[operator]
    torch.testing.assert_close(logits, classifier(features))
    assert logits.shape == (3, CLASSES)


def test_given_labels_repeat_for_noisy_copies() -> None:
    _, discriminator = pair("projection-mlp")
    labels, samples = torch.tensor([3, 0]), drawn(6, 3)
    expected = discriminator(samples, torch.tensor([3, 3, 3, 0, 0, 0]))
    assert torch.equal(GivenLabels(discriminator, labels)(samples), expected)
    assert torch.equal(OneClass(discriminator, 2)(samples), discriminator(samples, torch.full((6,), 2)))


@pytest.mark.parametrize(
    ("network", "classes", "message"),
    [
        ("projection8", None, "'projection8' takes labels: set conditional=labels"),
        ("acgan8", None, "'acgan8' takes labels: set conditional=acgan"),
        ("dcgan8", 5, "'dcgan8' takes no labels: set conditional=none"),
        ("mlp", 5, "'mlp' takes no labels: set conditional=none"),
    ],
)
def test_networks_and_labels_must_fit(network: str, classes: int | None, message: str) -> None:
    shape = (3,) if network == "mlp" else (2, 8, 8)
    with pytest.raises(UsageError, match=message):
        models.pair(network, settings(network, num_classes=classes, sample_shape=shape, normalization="none"))


def test_a_side_that_cannot_be_halved_twice_is_refused() -> None:
    for name in ("conditional-mnist-generator", "conditional-mnist-discriminator"):
        arguments: dict[str, models.Argument] = {
            "image_size": 10,
            "channels": 1,
            "width": 2,
            "num_classes": 2,
        }
        arguments |= {"latent_dim": 3} if name.endswith("generator") else {}
        with pytest.raises(UsageError, match="multiple of 4, got 10"):
            models.skeleton(models.Architecture(name=name, arguments=arguments))
