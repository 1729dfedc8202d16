"""`gancross trace`: a run along its saved steps agrees with a cross-test of the same checkpoints."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from command_line import call
from crews import threads_seen
from small_recipes import small
from torch import nn

from gancross import Result, pictures
from gancross.checkpoint import file as checkpoint
from gancross.checkpoint.file import load_contestant
from gancross.data import catalogue, digits
from gancross.data.resizing import Resize
from gancross.data.sets import to_network
from gancross.errors import UsageError
from gancross.evaluator.crosstest import crosstest
from gancross.evaluator.estimates import Estimate, Missing, Proportion
from gancross.evaluator.judging.scoring import canonical_samples
from gancross.report.paper_figures.saved_runs import saved_run
from gancross.trainer.loop import train
from gancross.trainer.monitors import mixture_figures
from gancross.trainer.recipes.fields import Setting
from gancross.workflow.trace import TraceRequest, trace

N = 700  # a whole chunk and part of another
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Three saved steps of each."""
    root = tmp_path_factory.mktemp("traced")
    variants: dict[str, tuple[str, dict[str, Setting]]] = {
        "mixture": ("mixture", {"anneal": True}),
        "digits": ("digits", {}),
        "critic": ("mixture", {"objective": "wgan-gp"}),
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pictures, "scatter", lambda *points, **settings: b"")
        for name, (base, changes) in variants.items():
            train(small(base, **changes), root / name, device="cpu", checkpoint_every=2)
    return {name: root / name for name in variants}


def request(*, steps: Sequence[int] | None = None, cross: bool = False) -> TraceRequest:
    return TraceRequest(steps=steps, cross=cross, num_samples=N, data_root=catalogue.DEFAULT_ROOT, device=CPU)


def crosstested(folder: Path, data: str) -> Result:
    """The same checkpoints as contestants of one cross-test."""
    paths = sorted((folder / "checkpoints").glob("*.pt"))
    models = [load_contestant(path, name=f"step-{checkpoint.load(path).step}") for path in paths]
    return crosstest(models, data=data, num_samples=N, controls=False, device="cpu")


@pytest.mark.parametrize("name", ["mixture", "digits"])
def test_figures_are_those_of_a_cross_test(runs: dict[str, Path], name: str) -> None:
    traced = trace(saved_run(runs[name]), request(cross=True))
    expected = crosstested(runs[name], name)
    assert traced.cross is not None and traced.cross.steps == (2, 4, 6)
    for row, generator in zip(traced.cross.fp, traced.cross.steps, strict=True):
        for rate, judge in zip(row, traced.cross.steps, strict=True):
            fp = expected.cells[f"step-{judge}", f"step-{generator}"].fp
            assert isinstance(fp, Proportion) and rate == fp.rate
    for snapshot in traced.snapshots:
        own = expected.confusion[f"step-{snapshot.step}"]
        assert not isinstance(own, Missing) and (snapshot.fn, snapshot.fp) == (own.fn, own.fp)
        assert snapshot.generalisation_gap == expected.generalisation_gap[f"step-{snapshot.step}"]
        assert isinstance(snapshot.score_real, float) and isinstance(snapshot.score_fake, float)
        assert snapshot.margin == snapshot.score_real - snapshot.score_fake
    alone = trace(saved_run(runs[name]), request(steps=[4]))
    assert alone.snapshots == traced.snapshots[1:2] and alone.cross is None


def test_resized_steps_are_judged_as_in_a_cross_test_that_resizes(runs: dict[str, Path]) -> None:
    to = Resize(side=12, filter="bilinear")
    traced = trace(saved_run(runs["digits"]), replace(request(steps=[2, 6], cross=True), resize=to))
    saved = saved_run(runs["digits"])
    models = [saved.contestant(step, name=f"step-{step}") for step in (2, 6)]
    expected = crosstest(
        models, data="digits", num_samples=N, controls=False, norm_check=False, device="cpu",
        resize="12:bilinear",
    )  # fmt: skip
    plain = trace(saved_run(runs["digits"]), request(steps=[2, 6]))
    for snapshot, unresized in zip(traced.snapshots, plain.snapshots, strict=True):
        own = expected.confusion[f"step-{snapshot.step}"]
        assert not isinstance(own, Missing) and (snapshot.fn, snapshot.fp) == (own.fn, own.fp)
        assert snapshot.generalisation_gap == expected.generalisation_gap[f"step-{snapshot.step}"]
        assert snapshot.score_real != unresized.score_real
    assert traced.flags == (
        "the test data: 8×8 images were resized to 12×12 (bilinear, antialiased)",
        "'digits': 8×8 images were resized to 12×12 (bilinear, antialiased); its discriminator judged all"
        " images resized to 8×8 again, which it was not trained on",
    )
    protocols = [json.loads(each.to_json())["protocol"] for each in (traced, plain)]
    assert protocols[0]["resize"] == {"side": 12, "filter": "bilinear"} and "resize" not in protocols[1]


def test_vectors_are_not_resized(runs: dict[str, Path]) -> None:
    with pytest.raises(UsageError, match="are no images"):
        trace(saved_run(runs["mixture"]), replace(request(), resize=Resize(side=8)))


def test_the_mixture_has_figures_of_its_own(runs: dict[str, Path]) -> None:
    last = trace(saved_run(runs["mixture"]), request()).snapshots[-1]
    model = load_contestant(runs["mixture"] / "last.pt", name="step-6")
    samples = canonical_samples(model, num_samples=N, purpose="crosstest", device=CPU)
    assert mixture_figures(samples).items() <= last.samples.items()
    reals = catalogue.load("mixture", root=catalogue.DEFAULT_ROOT, test_seed=0).held_out(N)
    ratio = (samples.var(0, correction=0).mean() / reals.var(0, correction=0).mean()).sqrt()
    assert last.samples["spread"] == pytest.approx(float(ratio), rel=1e-5)
    assert last.gamma == pytest.approx(0.1 * 0.01)
    assert isinstance(last.generalisation_gap, Missing) and isinstance(last.training_auc, Missing)


def test_memory_of_the_training_set_is_seen_without_a_threshold(runs: dict[str, Path]) -> None:
    """By counting pairs of a training and a test image."""
    (snapshot,) = trace(saved_run(runs["digits"]), request(steps=[6])).snapshots
    train_images, test_images = digits.images()
    model = load_contestant(runs["digits"] / "last.pt")
    assert model.discriminator is not None
    with torch.inference_mode():
        train_scores, test_scores = (
            model.discriminator(to_network(part)).flatten().double().numpy()
            for part in (train_images, test_images)
        )
    above = train_scores[:, None] > test_scores[None]
    assert len(train_scores) > N
    area = snapshot.training_auc
    assert isinstance(area, Estimate) and area.value == pytest.approx(float(above.mean()), abs=0.03)
    assert area.low < area.value < area.high


def test_a_critic_has_scores_but_no_rates(runs: dict[str, Path]) -> None:
    traced = trace(saved_run(runs["critic"]), request(cross=True))
    assert traced.cross is not None and traced.cross.fp == ((None,) * 3,) * 3
    for snapshot in traced.snapshots:
        assert isinstance(snapshot.fn, Missing) and snapshot.fn.reason
        assert isinstance(snapshot.margin, float) and np.isfinite(snapshot.margin)


def test_the_json_has_counts_reasons_and_the_samples_figures_beside_the_others(runs: dict[str, Path]) -> None:
    critic, mixture = (trace(saved_run(runs[name]), request(steps=[6])) for name in ("critic", "mixture"))
    (snapshot,) = json.loads(critic.to_json())["snapshots"]
    assert snapshot["fn"] is None and snapshot["fn_reason"] and snapshot["fp"] is None
    document = json.loads(mixture.to_json())
    assert document["format"] == "gancross.trace/1" and document["cross"] is None
    (snapshot,) = document["snapshots"]
    assert set(snapshot["fn"]) == {"count", "n", "rate", "ci95"}
    gap = snapshot["generalisation_gap"]
    assert gap["value"] is None and gap["value_reason"]
    assert snapshot["training_auc"] is None and snapshot["training_auc_reason"]
    assert mixture.snapshots[0].samples.items() <= snapshot.items()


def test_any_number_of_threads_traces_the_same(
    runs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, found = threads_seen(monkeypatch, cores=3), list[bytes]()
    for threads in (1, 3):
        record = tmp_path / f"{threads}.json"
        line = ["trace", runs["digits"], "--steps", 6, "-n", 200, "--chunk", 30, "--device", "cpu", "-q"]
        assert call(*line, "--json", record, "--threads", threads) == 0
        found.append(record.read_bytes())
    assert found[0] == found[1] and seen == [1, 3]


def test_what_cannot_be_traced_is_said_in_one_line(runs: dict[str, Path]) -> None:
    with pytest.raises(UsageError, match="step 5 was not saved; saved steps: 2, 4, 6"):
        trace(saved_run(runs["digits"]), request(steps=[5]))
    with pytest.raises(UsageError, match="does not exist"):
        saved_run(runs["digits"] / "nothing")


def test_the_command_prints_tables_or_nothing_but_json(
    runs: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    common = ["trace", str(runs["mixture"]), "-n", "500", "--device", "cpu", "--cross"]
    for target in ("-", str(tmp_path / "trace.json")):
        assert call(*common, "--json", target) == 0
    printed = capsys.readouterr().out
    document, end = json.JSONDecoder().raw_decode(printed)
    assert document == json.loads((tmp_path / "trace.json").read_text())
    assert [snapshot["step"] for snapshot in document["snapshots"]] == [2, 4, 6]
    assert "3 std ↑" in printed[end:] and "gap" not in printed[end:]
    assert call("trace", tmp_path) == 2


def test_a_chunk_is_recorded_and_moves_no_figure_by_more_than_a_last_bit(runs: dict[str, Path]) -> None:
    saved = saved_run(runs["digits"])
    (usual,), traced = (
        trace(saved, request(steps=[4])).snapshots,
        trace(saved, replace(request(steps=[4]), chunk=90)),
    )
    (snapshot,) = traced.snapshots
    assert traced.protocol.chunk == 90
    assert snapshot.score_real == pytest.approx(usual.score_real, abs=1e-5)
    assert snapshot.score_fake == pytest.approx(usual.score_fake, abs=1e-2)
    assert call("trace", runs["digits"], "--chunk", "0") == 2


class Groups(nn.Module):
    """A deviation over groups of 32, which no other batches hold."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        rows = images.flatten(1).view(32, -1, images[0].numel())
        spread: torch.Tensor = rows.std(0).mean(1).repeat(32) - 0.25
        return spread + images.mean((1, 2, 3))


def test_a_judge_of_whole_batches_sees_them_as_in_a_cross_test(
    runs: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = saved_run(runs["digits"])
    own = replace(saved.contestant(4, name="step-4"), discriminator=Groups(), batch_size=96)
    monkeypatch.setattr(type(saved), "contestant", lambda self, step, name: own)
    (snapshot,) = trace(saved, replace(request(steps=[4]), chunk=90)).snapshots
    expected = crosstest([own], data="digits", num_samples=N, controls=False, device="cpu", chunk=90)
    table = expected.confusion["step-4"]
    assert not isinstance(table, Missing) and (snapshot.fn, snapshot.fp) == (table.fn, table.fp)
    assert snapshot.generalisation_gap == expected.generalisation_gap["step-4"]
