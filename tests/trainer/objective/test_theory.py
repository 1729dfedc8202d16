"""The paper's mathematics by quadrature in float64: P = N(0, 1), Q = N(1, 1) unless said otherwise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import pytest
import torch
from reference.gaussians import derivatives, expectation
from reference.optimal_scores import OPTIMAL_SCORE
from torch.nn.functional import logsigmoid

from gancross.divergences import DIVERGENCES, Function
from gancross.trainer.objective.weightings import JENSEN_SHANNON

MEAN_P, MEAN_Q = 0.0, 1.0
X = torch.linspace(-5, 6, 221, dtype=torch.float64)
EVERY = pytest.mark.parametrize("name", ["js-logit", *DIVERGENCES])
EVERY_F = pytest.mark.parametrize("name", DIVERGENCES)


def log_ratio(x: torch.Tensor) -> torch.Tensor:
    """ln p/q."""
    return 0.5 - x


def density(x: torch.Tensor, mean: float) -> torch.Tensor:
    return torch.exp(-((x - mean).square() + math.log(2 * math.pi)) / 2)


class Parts(NamedTuple):
    activation: Function
    conjugate: Function
    weight_real: Function
    weight_fake: Function
    optimal: Function


def parts(name: str) -> Parts:
    """ψ(v), f*(ψ(v)), both weights of Ω as functions of v, and the optimal score as a function of x."""
    if name == "js-logit":
        real, fake = JENSEN_SHANNON.real, JENSEN_SHANNON.fake
        assert real is not None and fake is not None
        return Parts(logsigmoid, lambda v: -logsigmoid(-v), real, fake, log_ratio)
    entry = DIVERGENCES[name]
    return Parts(
        entry.activation, entry.conjugate_of_activation, torch.zeros_like, entry.weight,
        lambda x: OPTIMAL_SCORE[name](log_ratio(x)),
    )  # fmt: skip


def objective(name: str, score: Function, gamma: float = 0.0) -> float:
    """F(P∗N(0,γ), Q∗N(0,γ); score): Gaussians stay Gaussian, with variance 1+γ."""
    functions = parts(name)
    on_real = expectation(lambda x: functions.activation(score(x)), MEAN_P, 1 + gamma)
    return on_real - expectation(lambda x: functions.conjugate(score(x)), MEAN_Q, 1 + gamma)


def omega(name: str, score: Function) -> float:
    functions = parts(name)
    slope, _ = derivatives(score)
    on_real = expectation(lambda x: functions.weight_real(score(x)) * slope(x) ** 2, MEAN_P)
    return on_real + expectation(lambda x: functions.weight_fake(score(x)) * slope(x) ** 2, MEAN_Q)


def error_slopes(name: str, score: Function, gammas: Sequence[float]) -> list[float]:
    """log₂ slopes of e(γ) = |F_γ − F + γ/2·Ω| over halvings of γ, the score held fixed."""
    clean, penalty = objective(name, score), omega(name, score)
    errors = [abs(objective(name, score, gamma) - clean + gamma / 2 * penalty) for gamma in gammas]
    return [math.log2(big / small) for big, small in pairwise(errors)]


@EVERY
def test_regularizer_is_the_effect_of_noise_to_first_order_at_the_optimum(name: str) -> None:
    """Eq. 17: e(γ) is O(γ²)."""
    slopes = error_slopes(name, parts(name).optimal, [0.05 * 2**-k for k in range(4)])
    assert all(1.9 <= slope <= 2.2 for slope in slopes), slopes


@EVERY
def test_away_from_the_optimum_the_error_is_of_first_order(name: str) -> None:
    """Negative control of the test above: ψ* + 0.5 sin x leaves O(γ)."""
    optimal = parts(name).optimal
    slopes = error_slopes(name, lambda x: optimal(x) + 0.5 * torch.sin(x), [0.0005 * 2**-k for k in range(4)])
    assert all(0.9 <= slope <= 1.1 for slope in slopes), slopes


def test_perturbed_logit_at_the_same_noise_as_the_optimal_one() -> None:
    slopes = error_slopes(
        "js-logit", lambda x: log_ratio(x) + 0.5 * torch.sin(x), [0.05 * 2**-k for k in range(4)]
    )
    assert all(0.8 <= slope <= 1.1 for slope in slopes), slopes


@EVERY_F
def test_optimal_statistic_turns_q_into_p(name: str) -> None:
    """Eq. 15: f*'(ψ*) dQ = dP."""
    entry = DIVERGENCES[name]
    ratio = entry.conjugate_prime(entry.activation(parts(name).optimal(X)))
    torch.testing.assert_close(ratio * density(X, MEAN_Q), density(X, MEAN_P), rtol=1e-10, atol=1e-12)


@EVERY_F
def test_optimal_score_attains_the_divergence(name: str) -> None:
    """Eqs. 4 and 5: F at ψ* is E_Q[f(p/q)], and less anywhere else."""
    optimal = parts(name).optimal
    true = expectation(lambda x: DIVERGENCES[name].f(torch.exp(log_ratio(x))), MEAN_Q)
    assert objective(name, optimal) == pytest.approx(true, rel=1e-9)
    assert objective(name, lambda x: optimal(x) + 0.1 * torch.cos(x)) < true


def test_both_regularizers_agree_at_the_optimum() -> None:
    """Eqs. 29–32, pointwise under dQ and dP, and as integrals."""
    logit, weight = log_ratio(X), DIVERGENCES["gan"].weight
    p, q = density(X, MEAN_P), density(X, MEAN_Q)
    squared_slope = derivatives(log_ratio)[0](X) ** 2
    f_form = weight(logit) * squared_slope * q
    functions = parts("js-logit")
    real, fake = functions.weight_real(logit), functions.weight_fake(logit)
    torch.testing.assert_close(f_form, (real * p + fake * q) * squared_slope, rtol=1e-10, atol=1e-10)
    assert omega("gan", log_ratio) == pytest.approx(omega("js-logit", log_ratio), abs=1e-10)
    # Eq. 29 as it stands: f*''(ln φ) = φ/(1−φ) + φ²/(1−φ)².
    phi = torch.sigmoid(logit)
    odds = phi / (1 - phi)
    torch.testing.assert_close(
        DIVERGENCES["gan"].conjugate_second(phi.log()), odds + odds**2, rtol=1e-10, atol=1e-10
    )


def test_away_from_the_optimum_they_do_not_agree() -> None:
    assert abs(omega("gan", wrong_logit) - omega("js-logit", wrong_logit)) > 0.5


def wrong_logit(x: torch.Tensor) -> torch.Tensor:
    return 2 * x + 0.3


def noise_effect(name: str, score: Function, gamma: float = 1e-5) -> float:
    """The decrease of F by noise, in units of γ/2: the quantity that Ω approximates."""
    return -(objective(name, score, gamma) - objective(name, score)) / (gamma / 2)


def test_regularizer_is_not_the_effect_of_noise_away_from_the_optimum() -> None:
    """For the logit 2x + 0.3 noise costs 1.01, Ω_JS says 4.04."""
    assert noise_effect("js-logit", wrong_logit) == pytest.approx(1.01, abs=0.005)
    assert omega("js-logit", wrong_logit) == pytest.approx(4.04, abs=0.005)


def wavy_score(x: torch.Tensor) -> torch.Tensor:
    return 0.7 * torch.sin(x) + 0.2 * x


@EVERY_F
def test_laplacian_terms_restore_the_agreement(name: str) -> None:
    """Eq. 13 with Eq. 16: noise effect = Ω_f − {E_P[Δψ] − E_Q[f*'(ψ) Δψ]} at any ψ."""
    entry = DIVERGENCES[name]
    score = wrong_logit if name in ("gan", "jensen-shannon") else wavy_score
    _, laplacian = derivatives(lambda x: entry.activation(score(x)))
    on_real = expectation(laplacian, MEAN_P)
    on_fake = expectation(lambda x: entry.conjugate_prime(entry.activation(score(x))) * laplacian(x), MEAN_Q)
    corrected = omega(name, score) - (on_real - on_fake)
    assert corrected == pytest.approx(noise_effect(name, score), abs=1e-3)
    assert abs(omega(name, score) - noise_effect(name, score)) > 0.01


def test_laplacian_terms_restore_the_agreement_in_the_logit_form() -> None:
    """Eq. 24: noise effect = Ω_JS − {E_P[Δφ/φ] − E_Q[Δφ/(1−φ)]}, φ the probability."""

    def probability(x: torch.Tensor) -> torch.Tensor:
        return torch.sigmoid(wrong_logit(x))

    _, laplacian = derivatives(probability)
    on_real = expectation(lambda x: laplacian(x) / probability(x), MEAN_P)
    on_fake = expectation(lambda x: laplacian(x) / (1 - probability(x)), MEAN_Q)
    corrected = omega("js-logit", wrong_logit) - (on_real - on_fake)
    assert corrected == pytest.approx(noise_effect("js-logit", wrong_logit), abs=1e-3)


@EVERY_F
def test_fixed_statistic_keeps_a_finite_regularizer_on_a_line(name: str) -> None:
    """§7.2: Q on the line x = 0 of the plane, smoothed by ε; Ω_f of a fixed ψ converges as ε → 0."""
    entry = DIVERGENCES[name]
    y = torch.linspace(-8, 8, 201, dtype=torch.float64)
    weight_y = density(y, 0.0) * (y[1] - y[0])
    nodes = torch.linspace(-8, 8, 201, dtype=torch.float64)
    weight_nodes = density(nodes, 0.0) * (nodes[1] - nodes[0])

    def omega_smoothed(epsilon: float) -> float:
        x = (epsilon**0.5 * nodes)[:, None].requires_grad_(True)
        heights = ((1 + epsilon) ** 0.5 * y)[None, :].requires_grad_(True)
        points_x, points_y = x.expand(-1, heights.numel()).clone(), heights.expand(x.numel(), -1).clone()
        score = 1.5 * torch.sin(points_x + 0.4) + 0.5 * torch.cos(points_y - 0.2)
        by_x, by_y = torch.autograd.grad(score.sum(), (points_x, points_y))
        values = entry.weight(score) * (by_x**2 + by_y**2)
        return float((weight_nodes[:, None] * weight_y[None, :] * values).sum().detach())

    limit = omega_smoothed(0.0)
    gaps = [abs(omega_smoothed(epsilon) - limit) for epsilon in (1e-2, 1e-3, 1e-4)]
    assert math.isfinite(limit)
    assert limit > 0
    assert gaps[2] < 2e-3 * limit
    assert gaps[0] > 5 * gaps[1] > 25 * gaps[2]  # the gap is O(ε)


def test_optimal_statistic_of_parallel_lines_has_no_such_limit() -> None:
    """For KL between the lines x = 0 (P) and x = 1 (Q), Ω at ψ*_ε grows like ε⁻²."""

    def omega_at_optimum(epsilon: float) -> float:
        def score(x: torch.Tensor) -> torch.Tensor:
            return 1 + (1 - 2 * x) / (2 * epsilon)  # 1 + ln p/q

        slope, _ = derivatives(score)
        # E_Q[e^(v−1) h] = E_P[h] (Eq. 15), the form that quadrature can reach.
        entry = DIVERGENCES["kl"]
        x = torch.tensor([0.25], dtype=torch.float64)
        torch.testing.assert_close(entry.weight(score(x)), torch.exp((1 - 2 * x) / (2 * epsilon)))
        return expectation(lambda x: slope(x) ** 2, 0.0, epsilon)

    big, small = omega_at_optimum(0.02), omega_at_optimum(0.01)
    assert math.log2(small / big) == pytest.approx(2.0, abs=1e-6)
