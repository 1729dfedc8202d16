"""From Python any type may come: what counts as the right one is taken, all else is a `UsageError`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import nn

from gancross import Contestant, crosstest
from gancross.errors import UsageError

DATA = torch.zeros(20, 1, 4, 4, dtype=torch.uint8)


def generator() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 16), nn.Tanh(), nn.Unflatten(1, (1, 4, 4)))


def judge() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(16, 1))


def contestant(**changes: Any) -> Contestant:
    fields: dict[str, Any] = {"name": "a", "latent_dim": 3}
    fields |= {"generator": generator(), "discriminator": judge()}
    return Contestant(**(fields | changes))


def cross_tested(data: Any = DATA, **changes: Any) -> None:
    crosstest([contestant(**changes)], data=data, num_samples=20, device="cpu", norm_check=False)


FINE: dict[str, dict[str, Any]] = {
    "integers of numpy": {"latent_dim": np.int64(3), "batch_size": np.uint8(4)},
    "lists": {"latent_shape": [3], "data_range": [np.float32(-1), 1]},
    "a prior of numpy": {"latent": lambda uniforms: uniforms.numpy().astype(">f4")},
    "a prior in half precision": {"latent": lambda uniforms: uniforms.bfloat16()},
    "samples of numpy": {"generator": None, "latent_dim": None, "samples": DATA.numpy()[::-1]},
    "data of numpy": {"data": DATA.numpy()[::-1]},
}


@pytest.mark.parametrize("kind", FINE)
def test_what_counts_as_the_right_type_is_taken(kind: str) -> None:
    cross_tested(**FINE[kind])


def test_data_may_be_a_path_and_big_endian(tmp_path: Path) -> None:
    for number in range(12):
        Image.fromarray(np.full((4, 4), number, np.uint8)).save(tmp_path / f"{number}.png")
    cross_tested(tmp_path)
    vectors = np.random.default_rng(0).random((30, 3))
    models = {"generator": nn.Linear(2, 3), "discriminator": nn.Linear(3, 1), "latent_dim": 2}
    cross_tested(vectors.astype(">f4"), **models)


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "a class": ({"discriminator": nn.Flatten}, "got the class Flatten: call it"),
    "no function": (
        {"discriminator": "D"},
        "expected a torch.nn.Module or a function as discriminator, got str",
    ),
    "a number as a name": ({"name": 3}, "a text that is not empty, got 3"),
    "a fraction": ({"latent_dim": 3.0}, "latent_dim must be an integer, got 3.0"),
    "a number as a shape": ({"latent_shape": 3}, "latent_shape must be integers"),
    "a number as a range": ({"data_range": 1}, "data_range must be two numbers"),
    "another prior": ({"latent": "truncnorm"}, "choose from normal, uniform, uniform01; in Python also"),
    "a prior of nothing": ({"latent": lambda uniforms: None}, "returned a NoneType"),
    "a prior of other rows": ({"latent": lambda uniforms: uniforms[:2]}, "row by row"),
    "objects": ({"data": np.array([object()])}, "expected numbers, got ndarray"),
    "nothing": ({"data": None}, "expected numbers, got NoneType"),
    "texts": ({"data": ["a"]}, "expected numbers, got list"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_other_types_are_refused(kind: str) -> None:
    changes, part = WRONG[kind]
    with pytest.raises(UsageError) as caught:
        cross_tested(**changes)
    assert part in str(caught.value)


@given(
    field=st.sampled_from(["latent_dim", "latent_shape", "data_range", "batch_size", "generator", "samples"]),
    value=st.none() | st.booleans() | st.floats() | st.text() | st.lists(st.floats()) | st.complex_numbers()
    | st.dictionaries(st.text(), st.integers()) | st.binary(),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_any_value_of_a_field_is_taken_or_refused(field: str, value: object) -> None:
    try:
        contestant(**{field: value})
    except UsageError as error:
        message = str(error)
    else:
        return
    assert message


def test_a_generator_of_latents_with_more_axes_says_what_to_type() -> None:
    network = nn.Sequential(nn.ConvTranspose2d(3, 1, 4), nn.Tanh())
    with pytest.raises(UsageError, match=r"give latent_shape=\(3, 1, 1\)"):
        cross_tested(generator=network)
    cross_tested(generator=network, latent_shape=(3, 1, 1))
    with pytest.raises(UsageError, match=r"give that, as in latent_shape=\(3, 1, 1\)"):
        cross_tested(generator=nn.Linear(5, 16))


def test_rounding_of_probabilities_is_no_error() -> None:
    class Rounded(nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return images.flatten(1).mean(1) * 0 + 1 + self.beyond

        beyond = 1e-7

    cross_tested(discriminator=Rounded(), score_kind="probability")
    Rounded.beyond = 0.1
    with pytest.raises(UsageError, match=r"reach from 1\.1 to 1\.1: give the score_kind"):
        cross_tested(discriminator=Rounded(), score_kind="probability")
