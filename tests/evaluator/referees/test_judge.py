"""The networks: shapes of any image, what they take, and that they judge each sample by itself."""

from __future__ import annotations

import math
from typing import cast

import numpy as np
import pytest
import torch
from scipy import stats
from tiny_referees import CPU, grains, points, tiny

from gancross.evaluator.referees.judge import (
    BANDWIDTHS,
    DETAIL_GAIN,
    MOST_ROTATED,
    WAVES,
    Dropout,
    ImageJudge,
    VectorJudge,
    level,
)
from gancross.evaluator.referees.ladder import DETAIL_OF_NOISE, FARTHEST, Ladder, details, ladder
from gancross.evaluator.referees.protocol import form_of
from gancross.evaluator.referees.training import Identity, judge_network

Network = ImageJudge | VectorJudge
IDENTITY = Identity(seed=0, half=0)
SHAPES = [
    (channels, *size)
    for channels in (1, 3)
    for size in ((1, 1), (3, 5), (8, 8), (28, 28), (64, 64), (128, 128), (1, 64), (2, 30), (40, 3))
]


def reals_of(shape: tuple[int, ...], n: int = 20) -> torch.Tensor:
    return points(n, d=shape[0]) if len(shape) == 1 else grains(n, shape=shape)


def judge_of(shape: tuple[int, ...], climbed: Ladder, **changes: object) -> Network:
    return judge_network(shape, climbed, tiny(form_of(shape), **changes), IDENTITY, CPU).eval()


@pytest.mark.parametrize("shape", [*SHAPES, (1,), (2,), (50,)])
def test_every_sample_gets_one_score_whatever_its_size(shape: tuple[int, ...]) -> None:
    reals = reals_of(shape, 3)
    climbed = ladder(reals)
    judge = judge_of(shape, climbed)
    inputs = judge.inputs(climbed.inputs(reals), torch.tensor([climbed.sigmas[k] for k in (0, 5, 11)]))
    assert inputs.shape[0] == 3 and inputs.isfinite().all()
    scores = judge(inputs)
    assert scores.shape == (3,) and scores.isfinite().all()
    scores.sum().backward()
    for name, parameter in judge.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 32, 32), (3,)])
def test_a_score_depends_on_its_own_sample_alone(shape: tuple[int, ...]) -> None:
    """In training mode, too, where batch norm would look at the others."""
    reals = reals_of(shape, 12)
    climbed = ladder(reals)
    judge = judge_of(shape, climbed, dropout=0.0).train()
    sigma = torch.linspace(0.1, 2, 12)
    together = judge(judge.inputs(climbed.inputs(reals), sigma))
    for rows in (slice(3, 4), slice(7, 12), slice(None, None, 5)):
        apart = judge(judge.inputs(climbed.inputs(reals[rows]), sigma[rows]))
        assert torch.allclose(together[rows], apart, atol=1e-6), rows


def test_images_enter_with_details_and_the_level_each_of_the_size_of_one() -> None:
    reals = grains(400, shape=(2, 8, 8))
    climbed = ladder(reals)
    bandwidths = (2.0, 8.0)
    judge = judge_of((2, 8, 8), climbed, waves=bandwidths)
    x = climbed.inputs(reals)
    for rung in (0, 6, 11):
        sigma = climbed.sigmas[rung]
        y = x + sigma * points(400 * 128, d=1, seed=rung + 1).view_as(x)
        inputs = judge.inputs(y, torch.full((400,), sigma))
        assert inputs.shape == (400, 5 + 8, 8, 8)
        scale = math.sqrt(climbed.spread**2 + sigma**2)
        assert torch.allclose(inputs[:, :2], y / scale, atol=1e-5)
        fine = math.sqrt(climbed.detail**2 + (DETAIL_OF_NOISE * sigma) ** 2)
        assert torch.allclose(inputs[:, 2:4], DETAIL_GAIN * details(y) / fine, atol=1e-4)
        assert float((y - y.mean(0)).square().mean().sqrt()) / scale == pytest.approx(1, rel=0.02)
        assert float(inputs[:, 2:4].square().mean().sqrt()) == pytest.approx(DETAIL_GAIN, rel=0.1)
        assert torch.allclose(inputs[:, 4], torch.tensor(2 * rung / 11 - 1), atol=1e-5)
        for place, bandwidth in enumerate(bandwidths):
            first, remaining = 5 + 4 * place, math.exp(-0.5 * (bandwidth * sigma) ** 2)
            wave = remaining * torch.exp(1j * bandwidth * y.double())
            assert torch.allclose(inputs[:, first : first + 2].double(), wave.imag, atol=1e-4)
            assert torch.allclose(inputs[:, first + 2 : first + 4].double(), wave.real, atol=1e-4)


def test_the_level_runs_from_minus_one_to_one() -> None:
    climbed = ladder(points())
    assert torch.allclose(level(torch.tensor(climbed.sigmas), climbed), torch.linspace(-1, 1, 12), atol=1e-5)


@pytest.mark.parametrize("sigma", [0.02, 0.3, 1.5])
def test_a_wave_is_damped_to_what_noise_leaves_of_it(sigma: float) -> None:
    """E[exp(ib u·(x + σε))] = exp(ib u·x) exp(−b²σ²/2): the judge takes the waves of y times that factor."""
    d, n = 3, 20_000
    judge = cast(VectorJudge, judge_of((d,), ladder(points(d=d))))
    first, waves = 2 * d + 1, len(BANDWIDTHS) * WAVES
    at_zero = judge.inputs(torch.zeros(1, d), torch.tensor([sigma]))[0, first:]
    sines, cosines = at_zero[:waves], at_zero[waves:]
    assert torch.equal(sines, torch.zeros(waves))
    noise = sigma * points(n, d=d, seed=5)
    phases = (noise @ judge.waves).double()
    for wave in range(0, waves, 5):
        mean, error = phases[:, wave].cos().mean(), phases[:, wave].cos().std() / math.sqrt(n)
        assert abs(float(mean) - float(cosines[wave])) < 4.5 * float(error) + 1e-6, wave
    y = points(4, d=d, seed=9)
    inputs = judge.inputs(y, torch.full((4,), sigma))[:, first:]
    expected = torch.cat([(y @ judge.waves).sin() * cosines, (y @ judge.waves).cos() * cosines], 1)
    assert torch.allclose(inputs, expected, atol=1e-6)


def test_waves_are_of_every_bandwidth_in_random_directions() -> None:
    judge = cast(VectorJudge, judge_of((3,), ladder(points(d=3))))
    lengths = judge.waves.norm(dim=0).view(len(BANDWIDTHS), WAVES)
    assert torch.allclose(lengths, torch.tensor(BANDWIDTHS)[:, None].expand_as(lengths), rtol=1e-5)
    directions = judge.waves / judge.waves.norm(dim=0)
    assert float(directions.mean(1).abs().max()) < 5 / math.sqrt(3 * directions.shape[1])


@pytest.mark.parametrize("shape", [(3, 16, 16), (4,)])
def test_initial_weights_are_uniform_and_of_the_identity_alone(shape: tuple[int, ...]) -> None:
    climbed = ladder(reals_of(shape))
    protocol = tiny(form_of(shape), width=32)
    torch.manual_seed(1)
    first = judge_network(shape, climbed, protocol, IDENTITY, CPU)
    torch.manual_seed(2)
    before = torch.get_rng_state()
    second = judge_network(shape, climbed, protocol, IDENTITY, CPU)
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(a, b)
    opponent = judge_network(shape, climbed, protocol, Identity(seed=0, half=1), CPU)
    assert not torch.equal(next(first.parameters()), next(opponent.parameters()))
    assert torch.equal(torch.get_rng_state(), before)
    for part in first.modules():
        if isinstance(part, torch.nn.Conv2d | torch.nn.Linear):
            bound = part.weight[0].numel() ** -0.5
            values = (part.weight.detach().flatten().double().numpy() / bound + 1) / 2
            assert stats.kstest(values, "uniform").pvalue > 1e-4


def test_dropout_drops_whole_channels_from_a_generator_of_its_own() -> None:
    x = torch.ones(50, 40, 3, 3)
    masks = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        dropout = Dropout(0.3, torch.Generator().manual_seed(7))
        masks.append(dropout(x))
        assert torch.equal(dropout.eval()(x), x)
    assert torch.equal(*masks)
    per_channel = masks[0].flatten(2)
    assert torch.equal(per_channel.amin(2), per_channel.amax(2))
    values = np.unique(masks[0].numpy())
    assert np.allclose(values, [0, 1 / 0.7])
    dropped = float((masks[0] == 0).float().mean())
    assert dropped == pytest.approx(0.3, abs=4 * math.sqrt(0.3 * 0.7 / 2000))


def correlated(n: int, seed: int, *, d: int = 5) -> torch.Tensor:
    """Vectors whose principal standard deviations fall from 1 to .05."""
    rotation, _ = torch.linalg.qr(points(d, d=d, seed=77))
    scales = torch.logspace(0, math.log10(0.05), d)
    return torch.mm(points(n, d=d, seed=seed) * scales, rotation)


@pytest.mark.parametrize("sigma", [0.01, 0.1, 1.0])
def test_components_have_the_variance_of_one_at_every_level_of_noise(sigma: float) -> None:
    n, d = 20_000, 5
    reals = correlated(n, 1)
    climbed = ladder(reals)
    judge = cast(VectorJudge, judge_of((d,), climbed))
    judge.look_at(climbed.inputs(reals))
    fresh = climbed.inputs(correlated(n, 2)) + sigma * points(n, d=d, seed=3)
    components = judge.inputs(fresh, torch.full((n,), sigma))[:, :d].double()
    assert torch.allclose(torch.cov(components.T), torch.eye(d, dtype=torch.float64), atol=0.05)


def test_squares_of_components_are_bounded_and_far_samples_finite() -> None:
    climbed = ladder(correlated(500, 1))
    judge = cast(VectorJudge, judge_of((5,), climbed))
    judge.look_at(climbed.inputs(correlated(500, 1)))
    inputs = judge.inputs(climbed.inputs(1e30 * points(9, d=5)), torch.full((9,), 0.01))
    assert inputs[:, :5].abs().max() == FARTHEST
    assert inputs[:, 5:10].min() >= -1 and inputs[:, 5:10].max() < 7
    centre = judge.inputs(torch.zeros(1, 5), torch.tensor([0.01]))
    assert torch.equal(centre[:, 5:10], -torch.ones(1, 5))


@pytest.mark.parametrize("d", [1, 30, MOST_ROTATED + 1])
def test_few_constant_or_very_many_coordinates_are_looked_at(d: int) -> None:
    reals = torch.cat([points(4, d=d)[:, : max(1, d - 1)], torch.ones(4, d > 1)], 1)
    climbed = ladder(reals)
    judge = cast(VectorJudge, judge_of((d,), climbed))
    judge.look_at(climbed.inputs(reals))
    inputs = judge.inputs(climbed.inputs(reals), torch.full((4,), 0.01))
    assert inputs.isfinite().all() and judge(inputs).isfinite().all()
    if d > MOST_ROTATED:
        assert torch.allclose(inputs[:, :d], climbed.inputs(reals) / math.sqrt(1 + 0.01**2))
