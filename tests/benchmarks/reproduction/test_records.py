"""benchmarks/REPRODUCTION.md: every figure on it is in a record, and records come from runs as they say."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import reproduce
from reproduction import crossing, full_scale, histories, imaging, records, squared_j
from reproduction.page import PAGE, page
from reproduction.sections import RESULTS, SECTIONS, SPECS
from small_recipes import SMALL, small

from gancross import pictures
from gancross.cli.train import chosen_recipe
from gancross.cli.train import train as train_command
from gancross.report.paper_figures import layouts as figures
from gancross.trainer.noise import check_divisible
from gancross.workflow.benchmark import train_one
from gancross.workflow.execution import Execution
from gancross.workflow.plan import planned_variants, run_folder
from gancross.workflow.spec import load_spec

Plain = dict[str, Any]
LARGEST_PICTURE = 300_000
NOISE = """
[variants.noise]
regularizer = "none"
noise = "gaussian"
noise_variance = 0.1
[variants.lsgan]
recipe = "digits-lsgan"
"""
RATE = """
[variants.slow]
gamma = 0.1
learning_rate = 1e-4
"""


def test_the_page_is_what_the_records_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python benchmarks/reproduce.py"


def test_every_picture_of_a_record_is_there_and_moderate() -> None:
    for section in SECTIONS.values():
        if (RESULTS / section.record).is_file():
            for name in section.pictures:
                assert (RESULTS / name).stat().st_size <= LARGEST_PICTURE, name


def test_every_spec_has_a_section_and_can_be_planned(tmp_path: Path) -> None:
    assert {path.stem for path in SPECS.glob("*.toml")} == set(SECTIONS)
    for section in SECTIONS.values():
        spec = load_spec(section.spec)
        assert all(run.steps_left == run.runs * run.steps for run in planned_variants(spec, tmp_path))
        assert not re.search(r"\d", section.remark), "figures come from records"


def test_the_experiments_are_as_long_as_the_claims_need() -> None:
    longest: dict[str, list[int]] = {}
    for run in load_spec(SECTIONS["fig1"].spec).runs:
        longest.setdefault(records.label(run.recipe), []).append(run.recipe.steps)
    for method in ("unregularized", "unregularized, saturating loss", "γ = 0.1", "γ₀ = 1 annealed"):
        assert sorted(longest[method]) == [60_000, 60_000, 120_000]
    assert longest["γ₀ = 0.1 annealed"] == [100_000]


def test_full_scale_is_counted_and_its_commands_train_what_the_specs_ask_for() -> None:
    committed = json.loads((RESULTS / full_scale.RECORD).read_text(encoding="utf-8"))
    again = json.loads(json.dumps(records.rounded(full_scale.counted())))
    assert committed == again, "run: python benchmarks/full_scale.py"
    assert full_scale.COMMANDS.read_text(encoding="utf-8") == full_scale.commands()
    assert {path.stem for path in full_scale.SPECS.glob("*.toml")} == set(full_scale.HEADINGS)
    for key in full_scale.HEADINGS:
        spec = load_spec(full_scale.SPECS / f"{key}.toml")
        for run in spec.runs:
            words = full_scale.command(spec, run).split()
            options = train_command.make_context("train", words[words.index("train") + 1 :]).params
            fields = {"seed": options["seed"]}
            assert chosen_recipe(options["name"], options["settings"], fields) == run.recipe
            assert options["out"] == run_folder(Path("runs") / spec.name, run)
            check_divisible(run.recipe, full_scale.PROCESSES)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Records and pictures of three sections from runs of a few steps; one run is unfinished."""
    root = tmp_path_factory.mktemp("reproduced")
    brief = SMALL["digits"] | {"steps": 3}
    tiny = {
        "fig1": ('recipe = "mixture"', "steps = 9", SMALL["mixture"]),
        "overfitting": ('recipe = "digits"', "", brief),
        "crosstest-digits": ('recipe = "digits"', "", brief),
        "crosstest-cifar10": ('recipe = "digits"', "", brief),
        "noise-digits": ('recipe = "digits"', NOISE, brief),
        "fig3": ('recipe = "digits"', RATE, brief),
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pictures, "scatter", lambda *points, **settings: b"")
        patch.setattr(figures, "POINTS", 40)
        patch.setattr(records, "SAMPLES", 500)
        patch.setattr(imaging, "SAMPLES", 500)
        for key, (base, more, fields) in tiny.items():
            settings = ", ".join(f"{name} = {value}" for name, value in fields.items())
            (root / f"{key}.toml").write_text(
                f'{base}\nset = {{ {settings} }}\n[variants.unregularized]\nregularizer = "none"\n'
                f"[variants.regularized]\ngamma = 0.1\n{more}\n[crosstest]\nnum_samples = 500\n"
                + ('metrics = ["fid"]\n' if key == "noise-digits" else "")
            )
            spec = load_spec(root / f"{key}.toml")
            for run in spec.runs:
                assert not train_one(
                    run, run_folder(root / key, run), Execution(device="cpu", log_every=1)
                ).exit_code
            if key == "fig1":
                stop_after(run_folder(root / key, spec.runs[-1]), 7)
            reproduce.analyse(SECTIONS[key], spec_path=root / f"{key}.toml", out=root / key, results=root)
    return root


def stop_after(folder: Path, step: int) -> None:
    """The run as it was after a step."""
    for path in (folder / "checkpoints").glob("*.pt"):
        if int(path.stem.removeprefix("step-")) > step:
            path.unlink()
    lines = (folder / "log.jsonl").read_text().splitlines(keepends=True)
    (folder / "log.jsonl").write_text("".join(lines[:step]))


def test_a_record_says_how_far_its_runs_got(folder: Path) -> None:
    record = json.loads((folder / "paper-fig1.json").read_text())
    assert [(run["reached"], run["steps"]) for run in record["runs"]] == [(6, 6), (7, 9)]
    assert record["command"] == SECTIONS["fig1"].command and record["missing"] == []
    (first, _) = record["runs"]
    log = histories.read_log(folder / "fig1" / "runs" / "unregularized")
    assert first["trace"]["step"] == [line["step"] for line in log] == [1, 2, 3, 4, 5, 6]
    assert first["curves"]["margin"] == pytest.approx([histories.margin(line) for line in log], rel=1e-4)
    batch_size = small("mixture").batch_size
    seconds = sum(batch_size / line["samples_per_second"] for line in log)
    assert first["seconds"] == pytest.approx(seconds, rel=1e-3)


def test_a_record_of_the_same_checkpoints_is_read_instead_of_judging_again(folder: Path) -> None:
    spec, out = load_spec(folder / "crosstest-digits.toml"), folder / "crosstest-digits"
    again = crossing.current_result(spec, out)
    flagged = replace(again, flags=("read from the file",))
    foreign = replace(flagged.contestants[0], sha256="0" * 64)
    try:
        flagged.save(out / "result.json")
        assert crossing.current_result(spec, out).flags == flagged.flags
        replace(flagged, contestants=(foreign, *flagged.contestants[1:])).save(out / "result.json")
        assert crossing.current_result(spec, out).flags == again.flags
    finally:
        (out / "result.json").unlink()


def test_the_page_shows_only_what_there_is(folder: Path) -> None:
    text = page(folder)
    assert "## §5.1, Fig. 1" in text and "Unfinished: regularized of 9" in text
    assert "**Undecided: runs are unfinished.** So far: " in text.split("## §6")[0]
    for section in ("§4.2", "§5.3", "§7.3"):  # nothing annealed, no record
        assert f"## {section}" not in text
    assert text.count("not run yet") == len(SECTIONS) - len(list(folder.glob("paper-*.json")))
    crossed = json.loads((folder / "paper-crosstest-digits.json").read_text())
    for run in crossed["runs"]:
        assert set(run) >= {"fn", "fp"}
    for section in re.findall(r"\(results/(paper-[\w.-]+)\)", text):
        assert (folder / section).is_file()


def test_all_modes_hold_the_main_one(folder: Path) -> None:
    record = json.loads((folder / "paper-crosstest-cifar10.json").read_text())
    modes = {(mode["norm"], mode["quantize"]): mode for mode in record["modes"]}
    assert len(modes) == 4
    main = modes[record["protocol"]["norm"], record["protocol"]["quantize"]]
    assert main["cross_fp"] == record["cross_fp"] and main["verdicts"] == record["verdicts"]
    assert [run["fn"] for run in main["runs"]] == [run["fn"] for run in record["runs"]]
    # The last saved step of a run is the run: its square of the heat map is the cross-test's.
    snapshots = record["snapshots"]
    last = [place for place, step in enumerate(snapshots["steps"]) if step == record["runs"][0]["steps"]]
    assert [[snapshots["fp"][row][column] for column in last] for row in last] == record["cross_fp"]["fp"]


def test_a_ranking_has_every_measure(folder: Path) -> None:
    record = json.loads((folder / "paper-noise-digits.json").read_text())
    by_name = {run["name"]: run for run in record["runs"]}
    assert {run["label"] for run in record["runs"]} == {
        "unregularized", "γ = 0.1", "noise 0.1, NSR 1", "LSGAN"}  # fmt: skip
    names, fp = record["cross_fp"]["names"], record["cross_fp"]["fp"]
    for place, name in enumerate(names):
        others = [row for number, row in enumerate(fp) if number != place]
        taken_in = by_name[name]["taken_in"]
        assert taken_in == pytest.approx(sum(row[place] for row in others) / 3, abs=1e-4)
        mean = (sum(fp[place]) - fp[place][place]) / 3
        assert by_name[name]["fooled"] == pytest.approx(mean, abs=1e-4)
        assert by_name[name]["fidelity"]["frechet_distance[digits-cnn]"] > 0
    text = page(folder)
    assert "Mean Fréchet distance to the test data: smaller than the unregularized GAN's at " in text
    assert text.count(squared_j.COMPUTED) == 0


def test_a_record_without_the_ranking_has_it_computed_as_the_cross_test_does(folder: Path) -> None:
    record = json.loads((folder / "paper-noise-digits.json").read_text())
    measured = {run["name"]: run.pop("squared_j") for run in record["runs"]}
    assert any(value is not None for value in measured.values())
    for run in record["runs"]:
        run["advantage"] = 0.5
    (folder / "old").mkdir()
    (folder / "old" / "paper-noise-digits.json").write_text(json.dumps(record))
    text = page(folder / "old")
    assert squared_j.COMPUTED in text and "advantage" not in text
    computed = squared_j.squared_js(record)
    for name, value in measured.items():
        assert computed[name] == (None if value is None else pytest.approx(value, abs=2e-4)), name


@pytest.mark.parametrize("key", ["fig1", "overfitting", "crosstest-digits"])
def test_a_figure_changed_in_a_record_changes_the_page(folder: Path, tmp_path: Path, key: str) -> None:
    record = json.loads((folder / f"paper-{key}.json").read_text())
    (tmp_path / f"paper-{key}.json").write_text(json.dumps(record))
    before = page(tmp_path)
    last = record["runs"][-1]
    changed: Plain = {
        "fig1": last.get("trace", {}).get("fn"),
        "overfitting": last.get("along", {}).get("auc"),
    }
    if key == "crosstest-digits":
        last["fn"] = 0.4321
    elif key == "overfitting":
        last["auc"] = 0.4321
    else:
        changed[key][-1] = 0.4321
    (tmp_path / f"paper-{key}.json").write_text(json.dumps(record))
    after = page(tmp_path)
    assert after != before and "0.43" in after
