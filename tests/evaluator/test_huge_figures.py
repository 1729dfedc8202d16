"""No figure breaks a record: what is not finite is missing, with the reason; what is written can be read."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from report_documents import documents
from torch import nn

from gancross import Contestant, crosstest
from gancross.errors import DivergenceError, UsageError
from gancross.evaluator.codec.finite import with_finite_figures
from gancross.evaluator.estimates import Estimate, Measurement, Missing
from gancross.evaluator.fidelity.figures import NO_INTERVAL, FidelityFigures
from gancross.evaluator.protocol import Protocol
from gancross.evaluator.result.reading import result_from_dict
from gancross.random_streams import LARGEST_SEED


class Scaled(nn.Module):
    """factor · x + offset, of an input's first numbers."""

    def __init__(self, factor: float, offset: float, *, judges: bool) -> None:
        super().__init__()
        self._factor, self._offset, self._judges = factor, offset, judges

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = x * self._factor + self._offset
        return y[:, 0].clamp(-3e38, 3e38) if self._judges else y.clamp(-3e38, 3e38)


SIZES = st.sampled_from([0.0, 1e-40, 1e-10, 1.0, 1e8, 1e10, 1e17, 1e19, 1e30, 3e37])


@settings(max_examples=12)
@given(SIZES, SIZES, SIZES, SIZES, st.integers(0, LARGEST_SEED))
@example(1e-40, 0.0, 0.0, 1e17, 0)
@example(1e30, 1.0, 1.0, 0.0, 1_800_000_000_000_000_000)
@example(1.0, 3e37, 3e37, 3e37, LARGEST_SEED)
def test_numbers_of_any_size_make_a_record_that_can_be_read(
    factor: float, offset: float, judged: float, constant: float, seed: int
) -> None:
    a, b = (
        Contestant(
            name=name, generator=Scaled(factor * own, offset, judges=False), latent_dim=3, score_kind="logit",
            discriminator=Scaled(judged, constant, judges=True),
        )
        for name, own in (("a", 1.0), ("b", 0.5))
    )  # fmt: skip
    data = torch.linspace(-1, 1, 90).reshape(30, 3) * factor
    result = crosstest(
        [a, b], data=data, num_samples=30, seed=seed, metrics=("fid", "kid", "pr"), kid_subset_size=20,
        device="cpu",
    )  # fmt: skip
    text = result.to_json()
    assert result_from_dict(json.loads(text)).to_json() == text
    assert isinstance(result.fidelity, dict)
    for figures in result.fidelity.values():
        for figure in figures.figures.values():
            assert isinstance(figure, Missing) or math.isfinite(figure.value)


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_what_may_be_missing_is_and_what_may_not_is_an_error(value: float) -> None:
    result = documents()["two"]
    assert with_finite_figures(result) is result
    fid = FidelityFigures(n=2, figures={"fid": Measurement(value=value, ci95=NO_INTERVAL),
                                        "kid": Measurement(value=1.0, ci95=(0.0, value))})  # fmt: skip
    checked = with_finite_figures(fid)
    assert checked.figures["fid"] == Missing(f"not a finite number: {value}")
    assert checked.figures["kid"] == Measurement(value=1.0, ci95=Missing(f"not a finite number: {value}"))
    gap: dict[str, Any] = dict.fromkeys(result.generalisation_gap, Estimate(value=0.0, low=value, high=value))
    broken = with_finite_figures(replace(result, generalisation_gap=gap))
    assert all(isinstance(entry, Missing) for entry in broken.generalisation_gap.values())
    histograms = {name: replace(each, edges=(0.0, value)) for name, each in result.histograms.items()}
    with pytest.raises(DivergenceError, match="not a finite number"):
        with_finite_figures(replace(result, histograms=histograms))


@pytest.mark.parametrize("seed", [-1, LARGEST_SEED + 1, 2**63, 10**30])
def test_seeds_that_no_record_could_hold_are_refused(seed: int) -> None:
    with pytest.raises(UsageError, match="seed must be at least 0 and at most 9e18"):
        Protocol(seed=seed)
