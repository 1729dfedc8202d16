"""Lower bounds on distances, and gaps."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.integrate import quad
from scipy.stats import norm
from simulated.bounds import jsd_bound

from gancross.evaluator.estimates import Estimate, Missing, Proportion
from gancross.evaluator.statistics.bounds import (
    generalisation_gap,
    jensen_shannon_bound,
    log_ratio,
    total_variation_bound,
    transfer_gap,
)

# f*(t) and g_f(v) of Nowozin et al. 2016, written anew, for the derivative by autograd.
Function = Callable[[torch.Tensor], torch.Tensor]
F_GANS: dict[str, tuple[Function, Function]] = {
    "gan": (lambda t: -torch.log(-torch.expm1(t)), torch.nn.functional.logsigmoid),
    "jensen-shannon": (
        lambda t: -torch.log(2 - t.exp()),
        lambda v: math.log(2) + torch.nn.functional.logsigmoid(v),
    ),
    "kl": (lambda t: torch.exp(t - 1), lambda v: v * 1),
    "reverse-kl": (lambda t: -1 - torch.log(-t), lambda v: -torch.exp(-v)),
    "pearson": (lambda t: t**2 / 4 + t, lambda v: v * 1),
    "neyman": (lambda t: 2 - 2 * torch.sqrt(1 - t), lambda v: 1 - torch.exp(-v)),
    "squared-hellinger": (lambda t: t / (1 - t), lambda v: 1 - torch.exp(-v)),
}


@pytest.mark.parametrize("name", F_GANS)
def test_log_ratio_is_the_logarithm_of_the_conjugates_derivative(name: str) -> None:
    conjugate, activation = F_GANS[name]
    v = torch.linspace(-1.5, 3, 19, dtype=torch.float64)
    t = activation(v).detach().requires_grad_()
    (slope,) = torch.autograd.grad(conjugate(t).sum(), t)
    ratio = log_ratio(v.numpy(), f"f-gan:{name}")
    assert ratio == pytest.approx(slope.log().numpy(), abs=1e-12)


def jsd(real: NDArray[np.float64], fake: NDArray[np.float64]) -> Estimate:
    bound = jensen_shannon_bound(real=real, fake=fake, score_kind="logit")
    assert isinstance(bound, Estimate)
    return bound


def test_the_best_judge_reaches_both_divergences_and_no_judge_exceeds_them() -> None:
    random = np.random.default_rng(0)
    real, fake = random.normal(1, 1, 40_000), random.normal(-1, 1, 40_000)

    def density(x: float) -> float:
        p, q = norm.pdf(x, 1), norm.pdf(x, -1)
        return float(p * np.log(2 * p / (p + q)) + q * np.log(2 * q / (p + q))) / 2

    divergence = quad(density, -8, 8)[0]
    # ln p/q = 2x
    best = jsd(2 * real, 2 * fake)
    assert best.low <= divergence <= best.high
    for scale in (0.3, 5.0):
        worse = jsd(scale * real, scale * fake)
        assert worse.high < divergence
    fn, fp = (Proportion(count=int(count), n=40_000) for count in ((real <= 0).sum(), (fake > 0).sum()))
    variation = total_variation_bound(fn=fn, fp=fp)
    assert variation.low <= 1 - 2 * norm.cdf(-1) <= variation.high


def test_a_judge_that_knows_nothing_proves_nothing() -> None:
    blank = jsd(np.zeros(50), np.zeros(60))
    assert blank.value == pytest.approx(0, abs=1e-15)
    assert blank.low <= 0
    always_real = total_variation_bound(fn=Proportion(count=0, n=100), fp=Proportion(count=100, n=100))
    assert always_real.value == 0
    assert always_real.low < 0


def test_critics_have_no_log_ratio() -> None:
    assert isinstance(jensen_shannon_bound(real=np.ones(3), fake=np.ones(3), score_kind="critic"), Missing)


def test_a_score_below_pearsons_pole_claims_no_more_than_its_samples_can_tell() -> None:
    """ln(1 + v/2) is −∞ at v ≤ −2; three samples know of no ratio below a third."""
    inside, beyond = np.linspace(-1, 3, 20), np.array([-5.0, -2.0, 0.0])
    bound = jensen_shannon_bound(real=beyond, fake=inside, score_kind="f-gan:pearson")
    assert isinstance(bound, Estimate)
    ratio_real, ratio_fake = np.array([1 / 3, 1 / 3, 1.0]), np.clip(1 + inside / 2, 1 / 3, 3)
    of_real, of_fake = np.log(ratio_real / (1 + ratio_real)), np.log(1 / (1 + ratio_fake))
    assert bound.value == pytest.approx(math.log(2) + of_real.mean() / 2 + of_fake.mean() / 2)
    assert bound.low < bound.value <= bound.high


def test_the_limits_are_the_empirical_bernstein_bound_of_both_expectations() -> None:
    real, fake = np.array([3.0, -1.0, 0.0, 2.0]), np.array([-9.0, 1.0, 0.5, -1.0])
    reach = 0.0
    for sign, scores in ((1, real), (-1, fake)):
        terms = 0.5 * np.log(1 / (1 + np.exp(-sign * np.clip(scores, -math.log(4), math.log(4)))))
        span = 0.5 * math.log(4)
        reach += math.sqrt(2 * terms.var(ddof=1) * math.log(160) / 4) + 7 * span * math.log(160) / 9
    bound = jsd(real, fake)
    assert bound.low == pytest.approx(bound.value - reach)


def test_rare_catastrophes_break_neither_limit() -> None:
    """The central limit's lower limit stood above the expectation in most draws of the last judge."""
    for finding in jsd_bound(60):
        assert finding.within_target(errors=3) is not False, finding


@given(st.integers(0, 50), st.integers(0, 50))
def test_gaps_have_the_sign_that_their_names_promise(k: int, m: int) -> None:
    low, high = Proportion(count=min(k, m), n=50), Proportion(count=max(k, m), n=50)
    assert transfer_gap(cross_fp=high, own_fp=low).value >= 0
    assert generalisation_gap(train_fn=low, test_fn=high).value >= 0
