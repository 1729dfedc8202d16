"""Files of every earlier form, made from today's by what was different then: read as promised, or refused."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from paths import SUPPORT
from reading_reports import printed
from report_documents import image_model, images
from small_recipes import small

from gancross import crosstest, load_result
from gancross.checkpoint import file as checkpoint
from gancross.checkpoint.file import FORMAT as CHECKPOINT_FORMAT
from gancross.errors import CheckpointError, DataError
from gancross.evaluator.codec.encoding import decode
from gancross.evaluator.estimates import Missing
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
from gancross.trainer.recipes.recipe import Recipe
from gancross.workflow.plan import is_finished
from gancross.workflow.spec import PlannedRun

Plain = dict[str, Any]
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
    "penalty_fraction",
)  # fmt: skip


def without(values: Plain, *keys: str) -> Plain:
    return {key: value for key, value in values.items() if key not in keys}


@pytest.fixture(scope="module")
def today() -> Plain:
    contestants = [image_model("a"), image_model("b", 1.0), image_model("c", 0.5)]
    return crosstest(contestants, data=images(), num_samples=60).to_dict()


def version_1(document: Plain) -> Plain:
    """As format 1 wrote the same cross-test."""

    def verdicts(entry: Plain) -> Plain:
        return without(entry, "discriminator", "generator") | {"strict": entry["discriminator"]}

    def pair(entry: Plain) -> Plain:
        return verdicts(entry) | {"tests": without(entry["tests"], "j_difference")}

    generators = [{"name": "a", "advantage": 0.5, "wins": 2, "losses": 0, "ties": 0}]
    strengths = without(document["ranking"]["bradley_terry"], "residual")
    return copy.deepcopy(document) | {
        "format": "gancross.result/1", "verdict": verdicts(document["verdict"]),
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
    changed = ("fidelity", "fidelity_reason", "verdict", "pairs", "ranking")
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
    old = without(values, "weights", "latent_shape")
    old["recipe"] = without(values["recipe"], *LATER_FIELDS)
    for network in ("generator", "discriminator"):
        arguments = without(values[network]["arguments"], "activation", "initialization", "filters")
        old[network] = values[network] | {"arguments": arguments}
    return old


CHECKPOINTS: dict[str, Callable[[Plain], Plain]] = {
    "the first": first_checkpoint,
    "before averages": lambda values: without(values, "weights", "latent_shape"),
    "before shapes of latents": lambda values: without(values, "latent_shape"),
    "with the shape that vectors have": lambda values: values | {"latent_shape": None},
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
        lambda values: values | {"format": "gancross.checkpoint/2"},
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
    assert CHECKPOINT_FORMAT == "gancross.checkpoint/1"


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
