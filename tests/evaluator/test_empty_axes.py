"""Samples with an axis of length 0 are refused in one line, wherever reals and samples come in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from grey_models import Brightness, model
from refereed import judged
from tiny_referees import CPU, points
from torch import nn

from gancross import Contestant, crosstest
from gancross.data.sets import DataSet, FiniteReals, finite
from gancross.errors import UsageError
from gancross.evaluator.judging.scoring import canonical_samples
from gancross.evaluator.protocol import Protocol
from gancross.evaluator.referee import run_referees
from gancross.evaluator.referees.options import RefereeOptions

POINTS = points(30)
EMPTY = [
    torch.zeros(30, 0), torch.zeros(0, 2), torch.zeros(30, 0, 8, 8, dtype=torch.uint8),
    torch.zeros(30, 1, 0, 8, dtype=torch.uint8), torch.zeros(30, 1, 8, 0, dtype=torch.uint8),
]  # fmt: skip
ENTRANCES: dict[str, Callable[[Any], object]] = {
    "referees' data": lambda array: judged({"a": POINTS}, array),
    "numpy data": lambda array: judged({"a": POINTS}, array.numpy()),
    "training data": lambda array: judged({"a": POINTS}, POINTS, train_data=array),
    "other reals": lambda array: judged({"a": POINTS}, POINTS, referee_reals=array),
    "a cross-test's data": lambda array: crosstest([model("a", nn.Identity(), Brightness(0))], data=array),
    "samples": lambda array: Contestant(name="a", samples=array),
    "a data set": lambda array: finite("x", train=POINTS, test=array, split="given"),
    "a data set to train on": lambda array: finite("x", train=array, test=POINTS, split="given"),
}


@pytest.mark.parametrize("array", EMPTY, ids=lambda array: "x".join(map(str, array.shape)))
@pytest.mark.parametrize("entrance", ENTRANCES)
def test_arrays(entrance: str, array: torch.Tensor) -> None:
    with pytest.raises(
        UsageError, match=r"^(data|contestant) '.*': expected .*, no axis of length 0; got "
    ) as no:
        ENTRANCES[entrance](array)
    assert str(no.value).endswith(f"got {array.dtype} {tuple(array.shape)}")


def test_a_data_set_of_its_own_kind() -> None:
    with pytest.raises(UsageError, match=r"^data 'x': samples of shape \(0,\): each axis must be at least 1"):
        DataSet(name="x", shape=(0,), train=None, held_out=lambda n: torch.zeros(n, 0), split="given")
    data = finite("x", train=None, test=POINTS, split="given")
    contestants, protocol = [Contestant(name="a", samples=POINTS)], Protocol(num_samples=30)
    with pytest.raises(
        UsageError, match=r"^training samples have shape \(0,\), but the data have shape \(2,\)"
    ):
        run_referees(
            contestants, data, protocol, RefereeOptions(), device="cpu",
            train=FiniteReals(array=torch.zeros(30, 0)),
        )  # fmt: skip


def test_what_a_generator_makes() -> None:
    class Nothing(nn.Module):
        def forward(self, latents: torch.Tensor) -> torch.Tensor:
            return latents[:, :0]

    contestant = model("a", Nothing(), None)
    with pytest.raises(
        UsageError, match=r"^contestant 'a': its generator makes samples of shape \(0,\): each"
    ):
        canonical_samples(contestant, num_samples=5, device=CPU)
