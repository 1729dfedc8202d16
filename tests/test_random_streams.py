"""Random streams: an item depends on its key and position alone, and has the law of its prior."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from gancross.errors import UsageError
from gancross.random_streams import Prior, Stream, latents


@given(start=st.integers(0, 10**9), n=st.integers(1, 40), width=st.integers(1, 9), cut=st.integers(0, 40))
@settings(max_examples=60, deadline=None)
def test_an_item_depends_on_its_position_alone(start: int, n: int, width: int, cut: int) -> None:
    stream = Stream(3, "latents", "a")
    whole = stream.uniforms(start, n, width)
    cut = min(cut, n)
    parts = [stream.uniforms(start, cut, width), stream.uniforms(start + cut, n - cut, width)]
    assert np.array_equal(whole, np.concatenate(parts))


def test_streams_of_different_words_and_seeds_differ() -> None:
    keys = [(0, ["a"]), (1, ["a"]), (0, ["b"]), (0, ["a", "b"]), (0, ["ab"])]
    draws = [Stream(seed, *words).uniforms(0, 100, 1).ravel() for seed, words in keys]
    correlation = np.corrcoef(draws) - np.eye(len(keys))
    assert abs(correlation).max() < 0.4  # identical streams would give 1


@pytest.mark.parametrize(
    ("prior", "law"),
    [
        ("normal", stats.norm()),
        ("uniform", stats.uniform(-1, 2)),
        ("uniform01", stats.uniform(0, 1)),
        (lambda uniforms: uniforms.square(), stats.beta(0.5, 1)),
    ],
)
def test_priors_have_their_laws(prior: Prior, law: Any) -> None:
    latents_ND = latents(Stream(0, "law"), 0, 4000, dim=5, prior=prior)
    assert latents_ND.dtype == torch.float32 and latents_ND.shape == (4000, 5)
    assert stats.kstest(latents_ND.flatten().double().numpy(), law.cdf).pvalue > 1e-3


def test_latents_take_the_generators_shape() -> None:
    flat = latents(Stream(0, "x"), 2, 3, dim=8)
    assert torch.equal(latents(Stream(0, "x"), 2, 3, dim=8, shape=(8, 1, 1)).flatten(1), flat)


def test_unknown_priors_and_wrong_callables_are_refused() -> None:
    with pytest.raises(UsageError, match="did you mean 'uniform'"):
        latents(Stream(0, "x"), 0, 3, dim=2, prior="unifrom")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="row by row"):
        latents(Stream(0, "x"), 0, 3, dim=2, prior=lambda uniforms: uniforms[:1])


def test_drawing_leaves_global_random_state_alone() -> None:
    before, numpy_before = torch.get_rng_state(), repr(np.random.get_state(legacy=False))
    latents(Stream(0, "x"), 0, 3, dim=2)
    Stream(0, "x").permutation(10)
    Stream(0, "x").torch_generator()
    assert torch.equal(before, torch.get_rng_state())
    assert numpy_before == repr(np.random.get_state(legacy=False))
