"""The f-GAN table against automatic differentiation and its own laws."""

from __future__ import annotations

import math

import pytest
import torch
from reference.optimal_scores import OPTIMAL_SCORE

from gancross.divergences import DIVERGENCES, Function, divergence
from gancross.errors import UsageError

RATIOS = torch.logspace(-3, 3, 61, dtype=torch.float64)
SCORES = torch.linspace(-6, 6, 121, dtype=torch.float64)
EVERY = pytest.mark.parametrize("name", DIVERGENCES)


def slope(function: Function, x: torch.Tensor) -> torch.Tensor:
    x = x.clone().requires_grad_(True)
    y = function(x)
    return torch.autograd.grad(y.sum(), x)[0] if y.requires_grad else torch.zeros_like(x)


def assert_close(actual: torch.Tensor, expected: torch.Tensor, tolerance: float = 1e-12) -> None:
    torch.testing.assert_close(actual, expected, rtol=tolerance, atol=tolerance)


def test_the_keys_are_the_public_names() -> None:
    names = ["gan", "jensen-shannon", "kl", "reverse-kl", "pearson", "neyman", "squared-hellinger"]
    assert list(DIVERGENCES) == names


@EVERY
def test_f_is_a_generator(name: str) -> None:
    entry = DIVERGENCES[name]
    assert_close(entry.f_prime(RATIOS), slope(entry.f, RATIOS), 1e-10)
    assert bool((slope(entry.f_prime, RATIOS) > 0).all())  # convex
    at_one = float(entry.f(torch.ones((), dtype=torch.float64)))
    assert at_one == pytest.approx(-2 * math.log(2) if name == "gan" else 0.0, abs=1e-15)


@EVERY
def test_conjugate_meets_fenchels_equality(name: str) -> None:
    """f*(f'(u)) = u f'(u) − f(u), and f*' inverts f'."""
    entry = DIVERGENCES[name]
    optimal = entry.f_prime(RATIOS)
    assert_close(entry.conjugate(optimal), RATIOS * optimal - entry.f(RATIOS), 1e-9)
    assert_close(entry.conjugate_prime(optimal), RATIOS, 1e-9)


@EVERY
def test_conjugate_bounds_every_line(name: str) -> None:
    """f*(t) ≥ u t − f(u) for all u: the inequality behind Eq. 5."""
    entry = DIVERGENCES[name]
    psi = entry.activation(SCORES)
    if name == "pearson":  # f* as Nowozin et al. have it is that of f on the whole line
        psi = psi[psi > -2]
    gap = entry.conjugate(psi)[:, None] - (RATIOS * psi[:, None] - entry.f(RATIOS))
    assert bool((gap > -1e-9 * RATIOS).all())


@EVERY
def test_derivatives_of_the_conjugate(name: str) -> None:
    entry = DIVERGENCES[name]
    psi = entry.activation(SCORES)
    assert_close(entry.conjugate_prime(psi), slope(entry.conjugate, psi), 1e-9)
    assert_close(entry.conjugate_second(psi), slope(entry.conjugate_prime, psi), 1e-9)


@EVERY
def test_forms_in_the_score_are_those_in_psi(name: str) -> None:
    entry = DIVERGENCES[name]
    psi = entry.activation(SCORES)
    assert_close(entry.conjugate_of_activation(SCORES), entry.conjugate(psi), 1e-11)
    assert_close(
        entry.weight(SCORES), entry.conjugate_second(psi) * slope(entry.activation, SCORES) ** 2, 1e-11
    )
    ratio = entry.conjugate_prime(psi)
    expected = torch.where(ratio > 0, ratio.clamp_min(0).log(), -torch.inf)
    assert_close(entry.log_ratio(SCORES), expected, 1e-11)


@EVERY
def test_weight_is_the_curvature_of_the_conjugate_in_the_score(name: str) -> None:
    """f*''·g'² = d²/dv² f*(g(v)) − f*'(g(v)) g''(v): Eq. 16 in one dimension, in the score."""
    entry = DIVERGENCES[name]
    second = slope(lambda v: slope_of(entry.conjugate_of_activation, v), SCORES)
    curvature = slope(lambda v: slope_of(entry.activation, v), SCORES)
    assert_close(
        entry.weight(SCORES), second - entry.conjugate_prime(entry.activation(SCORES)) * curvature, 1e-9
    )


def slope_of(function: Function, x: torch.Tensor) -> torch.Tensor:
    """As `slope`, differentiable once more."""
    y = function(x)
    (gradient,) = torch.autograd.grad(y.sum(), x, create_graph=True)
    return gradient if gradient.requires_grad else gradient + 0 * x


@EVERY
def test_optimal_score_threshold_and_log_ratio(name: str) -> None:
    entry = DIVERGENCES[name]
    score = OPTIMAL_SCORE[name](RATIOS.log())
    assert_close(entry.activation(score), entry.f_prime(RATIOS), 1e-10)
    assert_close(entry.log_ratio(score), RATIOS.log(), 1e-10)
    threshold = torch.tensor(entry.threshold, dtype=torch.float64)
    assert_close(entry.activation(threshold), entry.f_prime(torch.ones((), dtype=torch.float64)))
    assert bool(((score > entry.threshold) == (RATIOS > 1))[(RATIOS - 1).abs() > 1e-6].all())


@EVERY
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_far_scores_stay_finite_and_exact(name: str, dtype: torch.dtype) -> None:
    """|v| = 50 in float32: no overflow, no NaN, in values, weights and gradients alike."""
    entry = DIVERGENCES[name]
    scores = torch.tensor([-50.0, -30.0, -1e-6, 0.0, 1e-6, 30.0, 50.0], dtype=dtype)
    for function in (entry.activation, entry.conjugate_of_activation, entry.weight):
        exact = function(scores.double())
        values = function(scores)
        assert values.dtype == dtype
        assert bool(values.isfinite().all())
        torch.testing.assert_close(values.double(), exact, rtol=1e-5, atol=1e-7)
        assert bool(slope(function, scores).isfinite().all())


def test_log_ratio_of_pearson_where_the_ratio_is_zero() -> None:
    values = DIVERGENCES["pearson"].log_ratio(torch.tensor([-5.0, -2.0, 0.0]))
    assert values.tolist() == [-math.inf, -math.inf, 0.0]


def test_total_variation_is_refused_with_the_reason() -> None:
    with pytest.raises(UsageError, match=r"f\*'' = 0.*vanishes"):
        divergence("total-variation")


def test_unknown_divergence_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="did you mean 'pearson'"):
        divergence("pearsn")
