"""Files of every earlier form, made from today's by what was different then: read as promised, or refused."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from grey_models import Brightness
from paths import SUPPORT
from reading_reports import printed
from report_documents import image_model, images
from small_recipes import small
from torch import nn

from gancross import crosstest, load_result
from gancross.checkpoint import file as checkpoint
from gancross.checkpoint.file import FORMAT as CHECKPOINT_FORMAT
from gancross.errors import CheckpointError, DataError
from gancross.evaluator.codec.encoding import decode
from gancross.evaluator.estimates import Missing
from gancross.evaluator.judging.scores import logits, score_threshold
from gancross.evaluator.result.contestant_record import DESCRIPTION_FIELDS
from gancross.evaluator.result.migrations import (
    BOOTSTRAPPED,
    MIGRATIONS,
    NO_FIDELITY,
    NO_GENERATOR_VERDICT,
    NO_INTERVAL,
)
from gancross.evaluator.result.reading import result_from_dict
from gancross.evaluator.result.types import FORMAT
from gancross.evaluator.tournament.methods import MethodClaim
from gancross.report.browser.html import html_report
from gancross.report.text.markdown import markdown_report
from gancross.trainer.loop import train
from gancross.trainer.recipes.habits import HABITS_OFF
from gancross.trainer.recipes.recipe import Recipe
from gancross.workflow.plan import is_finished
from gancross.workflow.spec import PlannedRun

Plain = dict[str, Any]
LOGIT_OF_3_4 = math.log(3)
VERSION_1 = {"format": "gancross.checkpoint/1"}
RECORD = SUPPORT / "old" / "result-before-fidelity.json"  # as an early version wrote it

# Keys of the record when it was only counts, AUC and the paper's verdict.
FIRST_RESULT = (
    "format", "status", "protocol", "contestants", "confusion", "cross", "pairs", "verdict", "flags",
    "provenance",
)  # fmt: skip
# Fields of a recipe that came after the first checkpoints.
LATER_FIELDS = (
    "activation", "gradient_penalty", "clip", "regularize_generator", "noise", "noise_variance", "nsr",
    "noise_players", "optimizer", "ema", "regularize_generator_from", "update", "penalty_every",
    "penalty_fraction", "lecam", "lecam_decay", "lecam_from", "conditional", "label_prior",
    "auxiliary_weight", *HABITS_OFF,
)  # fmt: skip


def without(values: Plain, *keys: str) -> Plain:
    return {key: value for key, value in values.items() if key not in keys}


@pytest.fixture(scope="module")
def today() -> Plain:
    probable: Plain = {
        "discriminator": nn.Sequential(Brightness(0.0), nn.Sigmoid()),
        "score_kind": "probability",
    }
    contestants = [image_model("a"), image_model("b", 1.0, threshold=0.75, **probable), image_model("c", 0.5)]
    return crosstest(contestants, data=images(), num_samples=60).to_dict()


def version_1(document: Plain) -> Plain:
    """As format 1 wrote the same cross-test; "b" has probabilities, whose threshold stood on the logit."""

    def verdicts(entry: Plain) -> Plain:
        return without(entry, "discriminator", "generator") | {"strict": entry["discriminator"]}

    def contestant(entry: Plain) -> Plain:
        old = without(entry, *DESCRIPTION_FIELDS)
        return old | ({"threshold": LOGIT_OF_3_4} if entry["score_kind"] == "probability" else {})

    def pair(entry: Plain) -> Plain:
        return verdicts(entry) | {"tests": without(entry["tests"], "j_difference")}

    generators = [{"name": "a", "advantage": 0.5, "wins": 2, "losses": 0, "ties": 0}]
    strengths = without(document["ranking"]["bradley_terry"], "residual")
    return copy.deepcopy(document) | {
        "format": "gancross.result/1", "verdict": verdicts(document["verdict"]),
        "contestants": [contestant(entry) for entry in document["contestants"]],
        "pairs": [pair(entry) for entry in document["pairs"]],
        "ranking": document["ranking"] | {"generators": generators, "bradley_terry": strengths},
    }  # fmt: skip


READ: dict[str, Callable[[Plain], Plain]] = {
    "today": lambda document: document,
    "format 1": version_1,
    "before fidelity": lambda document: without(version_1(document), "fidelity", "fidelity_reason"),
}
REFUSED: dict[str, Callable[[Plain], Plain]] = {
    "the first drafts": lambda document: {key: document[key] for key in FIRST_RESULT},
    "a newer format": lambda document: document | {"format": "gancross.result/3"},
    "no format": lambda document: without(document, "format"),
    "a format that is no text": lambda document: document | {"format": ["gancross.result/2"]},
}


@pytest.mark.parametrize("form", READ)
def test_results_are_brought_to_todays_form(form: str, today: Plain, tmp_path: Path) -> None:
    old = READ[form](today)
    (tmp_path / "old.json").write_text(json.dumps(old))
    loaded = load_result(tmp_path / "old.json")
    changed = (
        "fidelity", "fidelity_reason", "verdict", "pairs", "ranking", "probes", "probes_reason",
        "contestants", "referees_reason",
    )  # fmt: skip
    assert without(loaded.to_dict(), *changed) == without(today, *changed)
    assert isinstance(loaded.fidelity, Missing) and loaded.fidelity.reason
    assert ("fidelity" in old) == (loaded.fidelity.reason != NO_FIDELITY)


def test_what_format_1_called_strict_was_about_discriminators(today: Plain) -> None:
    new, old = result_from_dict(today), result_from_dict(version_1(today))
    for pair, migrated in zip(new.pairs, old.pairs, strict=True):
        assert migrated.verdict.paper == pair.verdict.paper
        assert migrated.verdict.discriminator == pair.verdict.discriminator
        nobody = (migrated.verdict.generator, migrated.verdict.strict)
        assert all(v.winner is None and v.reason == NO_GENERATOR_VERDICT for v in nobody)
        assert replace(migrated, verdict=pair.verdict, j_difference=pair.j_difference) == pair
    assert isinstance(old.ranking.generators, Missing) and "collapsed" in old.ranking.generators.reason
    assert old.ranking.discriminators == new.ranking.discriminators


def test_contestants_of_format_1_decide_as_they_did(today: Plain) -> None:
    new, old = result_from_dict(today), result_from_dict(version_1(today))
    for contestant, migrated in zip(new.contestants, old.contestants, strict=True):
        assert contestant.is_described and not migrated.is_described
        assert all(getattr(migrated, field) is None for field in DESCRIPTION_FIELDS)
        described = {field: getattr(contestant, field) for field in DESCRIPTION_FIELDS}
        assert migrated.threshold == pytest.approx(contestant.threshold, abs=1e-15)
        assert replace(migrated, **described, threshold=contestant.threshold) == contestant
        assert migrated.real_high_threshold == pytest.approx(contestant.real_high_threshold)
    assert old.contestants[1].real_high_threshold == pytest.approx(LOGIT_OF_3_4)


def migrated_threshold(threshold: Any) -> Any:
    """That of a record of format 1 whose scores are probabilities."""
    old: Plain = {"contestants": [{"score_kind": "probability", "threshold": threshold}]}
    migrated: Plain = MIGRATIONS["gancross.result/1"](old)
    return migrated["contestants"][0]["threshold"]


@pytest.mark.parametrize("logit", [-800, -20.0, -16.64, -3.0, 0, 1.5, 16.64, 40.0, 1e308])
def test_thresholds_on_the_logit_decide_the_same_as_probabilities(logit: float) -> None:
    """Scores clipped at either end included."""
    scores = logits(np.array([2.0**-24, 1e-3, 0.4999, 0.5, 0.5001, 0.99, 1 - 2.0**-24]))
    probability = migrated_threshold(logit)
    threshold = score_threshold(probability, score_kind="probability", orientation="real_high")
    assert threshold is not None and np.array_equal(scores > threshold, scores > logit)


@pytest.mark.parametrize("threshold", [None, "0", True, float("nan"), float("inf"), 10**400, [0.0]])
def test_what_is_no_threshold_on_the_logit_is_left_to_the_schema(threshold: Any) -> None:
    assert migrated_threshold(threshold) is threshold


def test_what_format_1_did_not_test_is_said(today: Plain) -> None:
    old = version_1(today)
    old["protocol"] = old["protocol"] | {"norm": "batch"}
    old["pairs"][0]["strict"] = {"winner": "a", "reason": "because."}
    result = result_from_dict(old)
    assert result.pairs[0].verdict.discriminator.reason.startswith("because. Recorded before J on the same")
    assert any("as if samples were independent" in flag for flag in result.flags)


def test_fidelity_of_format_1_is_numbers_without_intervals() -> None:
    old: Plain = {"a": {"n": 5, "frechet_distance[x]": 2.5, "is": None, "is_reason": "needs classes"}}
    migrated = MIGRATIONS["gancross.result/1"]({"fidelity": old})["fidelity"]
    assert migrated == {
        "a": {
            "n": 5, "frechet_distance[x]": {"value": 2.5, "ci95": None, "ci95_reason": NO_INTERVAL},
            "is": None, "is_reason": "needs classes",
        }
    }  # fmt: skip


def test_claims_of_format_1_had_a_permutation_alone() -> None:
    old: Plain = {
        "a": "x", "b": "y", "runs": [4, 5], "difference": {"value": 0.1, "ci95": [0.0, 0.2]}, "p": 0.04,
        "holm_p": 0.04, "exact": True, "descriptive": True, "winner": "y", "reason": "beyond chance",
    }  # fmt: skip
    migrated: Plain = MIGRATIONS["gancross.result/1"]({"groups": {"claims": [old]}})
    claim = decode(MethodClaim, migrated["groups"]["claims"][0])
    assert (claim.p, claim.permutation_p, claim.pairs, claim.winner) == (0.04, 0.04, 0, "y")
    assert claim.welch_p is None and claim.sign_flip_p is None
    assert claim.flags == (BOOTSTRAPPED,)


@pytest.mark.parametrize("form", REFUSED)
def test_other_results_are_refused_in_one_line(form: str, today: Plain, tmp_path: Path) -> None:
    (tmp_path / "old.json").write_text(json.dumps(REFUSED[form](today)))
    with pytest.raises(DataError, match=r"old\.json: not a (valid )?result") as refused:
        load_result(tmp_path / "old.json")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("form", READ)
def test_a_migration_leaves_its_argument_and_ends_in_todays_format(form: str, today: Plain) -> None:
    old = READ[form](today)
    before = copy.deepcopy(old)
    migrated = MIGRATIONS[str(old["format"])](old)
    assert old == before and migrated["format"] == FORMAT
    assert MIGRATIONS[FORMAT](migrated) == migrated


def test_a_record_that_an_early_version_wrote_is_shown() -> None:
    result = load_result(RECORD)
    assert result.fidelity == Missing(NO_FIDELITY)
    assert "regularized" in markdown_report(result) and "regularized" in html_report(result, [])
    assert "0.9607" in printed(result, width=100)


def first_checkpoint(values: Plain) -> Plain:
    """As the first commit wrote it; networks then had neither an activation nor initial weights to choose."""
    old = without(values, "weights", "latent_shape") | VERSION_1
    old["recipe"] = without(values["recipe"], *LATER_FIELDS)
    for network in ("generator", "discriminator"):
        arguments = without(values[network]["arguments"], "activation", "initialization", "filters")
        old[network] = values[network] | {"arguments": arguments}
    return old


CHECKPOINTS: dict[str, Callable[[Plain], Plain]] = {
    "the first": first_checkpoint,
    "before averages": lambda values: without(values, "weights", "latent_shape") | VERSION_1,
    "before shapes of latents": lambda values: without(values, "latent_shape") | VERSION_1,
    "before the unit of thresholds": lambda values: values | VERSION_1,
}


def rewritten(path: Path, change: Callable[[Plain], Plain], target: Path) -> Path:
    values = torch.load(path, weights_only=True)
    torch.save(change(values), target)
    return target


@pytest.mark.parametrize("form", CHECKPOINTS)
def test_checkpoints_of_earlier_forms_load(form: str, checkpoints: dict[str, Path], tmp_path: Path) -> None:
    new = checkpoint.load(checkpoints["digits-plain"])
    old = checkpoint.load(rewritten(checkpoints["digits-plain"], CHECKPOINTS[form], tmp_path / "old.pt"))
    assert old.weights == "raw" and old.latent_shape is None
    assert all(torch.equal(old.generator_state[key], value) for key, value in new.generator_state.items())
    assert Recipe.from_dict(old.recipe) == Recipe.from_dict(new.recipe)


def test_the_first_checkpoints_networks_compute_what_todays_do(
    checkpoints: dict[str, Path], tmp_path: Path
) -> None:
    old = rewritten(checkpoints["digits-plain"], first_checkpoint, tmp_path / "old.pt")
    pairs = [checkpoint.load_contestant(path) for path in (old, checkpoints["digits-plain"])]
    latents = torch.randn(5, 16, generator=torch.Generator().manual_seed(0))
    first, second = (pair.generator(latents) for pair in pairs if pair.generator is not None)
    assert torch.equal(first, second)


@pytest.mark.parametrize(
    "change",
    [
        lambda values: values | {"format": "gancross.checkpoint/3"},
        lambda values: values | {"format": ["gancross.checkpoint/2"]},
        lambda values: values | {"later": 1},
        lambda values: without(values, "threshold"),
    ],
)
def test_other_checkpoints_are_refused(
    change: Callable[[Plain], Plain], checkpoints: dict[str, Path], tmp_path: Path
) -> None:
    path = rewritten(checkpoints["digits-plain"], change, tmp_path / "new.pt")
    with pytest.raises(CheckpointError, match="refused"):
        checkpoint.load(path)
    assert CHECKPOINT_FORMAT == "gancross.checkpoint/2"


def test_a_checkpoint_s_threshold_on_the_logit_becomes_a_probability(
    checkpoints: dict[str, Path], tmp_path: Path
) -> None:
    def loaded(score_kind: str, threshold: float | None) -> float | None:
        scores = VERSION_1 | {"score_kind": score_kind, "threshold": threshold}
        old = rewritten(checkpoints["digits-plain"], lambda values: values | scores, tmp_path / "old.pt")
        return checkpoint.load_contestant(old).decision_threshold

    assert loaded("probability", LOGIT_OF_3_4) == pytest.approx(0.75, abs=1e-15)
    assert loaded("probability", 0.0) == 0.5 and loaded("probability", None) is None
    assert loaded("logit", LOGIT_OF_3_4) == LOGIT_OF_3_4 and loaded("critic", 0.5) == 0.5
    for wrong in (float("nan"), float("inf")):
        with pytest.raises(CheckpointError, match="refused"):
            loaded("probability", wrong)


def test_a_finished_run_of_an_earlier_version_is_still_finished(tmp_path: Path) -> None:
    chosen = small("mixture", steps=2)
    run = PlannedRun(name="old", variant="old", recipe=chosen)
    train(chosen, tmp_path, device="cpu")
    assert is_finished(run, tmp_path)
    written = json.loads((tmp_path / "recipe.json").read_text())
    (tmp_path / "recipe.json").write_text(json.dumps(without(written, *LATER_FIELDS)))
    assert is_finished(run, tmp_path)
    (tmp_path / "recipe.json").write_text(json.dumps(written | {"gamma": 0.5}))
    assert not is_finished(run, tmp_path)
    (tmp_path / "recipe.json").write_text("[]")
    assert not is_finished(run, tmp_path)


def test_what_is_quoted_of_a_strange_format_stays_short(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    path.write_text(json.dumps({"format": ["\U00018d09" * 200] * 6}), encoding="utf-8")
    with pytest.raises(DataError, match="not a result this version reads") as caught:
        load_result(path)
    assert len(str(caught.value)) < len(str(path)) + 400
