"""What Python calls may pass: numbers of numpy are as good as Python's, anything else is one clear error."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import gancross
from gancross.errors import ResourceError, UsageError

DATA = torch.zeros(40, 2)


def contestant(**changes: Any) -> gancross.Contestant:
    networks: dict[str, Any] = {
        "generator": nn.Linear(2, 2),
        "discriminator": nn.Linear(2, 1),
        "latent_dim": 2,
    }
    return gancross.Contestant(name="a", **(networks | changes))


def crosstest(contestants: Any = None, **options: Any) -> gancross.Result:
    arguments: dict[str, Any] = {"data": DATA, "num_samples": 20, "device": "cpu"} | options
    return gancross.crosstest([contestant()] if contestants is None else contestants, **arguments)


@pytest.mark.parametrize(
    "options",
    [
        {"num_samples": np.int64(20)}, {"seed": np.uint8(3)}, {"batch_size": np.int32(7)},
        {"norm_check": np.bool_(False), "quantize": np.bool_(True), "controls": np.bool_(True)},
        {"contestants": iter([contestant(batch_size=np.int64(4))])}, {"device": torch.device("cpu")},
        {"seed": True},
    ],
    ids="-".join,
)  # fmt: skip
def test_what_counts_as_a_number_makes_a_record_that_is_read_again(
    options: dict[str, Any], tmp_path: Path
) -> None:
    result = crosstest(**options)
    result.save(tmp_path / "r.json")
    assert gancross.load_result(tmp_path / "r.json") == result


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"num_samples": 20.0}, "the number of samples must be an integer, got 20.0"),
        ({"num_samples": "20"}, "must be an integer"), ({"seed": 1.5}, "seed must be an integer"),
        ({"seed": None}, "seed must be an integer"), ({"batch_size": 10.0}, "must be an integer"),
        ({"norm_check": "no"}, "norm_check must be True or False"), ({"device": None}, "device None: choose"),
        ({"contestants": contestant()}, "expected a list of gancross.Contestant, got Contestant"),
        ({"contestants": ["x.pt"]}, "got str; gancross.load_contestant"),
        ({"contestants": {"a": contestant()}}, "got str"),
        ({"data": DATA.to_sparse()}, "expected a dense tensor"),
        ({"data": DATA.to("meta")}, "expected a dense tensor"), ({"metrics": "fit"}, "unknown metric 'fit'"),
    ],
)  # fmt: skip
def test_anything_else_is_one_clear_error(options: dict[str, Any], reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        crosstest(**options)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"method": 3}, "method must be a text"),
        ({"batch_size": 10.0}, "batch_size must be an integer"),
        ({"generator": nn.Linear(2, 2, device="meta")}, "on the device 'meta'"),
    ],
)
def test_so_it_is_of_a_contestant(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        contestant(**changes)


def test_scores_are_real_numbers() -> None:
    class Complex(nn.Linear):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x) * 1j

    with pytest.raises(UsageError, match=r"must return real numbers, got torch\.complex64"):
        crosstest([contestant(discriminator=Complex(2, 1))])


def test_a_record_needs_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ResourceError, match="is a folder"):
        crosstest().save(".")
