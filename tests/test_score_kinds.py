"""The table of score kinds: its thresholds are where the best discriminator's score has p = q."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from paths import ROOT

from gancross.cli.main import cli
from gancross.divergences import DIVERGENCES
from gancross.errors import UsageError
from gancross.evaluator.judging.scores import logits, score_threshold
from gancross.evaluator.statistics.bounds import log_ratio
from gancross.score_kinds import SCORE_KINDS, decision_threshold
from gancross.trainer.objective.objectives import OBJECTIVES

Loss = Callable[..., torch.Tensor]


LOSSES: dict[str, Loss] = {
    "logit": OBJECTIVES["js-logit"].discriminator_loss, "lsgan": OBJECTIVES["lsgan"].discriminator_loss,
    "hinge": OBJECTIVES["hinge"].discriminator_loss,
    "lsgan-symmetric": lambda *, real, fake: ((real - 1).square() + (fake + 1).square()).mean() / 2,
    **{f"f-gan:{name}": OBJECTIVES[name].discriminator_loss for name in DIVERGENCES},
}  # fmt: skip
GRID = torch.linspace(-1.9, 3, 491, dtype=torch.float64)


def best_score(loss: Loss, density_real: float, density_fake: float) -> float:
    """The v that minimises p·ℓ_real(v) + q·ℓ_fake(v), on a grid."""
    neutral = torch.zeros(1, dtype=torch.float64)
    costs = [
        density_real * loss(real=v[None], fake=neutral) + density_fake * loss(real=neutral, fake=v[None])
        for v in GRID
    ]
    return float(GRID[int(torch.stack(costs).argmin())])


@pytest.mark.parametrize("kind", LOSSES)
def test_the_best_score_is_above_the_threshold_exactly_where_data_are_denser(kind: str) -> None:
    threshold = SCORE_KINDS[kind].threshold
    assert threshold is not None
    assert best_score(LOSSES[kind], 0.6, 0.4) > threshold + 0.05
    assert best_score(LOSSES[kind], 0.4, 0.6) < threshold - 0.05


@pytest.mark.parametrize("kind", [name for name, entry in SCORE_KINDS.items() if entry.log_ratio is not None])
def test_the_ratio_at_the_threshold_is_1(kind: str) -> None:
    on_scores = score_threshold(SCORE_KINDS[kind].threshold, score_kind=kind, orientation="real_high")
    ratio = log_ratio(np.array([on_scores, on_scores + 0.5 if on_scores is not None else None]), kind)
    assert ratio is not None and ratio[0] == 0 and ratio[1] > 0


@pytest.mark.parametrize("kind", SCORE_KINDS)
def test_auto_is_a_threshold_that_could_be_given(kind: str) -> None:
    own = decision_threshold(kind, "auto")
    assert decision_threshold(kind, None) is None
    assert own is None or decision_threshold(kind, own) == own
    scalar: Any = np.float32(0.25)
    assert decision_threshold(kind, scalar) == 0.25


@pytest.mark.parametrize(
    ("kind", "threshold", "message"),
    [
        ("probability", 0.0, "a number between 0 and 1, got 0.0"),
        ("probability", 1, "a number between 0 and 1, got 1"),
        ("hinge", float("inf"), "a finite number, got inf"),
        ("critic", float("nan"), "expected 'auto', None or a finite number, got nan"),
        ("logit", "none", "got 'none'"),
        ("logit", "0.5", "got '0.5'"),
        ("hing", 0.0, "did you mean 'hinge'"),
    ],
)
def test_other_thresholds_are_refused(kind: str, threshold: Any, message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        decision_threshold(kind, threshold)


@given(
    probabilities=st.lists(st.floats(2**-24, 1 - 2**-24), min_size=1, max_size=40),
    number=st.integers(0, 39), orientation=st.sampled_from(["real_high", "fake_high"]),
)  # fmt: skip
def test_a_probability_ties_with_its_own_threshold(
    probabilities: list[float], number: int, orientation: str
) -> None:
    tau = probabilities[number % len(probabilities)]
    sign = -1 if orientation == "fake_high" else 1
    scores = sign * logits(np.array(probabilities))
    threshold = score_threshold(tau, score_kind="probability", orientation=orientation)
    assert threshold is not None
    assert np.array_equal(scores == threshold, np.array(probabilities) == tau)


def test_the_documentation_s_table_is_the_package_s() -> None:
    page = (ROOT / "docs" / "reference" / "scores.md").read_text(encoding="utf-8")
    kinds = {name: entry for name, entry in SCORE_KINDS.items() if not name.startswith("f-gan:")}
    rows = [
        f"| `{name}` | {'none' if entry.threshold is None else f'{entry.threshold:g}'}"
        f" | {'no' if entry.log_ratio is None else 'yes'} | {entry.meaning} |"
        for name, entry in kinds.items()
    ]
    f_gan = f"| `f-gan:NAME` | g_f⁻¹(f'(1)) | yes | {SCORE_KINDS['f-gan:kl'].meaning} |"
    (table,) = re.findall(r"^\| `score_kind` \| τ .*\n\|---.*\n((?:\|.*\n)+)", page, flags=re.M)
    assert sorted(table.splitlines()) == sorted([*rows, f_gan])


def test_the_documentation_says_what_every_loss_says_about_its_score() -> None:
    page = (ROOT / "docs" / "reference" / "scores.md").read_text(encoding="utf-8")
    rows = {
        f"| `{re.sub('(?<=f-gan:).*', 'NAME', name)}` | {kind.loss} | {kind.best} | {kind.source} |"
        for name, kind in SCORE_KINDS.items()
    }
    (table,) = re.findall(
        r"^\| `score_kind` \| the discriminator .*\n\|---.*\n((?:\|.*\n)+)", page, flags=re.M
    )
    assert sorted(table.splitlines()) == sorted(rows)


# The losses of the table in numpy, of the score on data and on generated samples, and their best scores.
Curve = Callable[[np.ndarray], np.ndarray]
POINTWISE: dict[str, tuple[Curve, Curve, Callable[[float, float], float]]] = {
    "logit": (lambda v: np.log1p(np.exp(-v)), lambda v: np.log1p(np.exp(v)), lambda p, q: math.log(p / q)),
    "probability": (lambda v: -np.log(v), lambda v: -np.log(1 - v), lambda p, q: p / (p + q)),
    "hinge": (
        lambda v: np.maximum(1 - v, 0), lambda v: np.maximum(1 + v, 0), lambda p, q: math.copysign(1, p - q)
    ),
    "lsgan": (lambda v: (v - 1) ** 2 / 2, lambda v: v**2 / 2, lambda p, q: p / (p + q)),
    "lsgan-symmetric": (
        lambda v: (v - 1) ** 2 / 2, lambda v: (v + 1) ** 2 / 2, lambda p, q: (p - q) / (p + q)
    ),
    "energy": (lambda v: v, lambda v: np.maximum(3 - v, 0), lambda p, q: 0 if p > q else 3),  # m = 3
}  # fmt: skip


@pytest.mark.parametrize("kind", POINTWISE)
def test_the_best_score_is_that_of_the_formula(kind: str) -> None:
    of_data, of_fakes, best = POINTWISE[kind]
    grid = {"probability": np.linspace(0.001, 0.999, 999), "energy": np.linspace(0, 5, 5001)}.get(
        kind, np.linspace(-4, 4, 8001)
    )
    threshold = 1.5 if kind == "energy" else SCORE_KINDS[kind].threshold
    assert threshold is not None
    for p in (0.05, 0.2, 0.4, 0.7, 0.9):
        found = grid[(p * of_data(grid) + (1 - p) * of_fakes(grid)).argmin()]
        assert found == pytest.approx(best(p, 1 - p), abs=1e-3)
        assert (found > threshold) == (p > 0.5) ^ (kind == "energy")


def test_a_relativistic_loss_knows_scores_up_to_a_constant() -> None:
    """On two points: the best difference is that of ln p/q, and v + c costs as much, by averages too."""
    p, q = np.array([0.7, 0.3]), np.array([0.2, 0.8])

    def of_pairs(v: np.ndarray) -> float:
        return float((np.outer(p, q) * np.log1p(np.exp(-np.subtract.outer(v, v)))).sum())

    def of_averages(v: np.ndarray) -> float:
        of_data, of_fakes = np.log1p(np.exp(-(v - q @ v))), np.log1p(np.exp(v - p @ v))
        return float(p @ of_data + q @ of_fakes)

    differences = np.linspace(-5, 5, 10001)
    best = differences[np.argmin([of_pairs(np.array([d, 0.0])) for d in differences])]
    assert best == pytest.approx(np.log(0.7 / 0.2) - np.log(0.3 / 0.8), abs=1e-3)
    for loss in (of_pairs, of_averages):
        assert loss(np.array([1.3, -0.4])) == pytest.approx(loss(np.array([1.3, -0.4]) + 50), abs=1e-12)
    assert SCORE_KINDS["relativistic"].threshold is None


def test_the_command_line_s_help_names_every_kind() -> None:
    shown = "".join(CliRunner().invoke(cli, ["crosstest", "--help"]).output.split())
    (listed,) = re.findall(r"\[score_kind:(.*?);", shown)
    assert listed.split(",") == list(SCORE_KINDS)
