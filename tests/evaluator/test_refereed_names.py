"""Whom referees of a whole call name, and what takes a name back."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from crosstests import figures
from referee_records import referees_of
from refereed import judged
from tiny_referees import perfect, points, use_tiny
from torch import nn

from gancross import Contestant, crosstest
from gancross.evaluator import refereeing
from gancross.evaluator.estimates import Missing


@pytest.fixture(scope="module")
def common_cache(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(autouse=True)
def _well_trained(common_cache: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANCROSS_CACHE", common_cache)
    use_tiny(monkeypatch, seeds=2)
    monkeypatch.setattr(refereeing, "budget_check", perfect)


class First(nn.Module):
    """A discriminator that calls vectors real whose first number is below 1."""

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        return 1 - vectors[:, 0]


class OffLattice(nn.Module):
    """One that sees how far numbers are from multiples of 0.2."""

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        return ((vectors * 5) - (vectors * 5).round()).abs().sum(1) - 0.25


def test_the_nearer_of_two_is_named_and_a_judge_that_sees_more_takes_the_name_back() -> None:
    """Samples rounded to multiples of 0.2 are near to the data, but a discriminator knows them."""
    near, far = points(520, seed=2), points(520, seed=3, shift=1.5)
    call: dict[str, Any] = {
        "data": points(520), "train_data": points(520, seed=1), "num_samples": 520, "device": "cpu",
    }  # fmt: skip
    contestants = [
        Contestant(name="near", samples=near, discriminator=First()),
        Contestant(name="far", samples=far),
    ]
    steps: list[tuple[str, int, int]] = []
    result = crosstest(contestants, referees="quick", progress=lambda *step: steps.append(step), **call)
    # Own referees, the other's and a discriminator on 12 rungs, 4 cells at one, of 4 referees; 2 copies.
    total = 4 * (3 * 12 + 4) + 2
    assert [step for step in steps if step[0] == "checks"] == [
        ("checks", done, total) for done in range(total + 1)
    ]
    verdict, record = result.verdict, referees_of(result)
    assert verdict.generator.winner == "near" and "'far'" in verdict.generator.reason
    assert verdict.strict.winner == "near" and record.comparisons[0].answer == "named"
    assert record.contestants["far"].detectability.low > 0.2
    assert abs(record.contestants["near"].detectability.value) < 0.1
    (check,) = record.controls.dominance
    assert check.contestant == "near" and not check.fails
    assert [entry.name for entry in result.ranking.generators] == ["near", "far"]  # type: ignore[union-attr]
    without = crosstest(contestants, **call)
    for part in ("cross", "confusion", "histograms", "controls"):
        assert figures(without)[part] == figures(result)[part]
    assert without.verdict.generator.winner is without.verdict.strict.winner is None

    rounded = Contestant(
        name="near", samples=(near * 5).round() / 5 + 1e-4 * near, discriminator=OffLattice()
    )
    again = crosstest([contestants[1], rounded], referees="quick", **call)
    (comparison,) = referees_of(again).comparisons
    assert comparison.answer == "withheld" and again.verdict.generator.winner is None
    assert again.verdict.strict.winner is None
    (check,) = referees_of(again).controls.dominance
    assert check.fails and check.judge == "scores of the discriminator of 'near'"
    assert "under-trained: scores of the discriminator of 'near'" in again.verdict.generator.reason


def test_a_failing_null_withholds_every_name() -> None:
    """Training data of another kind: held-out reals then say nothing about what a model could learn."""
    wrong = points(520, seed=1, scale=2.5)
    samples = {"near": points(520, seed=2), "far": points(520, seed=3, shift=1.5)}
    result = judged(samples, points(520), train_data=wrong)
    null = referees_of(result).controls.null
    assert not isinstance(null, Missing) and null.fails and null.of == "training reals"
    assert result.verdict.generator.winner is None
    assert "'near' would be named, but the null control fails" in result.verdict.generator.reason
    assert any("null control fails" in flag for flag in result.flags)
