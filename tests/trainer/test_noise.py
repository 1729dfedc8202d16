"""Explicit noise: distribution, repetition by NSR, dependence on seed, player, kind and update."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from run_folders import identical

from gancross.data.mixture import CENTRE, PLANE_NORMAL
from gancross.data.mixture import samples as mixture_samples
from gancross.errors import UsageError
from gancross.random_streams import Stream
from gancross.trainer.loop import train
from gancross.trainer.noise import distinct_samples, noisy, sees_noise, standard_noise, uniforms
from gancross.trainer.recipes.named_recipes import recipe
from gancross.trainer.recipes.recipe import Recipe

BASE = recipe("mixture")


def noise_recipe(
    kind: str = "gaussian", variance: float = 0.25, nsr: int = 4, players: str = "both", batch_size: int = 512
) -> Recipe:
    return BASE.with_changes(
        {
            "regularizer": "none", "noise": kind, "noise_variance": variance, "nsr": nsr,
            "noise_players": players, "batch_size": batch_size,
        }
    )  # fmt: skip


@pytest.mark.parametrize(("kind", "fourth"), [("gaussian", 3.0), ("laplacian", 6.0)])
def test_noise_has_the_variance_and_shape_of_its_kind(kind: str, fourth: float) -> None:
    """Mean 0, variance γ per dimension, kurtosis 3 or 6; dimensions uncorrelated."""
    chosen = noise_recipe(kind, variance=0.25, nsr=1)
    added = noisy(torch.zeros(200_000, 3).double(), chosen, player="discriminator", kind="real", update=0)
    n = added.numel()
    assert float(added.mean()) == pytest.approx(0.0, abs=5 * 0.5 / n**0.5)
    assert float(added.var()) == pytest.approx(0.25, rel=5 * ((fourth - 1) / n) ** 0.5)
    assert float((added**4).mean() / added.var() ** 2) == pytest.approx(fourth, rel=0.05)
    correlation = torch.corrcoef(added.T) - torch.eye(3)
    assert float(correlation.abs().max()) < 0.012


def test_laplacian_quantiles() -> None:
    """P(|ξ| > t) = exp(−√2 t) for variance 1: the tail that a Gaussian does not have."""
    noise = standard_noise(torch.empty(400_000), "laplacian", Stream(0, "quantiles")).abs()
    for t in (0.5, 1.0, 3.0):
        assert float((noise > t).float().mean()) == pytest.approx(math.exp(-(2**0.5) * t), rel=0.04)
    assert bool(noise.isfinite().all())


def test_each_sample_appears_nsr_times_in_a_row_with_other_noise_each_time() -> None:
    chosen = noise_recipe(nsr=4, variance=1e-4, batch_size=64)
    assert distinct_samples(chosen, "discriminator") == 16
    clean = 10 * torch.arange(16.0)[:, None].expand(16, 3)
    noisy_samples = noisy(clean, chosen, player="discriminator", kind="real", update=0)
    assert noisy_samples.shape == (64, 3)
    assert torch.equal((noisy_samples / 10).round(), (clean / 10).repeat_interleave(4, dim=0))
    assert (
        len(torch.unique(noisy_samples - clean.repeat_interleave(4, dim=0))) > 180
    )  # of 192, rounding apart


def test_noise_is_a_function_of_player_kind_and_update() -> None:
    chosen, clean = noise_recipe(nsr=1), torch.zeros(8, 3)

    def draw(player: str, kind: str, update: int) -> torch.Tensor:
        return noisy(clean, chosen, player=player, kind=kind, update=update)

    first = draw("discriminator", "real", 7)
    assert torch.equal(first, draw("discriminator", "real", 7))
    for different in (
        draw("discriminator", "real", 8), draw("discriminator", "fake", 7), draw("generator", "fake", 7),
        noisy(clean, chosen.with_changes({"seed": 1}), player="discriminator", kind="real", update=7),
    ):  # fmt: skip
        assert not torch.equal(first, different)


def test_noise_draws_nothing_from_the_global_generator() -> None:
    before = torch.get_rng_state()
    noisy(torch.zeros(8, 3), noise_recipe(), player="discriminator", kind="real", update=0)
    uniforms(torch.zeros(1), 8, Stream(0, "x"))
    assert torch.equal(before, torch.get_rng_state())


def test_discriminator_only_leaves_the_generator_clean_and_its_batch_whole() -> None:
    chosen = noise_recipe(nsr=4, players="discriminator", batch_size=64)
    assert sees_noise(chosen, "discriminator")
    assert not sees_noise(chosen, "generator")
    assert distinct_samples(chosen, "generator") == 64
    clean = torch.zeros(64, 3)
    assert noisy(clean, chosen, player="generator", kind="fake", update=0) is clean


def test_without_noise_samples_pass_untouched() -> None:
    clean = torch.zeros(4, 3)
    assert noisy(clean, BASE, player="discriminator", kind="real", update=0) is clean
    assert distinct_samples(BASE, "discriminator") == BASE.batch_size


def test_noise_keeps_dtype_and_lets_gradients_through() -> None:
    clean = torch.zeros(4, 3, dtype=torch.float64, requires_grad=True)
    noisy_samples = noisy(clean, noise_recipe(nsr=2), player="generator", kind="fake", update=0)
    assert noisy_samples.dtype == torch.float64
    (gradient,) = torch.autograd.grad(noisy_samples.sum(), clean)
    assert torch.equal(gradient, torch.full((4, 3), 2.0, dtype=torch.float64))


def test_noise_convolves_the_mixture() -> None:
    """Second moments add (Eq. 8): the variance off the mixture's plane is γ, where it was 0."""
    clean = mixture_samples(Stream(0, "real"), 0, 20_000).double()
    chosen = noise_recipe(variance=0.04, nsr=1)
    noisy_samples = noisy(clean, chosen, player="discriminator", kind="real", update=0)
    off_plane = (noisy_samples - torch.from_numpy(CENTRE)) @ torch.from_numpy(PLANE_NORMAL)
    assert float(off_plane.var()) == pytest.approx(0.04, rel=0.05)


def test_indivisible_batch_is_refused() -> None:
    with pytest.raises(UsageError, match="batch_size=512 is not divisible by nsr=3"):
        noise_recipe(nsr=3)


@pytest.mark.parametrize("kind", ["gaussian", "laplacian"])
def test_resumed_run_is_bit_identical(tmp_path: Path, kind: str) -> None:
    chosen = recipe("digits-noise0.1-nsr4").with_changes({"noise": kind, "width": 4, "n_phi": 2, "steps": 4})
    whole = train(chosen, tmp_path / "whole", device="cpu", checkpoint_every=4)
    train(chosen.with_changes({"steps": 2}), tmp_path / "resumed", device="cpu", checkpoint_every=4)
    resumed = train(chosen, tmp_path / "resumed", device="cpu", checkpoint_every=4)
    assert identical(whole, resumed)
