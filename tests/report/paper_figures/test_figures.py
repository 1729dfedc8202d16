"""The paper's figures from run folders: panels, order, labels, steps, and runs that do not fit."""

from __future__ import annotations

import dataclasses
import io
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from left_objects import left_objects
from PIL import Image
from small_recipes import SMALL, small

from gancross import pictures
from gancross.checkpoint.file import load_contestant
from gancross.errors import CheckpointError, UsageError
from gancross.evaluator.judging.scoring import canonical_samples
from gancross.pictures import grid_pixels
from gancross.report.paper_figures.labels import by_caption, by_strength, labels, regularization
from gancross.report.paper_figures.layouts import LAYOUTS, Request, figure
from gancross.report.paper_figures.names import FIGURES
from gancross.report.paper_figures.saved_runs import SavedRun, common_steps, saved_run
from gancross.report.paper_figures.sheet import Panel, Row, Sheet, render, to_figure
from gancross.trainer.loop import train
from gancross.trainer.recipes.fields import Setting
from gancross.trainer.recipes.named_recipes import recipe
from gancross.trainer.run.step_files import checkpoint_path

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Runs of six steps, all even steps saved."""
    root = tmp_path_factory.mktemp("runs")
    variants: dict[str, tuple[str, dict[str, Setting]]] = {
        "mixture": ("mixture", {"gamma": 1.0}),
        "mixture-none": ("mixture", {"regularizer": "none"}),
        "mixture-nphi5": ("mixture", {"n_phi": 5, "anneal": True}),
        "digits": ("digits", {}),
        "digits-none": ("digits", {"regularizer": "none"}),
        "digits-tanh": ("digits", {"activation": "tanh"}),
        "digits-noise": ("digits-noise0.1-nsr4", {"width": 4, "batch_size": 16, "steps": 6}),
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pictures, "scatter", lambda *points, **settings: b"")  # pictures that no test looks at
        for name, (base, changes) in variants.items():
            chosen = (small(base) if base in SMALL else recipe(base)).with_changes(changes)
            train(chosen, root / name, device="cpu", checkpoint_every=2)
    return {name: root / name for name in variants}


def request(name: str, *runs: Path, **settings: object) -> Request:
    default = Request(name=name, runs=[saved_run(run) for run in runs], device=CPU, num_samples=12)
    return dataclasses.replace(default, **settings)  # type: ignore[arg-type]


def texts(sheet: Sheet) -> list[str]:
    return [panel.label for row in sheet.rows for panel in row.panels if panel is not None]


def with_recipe(folder: Path, **changes: Setting) -> SavedRun:
    """A run whose recipe has these changes, for labels, order and layout."""
    run = saved_run(folder)
    return dataclasses.replace(run, recipe=run.recipe.with_changes(changes))


def test_names_and_layouts_agree() -> None:
    assert list(FIGURES) == list(LAYOUTS) == [f"fig{number}" for number in range(1, 10)]


def test_fig1_has_a_row_for_each_run_and_a_column_for_each_step(folders: dict[str, Path]) -> None:
    calls: list[tuple[int, int]] = []
    sheet = figure(
        request(
            "fig1", folders["mixture"], folders["mixture-none"], progress=lambda *done: calls.append(done)
        )
    )
    assert [row.label for row in sheet.rows] == ["unregularized", "γ = 1"]
    assert texts(sheet) == ["step 2", "step 4", "step 6", "", "", ""]
    assert "n_φ = 1" in sheet.title and "12 samples" in sheet.note
    assert calls == [(done, 6) for done in range(1, 7)]
    plot = to_figure(sheet)
    assert len(plot.axes) == 6
    views = {(axes.get_xlim(), axes.get_zlim(), axes.elev, axes.azim) for axes in plot.axes}  # type: ignore[attr-defined]
    assert len(views) == 1
    assert {len(axes.get_position().bounds) for axes in plot.axes} == {4}
    written = {text.get_text() for text in plot.texts}
    assert {"unregularized", "γ = 1", "step 2", "step 4", "step 6"} <= written


def test_steps_of_a_run_show_the_same_latents(folders: dict[str, Path]) -> None:
    sheet = figure(request("fig1", folders["mixture"], steps=[2, 6]))
    for panel, step in zip(sheet.rows[0].panels, (2, 6), strict=True):
        path = checkpoint_path(folders["mixture"], step)
        expected = canonical_samples(
            load_contestant(path, name="mixture"), num_samples=12, purpose="figure", device=CPU
        )
        assert panel is not None and torch.equal(torch.as_tensor(panel.drawing), expected)


def test_fig6_takes_runs_with_more_discriminator_updates(folders: dict[str, Path]) -> None:
    sheet = figure(request("fig6", folders["mixture-nphi5"]))
    assert "n_φ = 5" in sheet.title and sheet.rows[0].label == "γ₀ = 0.1 annealed"


def test_fig5_needs_no_run(folders: dict[str, Path]) -> None:
    sheet = figure(request("fig5"))
    assert len(to_figure(sheet).axes) == 1 and "10 times" in sheet.note
    with pytest.raises(UsageError, match="takes no run"):
        figure(request("fig5", folders["mixture"]))


def test_grids_stand_side_by_side_in_the_captions_order(folders: dict[str, Path]) -> None:
    sheet = figure(request("fig2", folders["digits-tanh"], folders["digits"]))
    assert texts(sheet) == ["DCGAN", "DCGAN with tanh"] and "γ = 0.1" in sheet.title
    assert "6 generator updates" in sheet.note
    assert texts(figure(request("fig7", folders["digits-none"]))) == ["DCGAN"]
    four = figure(request("fig4", folders["digits"], folders["digits-noise"], folders["digits-none"]))
    assert texts(four) == ["unregularized", "noise 0.1, NSR 4", "γ = 0.1"]
    five = figure(request("fig3", *[folders["digits"]] * 5))
    assert [len(row.panels) for row in five.rows] == [4, 1]
    assert five.title == "Fig. 3: the level of regularization"


def test_fig8_shows_every_pixel_of_one_run(folders: dict[str, Path]) -> None:
    sheet = figure(request("fig8", folders["digits"], num_samples=20))
    (panel,) = sheet.rows[0].panels
    assert panel is not None and panel.size == (16 * 34 + 2, 2 * 34 + 2)
    pixels = np.asarray(Image.open(io.BytesIO(render(sheet, "png"))).convert("RGB"))
    height, width = panel.size[1], panel.size[0]
    left = (pixels.shape[1] - width) // 2
    grid = np.asarray(panel.drawing)
    tops = [
        top
        for top in range(len(pixels) - height + 1)
        if (pixels[top : top + height, left : left + width] == grid).all()
    ]
    assert len(tops) == 1, "the grid is drawn pixel by pixel"
    with pytest.raises(UsageError, match="one run, got 2"):
        figure(request("fig8", folders["digits"], folders["digits-none"]))


def test_fig9_puts_noise_in_rows_and_ratios_in_columns(folders: dict[str, Path]) -> None:
    noisy = folders["digits-noise"]
    runs = [
        with_recipe(noisy, nsr=8, noise_variance=0.1),
        with_recipe(noisy, nsr=1, noise_variance=0.1),
        with_recipe(noisy, nsr=1, noise_variance=0.01),
        with_recipe(noisy, nsr=2, noise_variance=0.1, noise_players="discriminator"),
    ]
    sheet = figure(dataclasses.replace(request("fig9"), runs=runs))
    assert [row.label for row in sheet.rows] == ["γ = 0.01, both", "γ = 0.1, both", "γ = 0.1, D only"]
    assert [[panel and panel.label for panel in row.panels] for row in sheet.rows] == [
        ["NSR 1", None, None], ["NSR 1", None, "NSR 8"], [None, "NSR 2", None],
    ]  # fmt: skip
    assert len(to_figure(sheet).axes) == 4
    with pytest.raises(UsageError, match="leave one out"):
        figure(dataclasses.replace(request("fig9"), runs=[runs[0], runs[0]]))
    with pytest.raises(UsageError, match="no explicit noise"):
        figure(request("fig9", folders["digits"]))


@pytest.mark.parametrize(
    ("name", "run", "complaint"),
    [
        ("fig1", "digits", "makes images"),
        ("fig1", "mixture-nphi5", "n_phi=5: fig6"),
        ("fig6", "mixture", "n_phi=1: fig1"),
        ("fig2", "mixture", "makes vectors"),
        ("fig2", "digits-none", "unregularized: fig7"),
        ("fig7", "digits", "γ = 0.1: fig2"),
        ("fig3", "mixture", "makes vectors"),
        ("fig8", "mixture", "makes vectors"),
        ("fig9", "mixture", "makes vectors"),
    ],
)
def test_runs_that_do_not_fit(folders: dict[str, Path], name: str, run: str, complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        figure(request(name, folders[run]))


def test_requests_that_do_not_fit(folders: dict[str, Path]) -> None:
    with pytest.raises(UsageError, match=r"step 3 was not saved; saved by all runs: 2, 4, 6"):
        figure(request("fig1", folders["mixture"], steps=[2, 3]))
    with pytest.raises(UsageError, match="one step, got 2 in --steps"):
        figure(request("fig4", folders["digits"], steps=[2, 4]))
    with pytest.raises(UsageError, match="give the folders of runs"):
        figure(request("fig1"))
    with pytest.raises(UsageError, match="at least 1"):
        figure(request("fig5", num_samples=0))
    with pytest.raises(UsageError, match="did you mean 'fig1'"):
        figure(request("fig01"))


def run_with(steps: list[int]) -> SavedRun:
    return SavedRun(
        folder=Path("run"), label=None, recipe=recipe("digits"), checkpoints={step: Path() for step in steps}
    )


def test_columns_are_spread_evenly_over_common_steps() -> None:
    twenty = run_with([100 * number for number in range(1, 21)])
    chosen = common_steps([twenty], None)
    assert len(chosen) == 6 and chosen[-1] == 2000
    assert max(np.diff([0, *chosen])) - min(np.diff([0, *chosen])) <= 100
    assert common_steps([twenty, run_with([100, 300, 999])], None) == [100, 300]
    assert common_steps([twenty], None, most=1) == [2000]
    with pytest.raises(UsageError, match="no step was saved by all"):
        common_steps([twenty, run_with([1, 2])], None)


def test_labels_tell_alike_runs_apart(folders: dict[str, Path]) -> None:
    alike = [with_recipe(folders["digits"], seed=seed) for seed in (0, 1)]
    assert labels(alike, regularization) == ["γ = 0.1, seed 0", "γ = 0.1, seed 1"]
    same = [saved_run(folders["digits"]), saved_run(folders["digits"], "mine")]
    assert labels(same, regularization) == ["γ = 0.1", "mine"]
    assert all(str(folders["digits"]) in label for label in labels([same[0]] * 2, regularization))


def test_the_order_is_that_of_the_paper() -> None:
    def run(name: str, **changes: Setting) -> SavedRun:
        return dataclasses.replace(run_with([1]), recipe=recipe(name).with_changes(changes))

    names = ["lsun-dcgan-tanh", "lsun-dcgan-no-normalization", "lsun-dcgan", "lsun-resnet"]
    assert [entry.recipe.name for entry in by_caption([run(name) for name in names])] == names[::-1]
    four = [run("digits-wgan"), run("digits", gamma=1.0), run("digits"), run("digits-noise0.1-nsr4")]
    four.append(run("digits", regularizer="none"))
    four += [run(name) for name in ("digits-dragan", "digits-r1", "digits-r3gan", "digits-lecam")]
    assert [regularization(entry.recipe) for entry in by_strength(four)] == [
        "unregularized", "noise 0.1, NSR 4", "R1 + R2, γ₀ = 0.05 annealed", "γ = 0.1", "γ = 1",
        "R1, γ = 20", "WGAN", "DRAGAN", "hinge loss",
    ]  # fmt: skip


def test_folders_that_are_no_runs(tmp_path: Path, folders: dict[str, Path]) -> None:
    for path, complaint in [
        (tmp_path / "nothing", "does not exist"), (tmp_path, "no recipe.json"),
        (folders["digits"] / "last.pt", "is a file"),
    ]:  # fmt: skip
        with pytest.raises(UsageError, match=complaint):
            saved_run(path)
    broken = tmp_path / "broken"
    shutil.copytree(folders["digits"], broken)
    (broken / "recipe.json").write_text('{"name": "digits", "gamma": "much"}')
    with pytest.raises(UsageError, match="not a recipe"):
        saved_run(broken)
    shutil.copy(folders["mixture"] / "recipe.json", broken)
    with pytest.raises(UsageError, match="does not belong to the recipe"):
        figure(request("fig1", broken))
    checkpoint_path(broken, 6).write_text("no checkpoint")
    with pytest.raises(CheckpointError):
        figure(request("fig1", broken, steps=[6]))
    shutil.rmtree(broken / "checkpoints")
    with pytest.raises(UsageError, match="no saved steps"):
        saved_run(broken)


@pytest.mark.parametrize(("file_format", "begin"), [("svg", b"<?xml"), ("pdf", b"%PDF"), ("png", b"\x89PNG")])
def test_files_are_what_they_are_called_and_repeat(file_format: str, begin: bytes) -> None:
    grid = grid_pixels(torch.zeros(2, 1, 8, 8, dtype=torch.uint8))
    panels = [Panel(label="$ [red] é", drawing=grid), Panel(label="x" * 300, drawing=torch.zeros(9, 3))]
    sheet = Sheet(title="a title " * 30, note="", rows=[Row(label="γ₀", panels=panels)])
    first = render(sheet, file_format)
    assert first.startswith(begin) and first == render(sheet, file_format)


def test_figures_leave_no_objects() -> None:
    panel = Panel(label="points", drawing=torch.zeros(9, 3))
    sheet = Sheet(title="a title", note="", rows=[Row(label="γ₀", panels=[panel])])
    assert left_objects(lambda: render(sheet, "png"), calls=2) < 200


def test_a_figure_longer_than_a_picture_is_refused() -> None:
    huge = Panel(label="", drawing=np.zeros((70_000, 4, 3), np.uint8))
    with pytest.raises(UsageError, match="smaller -n"):
        render(Sheet(title="", note="", rows=[Row(label="", panels=[huge])]), "png")
