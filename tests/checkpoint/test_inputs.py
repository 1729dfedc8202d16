"""Inputs of a generator: distributions, streams by name and position, their text, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats

from gancross import Contestant, Input
from gancross.checkpoint.inputs import parsed_inputs, recorded_inputs, split_inputs
from gancross.errors import UsageError
from gancross.random_streams import Stream

STREAM = Stream(0, "test")
DISTRIBUTIONS: dict[str, tuple[Input, Callable[[Any], Any]]] = {
    "normal": (Input("z", 3), stats.norm.cdf),
    "truncated": (Input("z", 3, truncation=0.5), stats.truncnorm(-0.5, 0.5).cdf),
    "hardly truncated": (Input("z", 3, truncation=9), stats.norm.cdf),
    "uniform": (Input("z", 3, prior="uniform"), stats.uniform(-1, 2).cdf),
    "bounded": (Input("z", 3, prior="uniform", low=2, high=5), stats.uniform(2, 3).cdf),
    "uniform01": (Input("z", 3, prior="uniform01"), stats.uniform.cdf),
    "function": (Input("z", 3, prior=lambda u: 4 * u), stats.uniform(0, 4).cdf),
}


@pytest.mark.parametrize("kind", DISTRIBUTIONS)
def test_numbers_have_the_distribution_that_the_prior_names(kind: str) -> None:
    each, cdf = DISTRIBUTIONS[kind]
    rows = each.drawn(STREAM, 0, 5000)
    assert rows.shape == (5000, 3)
    assert rows.dtype == torch.float32
    assert stats.kstest(rows.double().numpy().ravel(), cdf).pvalue > 0.001
    assert abs(np.corrcoef(rows.numpy().T)[0, 1]) < 0.05


def test_no_truncated_number_lies_beyond_the_bound() -> None:
    rows = Input("z", 100, truncation=0.75).drawn(STREAM, 0, 5000)
    assert 0.749 < float(rows.abs().max()) <= 0.75


def test_one_hot_codes_have_equal_chances_independently_at_every_position() -> None:
    rows = Input("codes", (2, 5), prior="one-hot").drawn(STREAM, 0, 5000)
    assert rows.shape == (5000, 2, 5)
    assert torch.equal(rows.sum(-1), torch.ones(5000, 2))
    assert torch.equal(rows.amax(-1), torch.ones(5000, 2))
    first, second = rows.argmax(-1).T.numpy()
    counts = np.histogram2d(first, second, bins=5)[0]
    assert stats.chisquare(counts.ravel()).pvalue > 0.001


@pytest.mark.parametrize("kind", [*DISTRIBUTIONS, "one-hot"])
def test_a_row_depends_on_its_position_alone(kind: str) -> None:
    each = Input("z", (2, 3), prior="one-hot") if kind == "one-hot" else DISTRIBUTIONS[kind][0]
    assert torch.equal(each.drawn(STREAM, 5, 3), each.drawn(STREAM, 0, 9)[5:8])


TEXTS = {
    "noise:128": [Input("noise", 128)],
    "map:4x8x8:uniform01": [Input("map", (4, 8, 8), prior="uniform01")],
    "z:8:normal:0.5,codes:10:one-hot": [Input("z", 8, truncation=0.5), Input("codes", 10, prior="one-hot")],
    "a:2:uniform:-3:1,b:2:uniform": [
        Input("a", 2, prior="uniform", low=-3), Input("b", 2, prior="uniform")
    ],
}  # fmt: skip


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_names_inputs_and_what_is_recorded_of_them_gives_them_again(text: str) -> None:
    assert parsed_inputs(text) == TEXTS[text]
    assert parsed_inputs(recorded_inputs(TEXTS[text])) == TEXTS[text]


def test_rows_are_split_into_inputs_of_their_shapes() -> None:
    rows = torch.arange(14.0).reshape(2, 7)
    one, other = split_inputs(rows, [Input("one", (2, 2)), Input("other", 3)])
    assert one.tolist() == [[[0, 1], [2, 3]], [[7, 8], [9, 10]]]
    assert other.tolist() == [[4, 5, 6], [11, 12, 13]]


def given(**fields: Any) -> Callable[[], object]:
    given: dict[str, Any] = {"name": "z", "shape": 4} | fields
    return lambda: Input(**given)


def described(**fields: Any) -> Callable[[], object]:
    given: dict[str, Any] = {"name": "a", "generator": torch.nn.Identity()} | fields
    return lambda: Contestant(**given)


REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "no name": (given(name=""), "an input needs a name"),
    "a colon": (given(name="a:b"), "without any of"),
    "no length": (given(shape=()), "must be at least 1"),
    "a length of 0": (given(shape=(2, 0)), "must be at least 1"),
    "a fraction": (given(shape=2.5), "one or several integers, got 2.5"),
    "an unknown prior": (given(prior="gaussian"), "input 'z': unknown prior 'gaussian'"),
    "bounds of a normal": (given(low=0), "of prior='uniform' alone"),
    "bounds that cross": (given(prior="uniform", low=1, high=0), "low must be less than high"),
    "an infinite bound": (given(prior="uniform", high=float("inf")), "finite numbers"),
    "a negative truncation": (given(truncation=-1), "a positive number t"),
    "a truncated uniform": (given(prior="uniform", truncation=1), "of prior='normal' alone"),
    "no inputs": (described(latents=[]), "contestant 'a': latents: expected at least one"),
    "an integer": (described(latents=4), "expected a list of gancross.Input, got int"),
    "integers": (described(latents=[4, 2]), "expected gancross.Input, got int"),
    "one name twice": (described(latents=[Input("z", 1), Input("z", 2)]), "two inputs are named 'z'"),
    "two descriptions": (described(latents="z:4", latent_dim=4), "leave out latent_dim"),
    "no generator": (
        described(generator=None, samples=torch.zeros(3, 2), latents="z:4"), "it has samples"
    ),
    "a text without a name": (described(latents="128"), "'128': write NAME:SHAPE"),
    "a text without a shape": (described(latents="z:wide"), "'z:wide': write NAME:SHAPE"),
    "words for numbers": (described(latents="z:4:normal:few"), "expected numbers behind the prior"),
    "one bound": (described(latents="z:4:uniform:0"), "uniform:LOW:HIGH"),
    "no description": (described(), "needs latent_dim ≥ 1, or latents"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_refused_in_one_line(case: str) -> None:
    call, message = REFUSED[case]
    with pytest.raises(UsageError) as refused:
        call()
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)
