"""The same figures for any number of processes, on repetition, and in any order of the contestants."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from crosstests import SETTINGS, figures
from paths import SUPPORT
from processes import side_by_side
from small_recipes import small
from torch import nn

from gancross import Contestant, crosstest
from gancross.errors import ResourceError
from gancross.machine.devices import only_deterministic
from gancross.trainer import loop

DIFFERENCES = ("fn_difference", "auc_difference", "fp_at_fn5_difference")


@pytest.fixture(scope="module")
def paths(checkpoints: dict[str, Path]) -> dict[str, str]:
    """Three contestants, two of them with the same weights and other samples."""
    chosen = {"plain": "digits-plain", "regularized": "digits-regularized", "again": "digits-plain"}
    return {name: str(checkpoints[label]) for name, label in chosen.items()}


@pytest.fixture(scope="module")
def alone(paths: dict[str, str]) -> dict[str, dict[str, Any]]:
    return {setting: figures(paths, setting) for setting in SETTINGS}


@pytest.fixture(autouse=True, scope="module")
def _empty_cache(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANCROSS_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def bytes_of(record: dict[str, Any]) -> str:
    return json.dumps(record, sort_keys=True)


@pytest.mark.parametrize("processes", [2, 3])
def test_any_number_of_processes_finds_the_same(
    paths: dict[str, str], alone: dict[str, dict[str, Any]], tmp_path: Path, processes: int
) -> None:
    """Every process returns it; with three, one has no chunk of the 596 reals at all."""
    arguments = [f"{name}={path}" for name, path in paths.items()]
    cache = str(tmp_path / "cache")
    ended = side_by_side(
        processes, [str(SUPPORT / "crosstests.py"), str(tmp_path / "found"), *arguments], GANCROSS_CACHE=cache
    )
    assert [one.code for one in ended] == [0] * processes, ended
    for setting, expected in alone.items():
        assert expected["batch_norm"]["plain"]["modes"] is None or setting == "eval"
        for rank in range(processes):
            found = json.loads((tmp_path / f"found.{setting}.{rank}").read_text())
            assert bytes_of(found) == bytes_of(expected), (setting, rank)


@pytest.mark.parametrize("setting", SETTINGS)
def test_another_order_of_contestants_finds_the_same(
    paths: dict[str, str], alone: dict[str, dict[str, Any]], setting: str
) -> None:
    reordered = figures(dict(reversed(paths.items())), setting)
    assert [c["name"] for c in reordered["contestants"]] == list(reversed(paths))
    assert by_name(reordered) == by_name(alone[setting])


def by_name(record: dict[str, Any]) -> dict[str, Any]:
    """The record with every list of contestants, cells and pairs in the order of their names."""
    named = dict(record)
    named["contestants"] = {one["name"]: one for one in record["contestants"]}
    named["cross"] = {(cell["judge"], cell["generator"]): cell for cell in record["cross"]}
    named["pairs"] = {tuple(sorted((pair["a"], pair["b"]))): turned(pair) for pair in record["pairs"]}
    return named


def turned(pair: dict[str, Any]) -> dict[str, Any]:
    """The pair with a before b; every difference is a − b, and every sentence speaks of a first."""
    reasons = {
        rule: {**pair[rule], "reason": sorted(pair[rule]["reason"].split())} for rule in ("paper", "strict")
    }
    pair = {**pair, **reasons}
    if pair["a"] < pair["b"]:
        return pair
    tests = dict(pair["tests"])
    tests["newcombe95"] = negated(tests["newcombe95"])
    for key in DIFFERENCES:
        if tests[key] is not None:
            tests[key] = {"value": -tests[key]["value"], "ci95": negated(tests[key]["ci95"])}
    return {**pair, "a": pair["b"], "b": pair["a"], "tests": tests}


def negated(interval: list[float] | None) -> list[float] | None:
    return None if interval is None else [-interval[1], -interval[0]]


class Unrepeatable(nn.Module):
    """A judge with an operation that has no deterministic form, on the CPU either."""

    def forward(self, samples: torch.Tensor) -> torch.Tensor:
        scores = samples.sum(1).clone()
        return scores.put_(torch.tensor([0]), samples[:1, 0].clone())


def switches() -> tuple[bool, ...]:
    cudnn = torch.backends.cudnn
    return torch.are_deterministic_algorithms_enabled(), cudnn.benchmark, cudnn.deterministic


def test_an_operation_without_deterministic_form_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    before = switches()
    judge = Contestant(name="judge", generator=nn.Linear(2, 3), discriminator=Unrepeatable(), latent_dim=2)
    options: dict[str, Any] = {"data": torch.randn(20, 3), "num_samples": 10, "device": "cpu"}
    assert crosstest([judge], **options).document["provenance"]["deterministic"] is False
    with pytest.raises(
        ResourceError, match="--deterministic: an operation has no deterministic form"
    ) as caught:
        crosstest([judge], **options, deterministic=True)
    assert "put_" in str(caught.value) and "\n" not in str(caught.value)
    assert switches() == before
    with pytest.raises(RuntimeError, match="of another kind"), only_deterministic():
        raise RuntimeError("of another kind")


def test_deterministic_changes_nothing_on_a_cpu(
    paths: dict[str, str], alone: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    before = switches()
    assert bytes_of(figures(paths, "eval", deterministic=True)) == bytes_of(alone["eval"])
    made = [
        loop.train(small("digits"), tmp_path / str(wanted), device="cpu", deterministic=wanted)
        for wanted in (False, True)
    ]
    assert made[0].read_bytes() == made[1].read_bytes()
    assert switches() == before
