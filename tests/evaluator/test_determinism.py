"""The same figures for any number of processes, and in any order of the contestants."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from crosstests import SETTINGS, crosstested, figures
from grey_models import Brightness
from paths import SUPPORT
from processes import side_by_side
from report_documents import image_model, images
from small_recipes import small
from torch import nn

from gancross import Contestant, Result, crosstest
from gancross.errors import ResourceError
from gancross.evaluator.codec.fields import JsonObject
from gancross.evaluator.estimates import Missing
from gancross.evaluator.protocol import Norm
from gancross.evaluator.verdict.pairs import Pair
from gancross.evaluator.verdict.verdicts import RULES, Verdict, Verdicts
from gancross.machine import threads as threads_of
from gancross.machine.devices import only_deterministic
from gancross.trainer import loop


@pytest.fixture(scope="module")
def paths(checkpoints: dict[str, Path]) -> dict[str, str]:
    """Three contestants, two of them with the same weights and other samples."""
    chosen = {"plain": "digits-plain", "regularized": "digits-regularized", "again": "digits-plain"}
    return {name: str(checkpoints[label]) for name, label in chosen.items()}


@pytest.fixture(scope="module")
def alone(paths: dict[str, str]) -> dict[str, Result]:
    return {setting: crosstested(paths, setting) for setting in SETTINGS}


@pytest.fixture(autouse=True, scope="module")
def _empty_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANCROSS_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def bytes_of(record: JsonObject) -> str:
    return json.dumps(record, sort_keys=True)


@pytest.mark.parametrize("processes", [2, 3])
def test_any_number_of_processes_gives_the_same(
    paths: dict[str, str], alone: dict[str, Result], tmp_path: Path, processes: int
) -> None:
    """Every process returns it; with three, one has no chunk of the 596 reals at all."""
    arguments = [f"{name}={path}" for name, path in paths.items()]
    cache = str(tmp_path / "cache")
    ended = side_by_side(
        processes, [str(SUPPORT / "crosstests.py"), str(tmp_path / "record"), *arguments],
        GANCROSS_CACHE=cache,
    )  # fmt: skip
    assert [process.code for process in ended] == [0] * processes, ended
    for setting, expected in alone.items():
        assert isinstance(expected.batch_norm["plain"], Missing) or setting == "eval"
        for rank in range(processes):
            record = json.loads((tmp_path / f"record.{setting}.{rank}").read_text())
            assert bytes_of(record) == bytes_of(figures(expected)), (setting, rank)


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("threads", [2, 3])
def test_any_number_of_threads_gives_the_same(
    paths: dict[str, str], alone: dict[str, Result], threads: int, setting: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """The calling thread beside them computes on one core, as the libraries of linear algebra do."""
    monkeypatch.setattr(threads_of, "available_cores", lambda: threads)
    torch.set_num_threads(threads)
    try:
        result = crosstested(paths, setting)
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(1)
    assert result.provenance.threads == threads
    assert bytes_of(figures(result)) == bytes_of(figures(alone[setting]))


@pytest.mark.parametrize("setting", SETTINGS)
def test_another_order_of_contestants_gives_the_same(
    paths: dict[str, str], alone: dict[str, Result], setting: str
) -> None:
    reordered = crosstested(dict(reversed(paths.items())), setting)
    assert reordered.names == list(reversed(paths))
    assert figures(by_name(reordered)) == figures(by_name(alone[setting]))


def by_name(result: Result) -> Result:
    """The result with its contestants, cells and pairs in the order of their names."""
    return replace(
        result,
        contestants=tuple(sorted(result.contestants, key=lambda contestant: contestant.name)),
        cross=tuple(sorted(result.cross, key=lambda cell: (cell.judge, cell.generator))),
        pairs=tuple(sorted(map(in_order, result.pairs), key=lambda pair: (pair.a, pair.b))),
    )


def in_order(pair: Pair) -> Pair:
    """The pair with a before b; the words of its reasons in alphabetical order, since each names a first."""
    pair = pair if pair.a < pair.b else pair.swapped()
    verdicts = {rule: sorted_words(pair.verdict.of(rule)) for rule in RULES}
    return replace(pair, verdict=Verdicts(**verdicts))


def sorted_words(verdict: Verdict) -> Verdict:
    return replace(verdict, reason=" ".join(sorted(verdict.reason.split())))


@pytest.mark.parametrize("norm", ["eval", "batch"])
@pytest.mark.parametrize("batch_size", [None, 1_000])
def test_another_order_of_the_test_data_gives_the_same(norm: Norm, batch_size: int | None) -> None:
    """Sorted by brightness the groups of batch statistics would be alike within, and so would the halves."""
    data = images(300)
    shuffled = data[torch.randperm(300, generator=torch.Generator().manual_seed(0))]
    judge = nn.Sequential(nn.BatchNorm2d(1), Brightness(0.2))
    contestants = [image_model("normalized", discriminator=judge, batch_size=8), image_model("plain", 0.3)]
    expected, other = (
        crosstest(
            contestants, data=stored, train_data=stored, num_samples=300, norm=norm, batch_size=batch_size,
            device="cpu",
        )
        for stored in (data, shuffled)
    )  # fmt: skip
    assert figures(other) == figures(expected)


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
    assert crosstest([judge], **options).provenance.deterministic is False
    with pytest.raises(
        ResourceError, match="--deterministic: an operation has no deterministic implementation"
    ) as caught:
        crosstest([judge], **options, deterministic=True)
    assert "put_" in str(caught.value) and "\n" not in str(caught.value)
    assert switches() == before
    with pytest.raises(RuntimeError, match="of another kind"), only_deterministic():
        raise RuntimeError("of another kind")


def test_deterministic_changes_nothing_on_a_cpu(
    paths: dict[str, str], alone: dict[str, Result], tmp_path: Path
) -> None:
    before = switches()
    assert bytes_of(figures(crosstested(paths, "eval", deterministic=True))) == bytes_of(
        figures(alone["eval"])
    )
    usual, deterministic = (
        loop.train(small("digits"), tmp_path / str(flag), device="cpu", deterministic=flag)
        for flag in (False, True)
    )
    assert usual.read_bytes() == deterministic.read_bytes()
    assert switches() == before
