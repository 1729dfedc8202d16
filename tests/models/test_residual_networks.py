"""SNGAN's and R3GAN's networks: the papers' sizes, resampling and initial weights."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from gancross import models
from gancross.models import r3gan
from gancross.models.layers import ResidualSum, SpatialSum
from gancross.models.r3gan import LearnedBasis

# Parameters of generator and discriminator, summed by hand over the layers of the papers' tables (latent 128)
# and of R3GAN's program for CIFAR-10 and FFHQ-64 (latent 64).
PAPERS = {
    "sngan32": (64, 128, (3_812_355, 2_935_873)),
    "resnet32": (128, 128, (4_276_739, 1_053_824)),
    "r3gan32": (768, 64, (20_732_160, 20_683_776)),
    "r3gan64": (768, 64, (22_429_824, 22_381_440)),
}


def pair(network: str, *, width: int, latent_dim: int = 8) -> tuple[models.Architecture, models.Architecture]:
    size = 64 if network.endswith("64") else 32
    return models.pair(
        network,
        models.PairSettings(
            sample_shape=(3, size, size), latent_dim=latent_dim, width=width,
            normalization="none" if network.startswith("r3gan") else "spectral", activation="relu",
        ),
    )  # fmt: skip


def networks(network: str, *, width: int = 16) -> list[models.Network]:
    generator = torch.Generator().manual_seed(0)
    return [models.initialised(architecture, generator) for architecture in pair(network, width=width)]


@pytest.mark.parametrize("network", PAPERS)
def test_parameter_counts_are_the_papers(network: str) -> None:
    width, latent_dim, expected = PAPERS[network]
    built = [models.skeleton(each) for each in pair(network, width=width, latent_dim=latent_dim)]
    assert tuple(sum(p.numel() for p in each.parameters()) for each in built) == expected


def test_shapes_on_the_way_are_the_tables() -> None:
    """Channels and side after every layer that changes them: Tables 3 and 4 of Miyato et al. 2018."""
    expected = {
        "sngan32": ([(512, 4), (256, 8), (128, 16), (64, 32), (3, 32)],
                    [(64, 32), (64, 16), (128, 16), (128, 8), (256, 8), (256, 4), (512, 4)]),
        "resnet32": ([(256, 4), (256, 8), (256, 16), (256, 32), (3, 32)], [(128, 16), (128, 8)]),
        "r3gan32": ([(768, 4), (768, 8), (768, 16), (768, 32), (3, 32)],
                    [(768, 32), (768, 16), (768, 8), (768, 4), (768, 1)]),
        "r3gan64": ([(768, 4), (768, 8), (768, 16), (768, 32), (384, 32), (384, 64), (3, 64)],
                    [(384, 64), (768, 32), (768, 16), (768, 8), (768, 4), (768, 1)]),
    }  # fmt: skip
    for network, shapes in expected.items():
        width, latent_dim, _ = PAPERS[network]
        for architecture, wanted in zip(
            pair(network, width=width, latent_dim=latent_dim), shapes, strict=True
        ):
            built = models.skeleton(architecture).eval()
            features = torch.empty(1, *built.input_shape, device="meta")
            seen: list[tuple[int, int]] = []
            for layer in built.children():
                features = layer(features)
                is_map = features.ndim == 4 and not isinstance(layer, nn.AvgPool2d | nn.Upsample)
                if is_map and (not seen or seen[-1] != (features.shape[1], features.shape[2])):
                    seen.append((features.shape[1], features.shape[2]))
            assert seen == wanted, (network, architecture.name)


@pytest.mark.parametrize("network", ["r3gan32", "r3gan64"])
def test_blocks_start_as_the_identity(network: str) -> None:
    for built in networks(network):
        blocks = [module for module in built.modules() if isinstance(module, ResidualSum)]
        assert len(blocks) == {"r3gan32": 8, "r3gan64": 10}[network]
        for block in blocks:
            channels = block.branch.get_parameter("0.weight").shape[1]
            features = torch.randn(2, channels, 4, 4, generator=torch.Generator().manual_seed(1))
            assert torch.equal(block(features), features)
            nn.init.ones_(block.branch.get_parameter("4.weight"))
            assert not torch.equal(block(features), features)


def test_initial_weights_of_r3gan_have_the_source_s_spread() -> None:
    """√(2/1.04)·8^(−1/4)/√fan-in in the eight blocks of r3gan32, 1/√fan-in elsewhere, 1 in the basis."""
    generator, discriminator = networks("r3gan32", width=64)
    in_block = math.sqrt(2 / 1.04) * 8**-0.25
    for network, path, expected in (
        (generator, "0.basis", 1.0), (generator, "0.linear.weight", 1 / math.sqrt(8)),
        (generator, "1.branch.0.weight", in_block / math.sqrt(64)),
        (generator, "1.branch.2.weight", in_block / math.sqrt(16 * 9)),
        (generator, "1.branch.4.weight", 0.0), (discriminator, "0.weight", 1 / math.sqrt(3)),
    ):  # fmt: skip
        weight = network.get_parameter(path).detach()
        assert float(weight.std()) == pytest.approx(expected, rel=6 / math.sqrt(2 * weight.numel())), path
    assert generator.get_parameter("1.branch.2.weight").shape == (128, 16, 3, 3)  # groups of 16 channels


def test_resampling_is_bilinear() -> None:
    """Per axis: down Σ k_j x_{2i−1+j}, k = (1, 3, 3, 1)/8; up 2 kᵀ; zero beyond the edges."""
    random = np.random.default_rng(0)
    small, large = random.normal(size=(2, 3, 4, 4)), random.normal(size=(2, 3, 8, 8))
    matrix = np.zeros((4, 8))
    for i in range(4):
        for j, weight in enumerate((1, 3, 3, 1)):
            if 0 <= 2 * i - 1 + j < 8:
                matrix[i, 2 * i - 1 + j] = weight / 8
    down, up = nn.Sequential(*r3gan.down_sampling()), nn.Sequential(*r3gan.up_sampling())
    np.testing.assert_allclose(down(torch.from_numpy(large)).numpy(), matrix @ large @ matrix.T, atol=1e-12)
    np.testing.assert_allclose(up(torch.from_numpy(small)).numpy(), 4 * matrix.T @ small @ matrix, atol=1e-12)


def test_layers_are_their_formulas() -> None:
    random = torch.Generator().manual_seed(0)
    features = torch.randn(2, 3, 4, 5, generator=random, dtype=torch.float64)
    np.testing.assert_allclose(SpatialSum()(features).numpy(), features.numpy().sum(axis=(2, 3)), rtol=1e-12)
    basis = LearnedBasis(2, 3).double()
    nn.init.normal_(basis.basis, generator=random)
    latents = torch.randn(5, 2, generator=random, dtype=torch.float64)
    expected = np.einsum(
        "chw,cd,nd->nchw", basis.basis.detach().numpy(), basis.linear.weight.detach().numpy(), latents.numpy()
    )
    np.testing.assert_allclose(basis(latents).detach().numpy(), expected, rtol=1e-12, atol=1e-12)
