"""The families of networks by the names that recipes use."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from gancross.models.conditional_dcgan import (
    ACGANDiscriminator,
    ClassNormGenerator,
    EmbeddingGenerator,
    ProjectionDiscriminator,
)
from gancross.models.conditional_mlp import ConditionalMLP, ProjectionMLP
from gancross.models.conditional_mnist import ConditionalMNISTDiscriminator, ConditionalMNISTGenerator
from gancross.models.dcgan import DCGANDiscriminator, DCGANGenerator, GatedDiscriminator, GatedGenerator
from gancross.models.mlp import MLP, MLPGenerator
from gancross.models.network import Argument, Family, Network
from gancross.models.r3gan import R3GANDiscriminator, R3GANGenerator
from gancross.models.resnet import (
    ResNet101Discriminator,
    ResNet101Generator,
    ResNetDiscriminator,
    ResNetGenerator,
)
from gancross.models.sngan import ResNet32Discriminator, ResNet32Generator, SNGANDiscriminator, SNGANGenerator

_dcgan = partial(Family, generator=DCGANGenerator, discriminator=DCGANDiscriminator)
_r3gan = partial(Family, generator=R3GANGenerator, discriminator=R3GANDiscriminator)
_projection = partial(Family, generator=ClassNormGenerator, discriminator=ProjectionDiscriminator)
_acgan = partial(Family, generator=EmbeddingGenerator, discriminator=ACGANDiscriminator)
_conditional = partial(
    Family, generator=ConditionalMNISTGenerator, discriminator=ConditionalMNISTDiscriminator
)
_DCGAN64: dict[str, Argument] = {"image_size": 64, "bottom": 4, "initialization": "uniform"}

FAMILIES: dict[str, Family] = {
    # Two hidden layers of `width` units each (§7.3; 128 tanh units in the paper).
    "mlp": Family(generator=MLP, discriminator=MLP, generator_arguments={"normalization": "none"}),
    # The DCGAN at three sizes; `width` is 64 in the paper.
    "dcgan8": _dcgan(arguments={"image_size": 8, "bottom": 2}),
    "dcgan32": _dcgan(arguments={"image_size": 32, "bottom": 2}),
    "dcgan64": _dcgan(arguments=_DCGAN64),
    # Four residual blocks in both.
    "resnet64": Family(generator=ResNetGenerator, discriminator=ResNetDiscriminator),
    # A generator of `width` channels throughout; only the discriminator, the DCGAN's, is normalized.
    "constant-filters64": _dcgan(
        arguments=_DCGAN64,
        generator_arguments={"normalization": "none", "filters": "constant", "initialization": "he-uniform"},
    ),
    # A fully connected generator; only the discriminator, the DCGAN's, is normalized.
    "mlp64": Family(
        generator=MLPGenerator, generator_arguments={"image_size": 64},
        discriminator=DCGANDiscriminator, discriminator_arguments=_DCGAN64,
    ),
    # The DCGAN with gates in place of (leaky) ReLU.
    "gated64": Family(
        generator=GatedGenerator, discriminator=GatedDiscriminator, arguments={"image_size": 64, "bottom": 4}
    ),
    # Residual networks of 101 layers; `width` is a multiple of 4.
    "resnet101-64": Family(generator=ResNet101Generator, discriminator=ResNet101Discriminator),
    # The CNN and the ResNet of SNGAN; `width` is 64 and 128 in Miyato et al. 2018.
    "sngan32": Family(
        generator=SNGANGenerator, discriminator=SNGANDiscriminator, arguments={"image_size": 32}
    ),
    "resnet32": Family(generator=ResNet32Generator, discriminator=ResNet32Discriminator),
    # R3GAN's; `width` is a multiple of 8, at 64×64 of 16, and 768 in Huang et al. 2024.
    "r3gan32": _r3gan(arguments={"image_size": 32}),
    "r3gan64": _r3gan(arguments={"image_size": 64}),
    # Conditional: batch norm by class in the generator, a projection in the discriminator, whose
    # normalization the recipe chooses.
    "projection8": _projection(arguments={"image_size": 8, "bottom": 2}),
    "projection32": _projection(arguments={"image_size": 32, "bottom": 2}),
    "projection64": _projection(arguments={"image_size": 64, "bottom": 4}),
    "projection-mlp": Family(generator=ConditionalMLP, discriminator=ProjectionMLP),
    # Conditional: an embedding beside the latent; a discriminator that also classifies.
    "acgan8": _acgan(arguments={"image_size": 8, "bottom": 2}),
    "acgan32": _acgan(arguments={"image_size": 32, "bottom": 2}),
    # The authors' conditional DCGAN for MNIST, and the same at 8×8.
    "conditional-dcgan28": _conditional(arguments={"image_size": 28}),
    "conditional-dcgan8": _conditional(arguments={"image_size": 8}),
}  # fmt: skip


def networks_by_name(families: Iterable[Family]) -> dict[str, type[Network]]:
    """Every network class of the families by its `architecture_name`.

    Raises:
        ValueError: two classes have the same name.
    """
    networks: dict[str, type[Network]] = {}
    for family in families:
        for network in (family.generator, family.discriminator):
            name = network.architecture_name
            if networks.setdefault(name, network) is not network:
                both = f"{networks[name].__name__} and {network.__name__}"
                raise ValueError(f"architecture_name '{name}': {both} share it; each class needs its own")
    return networks


ARCHITECTURES = networks_by_name(FAMILIES.values())
