"""Generator–discriminator pairs that recipes can name. An architecture is given only the arguments in
which it differs from its builder's defaults, beside sizes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gancross.errors import UsageError, unknown_name
from gancross.models.architectures import Architecture, Argument, skeleton
from gancross.models.layers import NORMALIZATIONS

ACTIVATIONS = ("relu", "tanh")

Pair = tuple[Architecture, Architecture]


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What the data and the recipe fix about a pair of networks.

    Attributes:
        sample: (C, H, W) of an image or (d,) of a vector.
        latent_dim: dimension of the latent.
        width: the family's own unit of width.
        normalization: `batch` or `none`, where the family normalizes at all; `layer`: layer norm in the
            discriminator, batch norm in the generator (WGAN-GP).
        activation: `relu`: ReLU in the generator, leaky ReLU 0.2 in the discriminator; `tanh`: in both.
    """

    sample: tuple[int, ...]
    latent_dim: int
    width: int
    normalization: str
    activation: str


def mlp_pair(shape: Shape) -> Pair:
    """Two hidden layers of `width` units each (§7.3; 128 tanh units in the paper)."""
    if len(shape.sample) != 1:
        raise UsageError(f"network 'mlp' makes vectors, the data are images {shape.sample}")
    if shape.normalization != "none":
        raise UsageError(
            f"network 'mlp' has no normalization '{shape.normalization}': set normalization=none"
        )
    dim, width, relu = shape.sample[0], shape.width, shape.activation == "relu"
    generator: dict[str, Argument] = {"activation": "relu"} if relu else {}
    discriminator: dict[str, Argument] = {"activation": "leaky-relu"} if relu else {}
    return (
        Architecture(name="mlp", arguments={"sizes": (shape.latent_dim, width, width, dim)} | generator),
        Architecture(name="mlp", arguments={"sizes": (dim, width, width, 1)} | discriminator),
    )


def dcgan_pair(image_size: int, bottom: int, initialization: str) -> Callable[[Shape], Pair]:
    """The DCGAN pair of one image size; `width` is 64 in the paper."""

    def pair(shape: Shape) -> Pair:
        _require_images(f"dcgan{image_size}", image_size, shape)
        arguments: dict[str, Argument] = {
            "image_size": image_size, "channels": shape.sample[0], "width": shape.width, "bottom": bottom,
            **({} if initialization == "normal" else {"initialization": initialization}),
            **_tanh(shape),
        }  # fmt: skip
        return _normalized("dcgan", arguments, shape)

    return pair


def constant_filters64(shape: Shape) -> Pair:
    """A generator of `width` channels throughout and the DCGAN's discriminator, which alone is normalized."""
    _require_images("constant-filters64", 64, shape)
    generator: dict[str, Argument] = {
        "image_size": 64, "channels": shape.sample[0], "width": shape.width, "bottom": 4,
        "latent_dim": shape.latent_dim, "normalization": "none", "filters": "constant",
        "initialization": "he-uniform", **_tanh(shape),
    }  # fmt: skip
    return Architecture(name="dcgan-generator", arguments=generator), PAIRS["dcgan64"](shape)[1]


def mlp64(shape: Shape) -> Pair:
    """A fully connected generator and the DCGAN's discriminator, which alone is normalized."""
    _require_images("mlp64", 64, shape)
    generator: dict[str, Argument] = {
        "image_size": 64, "channels": shape.sample[0], "width": shape.width,
        "latent_dim": shape.latent_dim, **_tanh(shape),
    }  # fmt: skip
    return Architecture(name="mlp-generator", arguments=generator), PAIRS["dcgan64"](shape)[1]


def gated64(shape: Shape) -> Pair:
    """The DCGAN pair with gates in place of (leaky) ReLU."""
    return _own_activation("gated64", "gated", shape, {"image_size": 64, "bottom": 4})


def resnet64(shape: Shape) -> Pair:
    """Residual networks of four blocks, ReLU in both."""
    return _own_activation("resnet64", "resnet", shape, {})


def resnet101_64(shape: Shape) -> Pair:
    """Residual networks of 101 layers, ReLU in both; `width` a multiple of 4."""
    return _own_activation("resnet101-64", "resnet101", shape, {})


PAIRS: dict[str, Callable[[Shape], Pair]] = {
    "mlp": mlp_pair,
    "dcgan8": dcgan_pair(8, bottom=2, initialization="normal"),
    "dcgan32": dcgan_pair(32, bottom=2, initialization="normal"),
    "dcgan64": dcgan_pair(64, bottom=4, initialization="uniform"),
    "resnet64": resnet64,
    "constant-filters64": constant_filters64,
    "mlp64": mlp64,
    "gated64": gated64,
    "resnet101-64": resnet101_64,
}


def pair(network: str, shape: Shape) -> Pair:
    """Generator and discriminator of the family `network` for data of this shape.

    Raises:
        UsageError: no such family, or the shape does not fit it.
    """
    if network not in PAIRS:
        raise unknown_name("network", network, PAIRS)
    if shape.normalization not in NORMALIZATIONS:
        raise unknown_name("normalization", shape.normalization, NORMALIZATIONS)
    if shape.activation not in ACTIVATIONS:
        raise unknown_name("activation", shape.activation, ACTIVATIONS)
    architectures = PAIRS[network](shape)
    try:
        for architecture in architectures:
            skeleton(architecture)
    except ValueError as error:
        raise UsageError(f"network '{network}': {error}") from None
    return architectures


def _own_activation(network: str, builder: str, shape: Shape, sizes: dict[str, Argument]) -> Pair:
    """A pair of 64×64 networks whose hidden nonlinearity is part of what they are."""
    _require_images(network, 64, shape)
    if shape.activation != "relu":
        raise UsageError(f"network '{network}' has no activation '{shape.activation}': set activation=relu")
    arguments: dict[str, Argument] = {"channels": shape.sample[0], "width": shape.width, **sizes}
    return _normalized(builder, arguments, shape)


def _normalized(builder: str, arguments: dict[str, Argument], shape: Shape) -> Pair:
    """Both networks of a builder; the generator has batch norm where the discriminator has layer norm."""
    of_generator = "batch" if shape.normalization == "layer" else shape.normalization
    latent: dict[str, Argument] = {"latent_dim": shape.latent_dim}
    return (
        Architecture(
            name=f"{builder}-generator", arguments=arguments | latent | {"normalization": of_generator}
        ),
        Architecture(
            name=f"{builder}-discriminator", arguments=arguments | {"normalization": shape.normalization}
        ),
    )


def _require_images(network: str, image_size: int, shape: Shape) -> None:
    if len(shape.sample) != 3 or shape.sample[1:] != (image_size, image_size):
        raise UsageError(
            f"network '{network}' makes {image_size}×{image_size} images, the data have"
            f" shape {shape.sample}: choose another network or set image_size={image_size}"
        )


def _tanh(shape: Shape) -> dict[str, Argument]:
    return {"activation": "tanh"} if shape.activation == "tanh" else {}
