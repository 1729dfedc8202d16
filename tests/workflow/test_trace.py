"""`gancross trace`: a run along its saved steps agrees with a cross-test of the same checkpoints."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from small_recipes import small

from gancross import pictures
from gancross.checkpoint import file as checkpoint
from gancross.checkpoint.file import load_contestant
from gancross.cli.main import main
from gancross.data import catalogue, digits
from gancross.data.sets import to_network
from gancross.errors import UsageError
from gancross.evaluator.crosstest import crosstest
from gancross.evaluator.judging.samples import canonical_samples
from gancross.report.paper_figures.saved_runs import saved_run
from gancross.trainer.loop import train
from gancross.trainer.monitors import mixture_figures
from gancross.trainer.recipes.fields import Setting
from gancross.workflow.trace import Asked, trace

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


def asked(**settings: object) -> Asked:
    return Asked(num_samples=N, data_root=catalogue.DEFAULT_ROOT, device=CPU, **settings)  # type: ignore[arg-type]


def as_crosstested(folder: Path, data: str) -> Setting:
    """The same checkpoints as contestants of one cross-test."""
    paths = sorted((folder / "checkpoints").glob("*.pt"))
    models = [load_contestant(path, name=f"step-{checkpoint.load(path).step}") for path in paths]
    return crosstest(models, data=data, num_samples=N, controls=False, device="cpu").to_dict()  # type: ignore[return-value]


@pytest.mark.parametrize("name", ["mixture", "digits"])
def test_figures_are_those_of_a_cross_test(runs: dict[str, Path], name: str) -> None:
    found = trace(saved_run(runs[name]), asked(cross=True))
    expected = as_crosstested(runs[name], name)
    assert found["cross"]["steps"] == [2, 4, 6]
    cells = {(cell["generator"], cell["judge"]): cell["fp"]["rate"] for cell in expected["cross"]}  # type: ignore[index]
    for row, generator in zip(found["cross"]["fp"], (2, 4, 6), strict=True):
        assert row == [cells[f"step-{generator}", f"step-{judge}"] for judge in (2, 4, 6)]
    for one in found["snapshots"]:
        model = f"step-{one['step']}"
        own = expected["confusion"][model]  # type: ignore[index]
        assert (one["fn"], one["fp"]) == (own["fn"], own["fp"])
        assert one["generalisation_gap"] == expected["generalisation_gap"][model]  # type: ignore[index]
        assert one["margin"] == one["score_real"] - one["score_fake"]
    alone = trace(saved_run(runs[name]), asked(steps=[4]))
    assert alone["snapshots"] == found["snapshots"][1:2] and alone["cross"] is None


def test_the_mixture_has_figures_of_its_own(runs: dict[str, Path]) -> None:
    last = trace(saved_run(runs["mixture"]), asked())["snapshots"][-1]
    model = load_contestant(runs["mixture"] / "last.pt", name="step-6")
    samples = canonical_samples(model, num_samples=N, purpose="crosstest", device=CPU)
    assert mixture_figures(samples).items() <= last.items()
    reals = catalogue.load("mixture", root=catalogue.DEFAULT_ROOT, test_seed=0).held_out(N)
    ratio = (samples.var(0, correction=0).mean() / reals.var(0, correction=0).mean()).sqrt()
    assert last["spread"] == pytest.approx(float(ratio), rel=1e-5)
    assert last["gamma"] == pytest.approx(0.1 * 0.01)
    assert last["generalisation_gap"]["value"] is None and last["training_auc"] is None


def test_memory_of_the_training_set_is_seen_without_a_threshold(runs: dict[str, Path]) -> None:
    """By counting pairs of a training and a test image."""
    (one,) = trace(saved_run(runs["digits"]), asked(steps=[6]))["snapshots"]
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
    assert one["training_auc"]["value"] == pytest.approx(float(above.mean()), abs=0.03)
    low, high = one["training_auc"]["ci95"]
    assert low < one["training_auc"]["value"] < high


def test_a_critic_has_scores_but_no_rates(runs: dict[str, Path]) -> None:
    found = trace(saved_run(runs["critic"]), asked(cross=True))
    assert found["cross"]["fp"] == [[None] * 3] * 3
    for one in found["snapshots"]:
        assert one["fn"] is None and one["fn_reason"] and np.isfinite(one["margin"])


def test_what_cannot_be_traced_is_said_in_one_line(runs: dict[str, Path]) -> None:
    with pytest.raises(UsageError, match="step 5 was not saved; saved steps: 2, 4, 6"):
        trace(saved_run(runs["digits"]), asked(steps=[5]))
    with pytest.raises(UsageError, match="does not exist"):
        saved_run(runs["digits"] / "nothing")


def test_the_command_prints_tables_or_nothing_but_json(
    runs: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    common = ["trace", str(runs["mixture"]), "-n", "500", "--device", "cpu", "--cross"]
    for target in ("-", str(tmp_path / "trace.json")):
        with pytest.raises(SystemExit) as left:
            main([*common, "--json", target])
        assert not left.value.code
    printed = capsys.readouterr().out
    document, end = json.JSONDecoder().raw_decode(printed)
    assert document == json.loads((tmp_path / "trace.json").read_text())
    assert [one["step"] for one in document["snapshots"]] == [2, 4, 6]
    assert "3 std ↑" in printed[end:] and "gap" not in printed[end:]
    with pytest.raises(SystemExit) as left:
        main(["trace", str(tmp_path)])
    assert left.value.code == 2
