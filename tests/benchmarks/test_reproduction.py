"""benchmarks/REPRODUCTION.md: every figure on it is in a record, and records come from runs as they say."""

from __future__ import annotations

import json
import re
from itertools import combinations, product
from pathlib import Path
from typing import Any

import pytest
import reproduce
import torch
from reproduction import (
    costs,
    cross_verdicts,
    dependence,
    full_scale,
    histories,
    image_verdicts,
    imaging,
    records,
    verdicts,
)
from reproduction.page import PAGE, page
from reproduction.permutation import permutation_p
from reproduction.sections import RESULTS, SECTIONS, SPECS
from small_recipes import SMALL

from gancross import pictures
from gancross.cli.train import chosen_recipe
from gancross.cli.train import train as train_command
from gancross.report.paper_figures import layouts as figures
from gancross.trainer.noise import check_divisible
from gancross.trainer.recipes.paper import recipe
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


ALIVE = {"alive_below": 0.5, "alive_spread": 0.25}


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
        assert all(one.steps_left == one.runs * one.steps for one in planned_variants(spec, tmp_path))
        assert not re.search(r"\d", section.remark), "figures come from records"


def test_the_experiments_are_as_long_as_the_claims_need() -> None:
    longest: dict[str, list[int]] = {}
    for run in load_spec(SECTIONS["fig1"].spec).runs:
        longest.setdefault(records.label(run.recipe), []).append(run.recipe.steps)
    for method in ("unregularized", "unregularized, saturating loss", "γ = 0.1", "γ₀ = 1 annealed"):
        assert sorted(longest[method]) == [60_000, 60_000, 120_000]
    assert longest["γ₀ = 0.1 annealed"] == [100_000]


def test_full_scale_is_counted_and_its_commands_train_what_the_specs_ask_for() -> None:
    kept = json.loads((RESULTS / full_scale.RECORD).read_text(encoding="utf-8"))
    again = json.loads(json.dumps(records.rounded(full_scale.counted())))
    assert kept == again, "run: python benchmarks/full_scale.py"
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
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Records and pictures of three sections from runs of a few steps; one run is unfinished."""
    root = tmp_path_factory.mktemp("reproduced")
    tiny = {
        "fig1": ('recipe = "mixture"', "steps = 9", SMALL["mixture"]),
        "overfitting": ('recipe = "digits"', "", SMALL["digits"]),
        "crosstest-digits": ('recipe = "digits"', "", SMALL["digits"]),
        "crosstest-cifar10": ('recipe = "digits"', "", SMALL["digits"]),
        "noise-digits": ('recipe = "digits"', NOISE, SMALL["digits"]),
        "fig3": ('recipe = "digits"', RATE, SMALL["digits"]),
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pictures, "scatter", lambda *points, **settings: b"")
        patch.setattr(figures, "POINTS", 40)
        patch.setattr(records, "SAMPLES", 500)
        patch.setattr(imaging, "SAMPLES", 500)
        for key, (base, more, fields) in tiny.items():
            small = ", ".join(f"{name} = {value}" for name, value in fields.items())
            (root / f"{key}.toml").write_text(
                f'{base}\nset = {{ {small} }}\n[variants.unregularized]\nregularizer = "none"\n'
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


def test_a_record_says_how_far_its_runs_got(made: Path) -> None:
    record = json.loads((made / "paper-fig1.json").read_text())
    assert [(one["reached"], one["steps"]) for one in record["runs"]] == [(6, 6), (7, 9)]
    assert record["command"] == SECTIONS["fig1"].command and record["missing"] == []
    (first, _) = record["runs"]
    log = histories.read_log(made / "fig1" / "runs" / "unregularized")
    assert first["trace"]["step"] == [line["step"] for line in log] == [1, 2, 3, 4, 5, 6]
    assert first["curves"]["margin"] == pytest.approx([histories.margin(line) for line in log], rel=1e-4)
    rates = [line["samples_per_second"] for line in log]
    assert first["seconds"] == pytest.approx(
        sum(SMALL["mixture"]["batch_size"] / rate for rate in rates), rel=1e-3
    )  # type: ignore[operator]


def test_the_page_shows_only_what_there_is(made: Path) -> None:
    text = page(made)
    assert "## §5.1, Fig. 1" in text and "Unfinished: regularized of 9" in text
    assert "**Undecided.** Runs are unfinished. So far: " in text.split("## §6")[0]
    assert not any(f"## {one}" in text for one in ("§4.2", "§5.3", "§7.3"))  # nothing annealed, no record
    assert text.count("not run yet") == len(SECTIONS) - len(list(made.glob("paper-*.json")))
    crossed = json.loads((made / "paper-crosstest-digits.json").read_text())
    for one in crossed["runs"]:
        assert set(one) >= {"fn", "fp"}
    for section in re.findall(r"\(results/(paper-[\w.-]+)\)", text):
        assert (made / section).is_file()


def test_all_modes_hold_the_main_one(made: Path) -> None:
    record = json.loads((made / "paper-crosstest-cifar10.json").read_text())
    modes = {(one["norm"], one["quantize"]): one for one in record["modes"]}
    assert len(modes) == 4
    main = modes[record["protocol"]["norm"], record["protocol"]["quantize"]]
    assert main["cross_fp"] == record["cross_fp"] and main["verdicts"] == record["verdicts"]
    assert [one["fn"] for one in main["runs"]] == [one["fn"] for one in record["runs"]]
    # The last saved step of a run is the run: its square of the heat map is the cross-test's.
    shown = record["snapshots"]
    last = [place for place, step in enumerate(shown["steps"]) if step == record["runs"][0]["steps"]]
    assert [[shown["fp"][row][column] for column in last] for row in last] == record["cross_fp"]["fp"]


def test_the_variance_of_cross_fp_is_taken_apart() -> None:
    fp = torch.rand(2, 3, 2, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64).numpy()
    shares = dependence.explained(fp, dependence.ALONG)
    cells = list(product(range(2), range(3), range(2), range(3)))
    mean = sum(fp[cell] for cell in cells) / 36
    total = sum((fp[cell] - mean) ** 2 for cell in cells)
    for name, axes in dependence.ALONG.items():
        levels: Plain = {}
        for cell in cells:
            levels.setdefault(tuple(cell[axis] for axis in axes), []).append(fp[cell])
        found = sum(len(alike) * (sum(alike) / len(alike) - mean) ** 2 for alike in levels.values()) / total
        alone = [one for one, own in dependence.ALONG.items() if len(own) == 1 and set(own) < set(axes)]
        assert shares[name] == pytest.approx(found - sum(shares[one] for one in alone))
    assert sum(shares.values()) == pytest.approx(1) and min(shares.values()) >= 0


def test_relatives_are_told_apart_by_run_and_step() -> None:
    fp = [[0.0, 0.1, 0.5, 0.6], [0.2, 0.0, 0.7, 0.5], [0.5, 0.8, 0.0, 0.1], [0.9, 0.5, 0.2, 0.0]]
    shown = dependence.relatives({"variants": ["a", "a", "b", "b"], "steps": [1, 2, 1, 2], "fp": fp})
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in shown[2:]]
    assert rows == [
        ["its own", "the same step", "0.000 [0.000, 0.000]"], ["its own", "before", "0.100 [0.100, 0.100]"],
        ["its own", "after", "0.200 [0.200, 0.200]"], ["the other", "the same step", "0.500 [0.500, 0.500]"],
        ["the other", "before", "0.700 [0.600, 0.800]"], ["the other", "after", "0.800 [0.700, 0.900]"],
    ]  # fmt: skip


@pytest.mark.parametrize("name", [*dependence.AT_THE_END, *dependence.MODES])
def test_what_alone_decides_explains_everything(name: str) -> None:
    factors = dependence.AT_THE_END | dependence.MODES
    fp = torch.zeros(2, 2, 2, 2, 2, 2, dtype=torch.float64).numpy()
    for cell in product(range(2), repeat=6):
        fp[cell] = sum(cell[axis] for axis in factors[name]) % 2  # of two: whether they are the same
    assert {key: value for key, value in dependence.explained(fp, factors).items() if value} == {name: 1.0}
    assert not any(dependence.explained(0 * fp, factors).values())


def test_a_ranking_has_every_measure(made: Path) -> None:
    record = json.loads((made / "paper-noise-digits.json").read_text())
    by_name = {one["name"]: one for one in record["runs"]}
    assert {one["label"] for one in record["runs"]} == {
        "unregularized", "γ = 0.1", "noise 0.1, NSR 1", "LSGAN"}  # fmt: skip
    names, fp = record["cross_fp"]["names"], record["cross_fp"]["fp"]
    for place, name in enumerate(names):
        others = [row for number, row in enumerate(fp) if number != place]
        judged = by_name[name]["taken_in"]
        assert judged == pytest.approx(sum(row[place] for row in others) / 3, abs=1e-4)
        mean = (sum(fp[place]) - fp[place][place]) / 3
        assert by_name[name]["fooled"] == pytest.approx(mean, abs=1e-4)
        assert by_name[name]["fidelity"]["frechet_distance[digits-cnn]"] > 0
    assert "Fréchet distance (lower is better)" in page(made)


def test_distances_are_nought_for_the_data_and_one_for_its_mean() -> None:
    reals = torch.randint(0, 256, (600, 3, 32, 32), dtype=torch.uint8)
    mean = reals.double().mean(0).round().to(torch.uint8).expand(500, -1, -1, -1)
    coarse = imaging.Yardstick.of(imaging.thumbnails, reals)
    assert coarse.distance(reals) == pytest.approx(0, abs=1e-9)
    assert coarse.distance(mean) == pytest.approx(1, abs=0.01)
    assert imaging.thumbnails(reals).shape == (600, 192)
    assert imaging.patches(reals).shape == (600 * 4 * 4, 75)  # at 0, 9, 18 and 27
    corner = imaging.patches(reals)[0].reshape(3, 5, 5)
    assert (corner * 255).round().tolist() == reals[0, :, :5, :5].tolist()


@pytest.mark.parametrize(
    ("changes", "word"),
    [({}, verdicts.YES), ({"γ = 1": 6.0}, verdicts.PARTLY), ({"noise 0.1, NSR 4": 0.5}, verdicts.PARTLY),
     ({"γ = 0.1": 8.0, "γ = 1": 9.0}, verdicts.NO)],
)  # fmt: skip
def test_the_verdict_on_noise(changes: dict[str, float], word: str) -> None:
    measured = {"unregularized": 5.0, "γ = 0.1": 1.0, "γ = 1": 2.0, "noise 0.1, NSR 4": 3.0} | changes
    runs = [
        {"label": text, "variant": text, "fidelity": {"coarse": value}, "strength": -value}
        for text, value in measured.items()
    ]
    said = image_verdicts.noise({"runs": runs, "unranked": {}})
    assert said.startswith(word) and "over one run of each, not a test" in said
    assert image_verdicts.noise({"runs": runs[:1], "unranked": {}}).startswith(verdicts.UNDECIDED)


@pytest.mark.parametrize(
    ("free", "held", "word"),
    [([0.9, 0.2], [0.1, 0.1], verdicts.YES), ([0.9, 0.9], [0.9, 0.1], verdicts.PARTLY),
     ([0.1, 0.1], [0.1, 0.1], verdicts.NO)],
)  # fmt: skip
def test_the_verdict_on_what_lives(free: list[float], held: list[float], word: str) -> None:
    runs = [
        {"label": label, "trace": {"coarse": [2.0, value], "spread": [1.0, 1.0]}}
        for label, values in (("unregularized", free), ("γ₀ = 2 annealed", held)) for value in values
    ]  # fmt: skip
    record = {"runs": runs, "protocol": ALIVE}
    assert image_verdicts.architectures(record).startswith(word)
    assert image_verdicts.architectures(record | {"runs": runs[:2]}).startswith(verdicts.UNDECIDED)


def test_a_run_that_diverges_is_dead_whatever_its_last_samples_were() -> None:
    def fate(*coarse: float, diverged: bool = False) -> str:
        trace = {"coarse": coarse, "spread": [1.0] * len(coarse)}
        return image_verdicts.fate({"trace": trace, "diverged": diverged}, ALIVE)

    assert [fate(2.0, 0.4), fate(2.0, 0.6), fate(0.4, 0.6), fate(0.4, 0.3, diverged=True)] == [
        "alive", "never alive", "died", "diverged"]  # fmt: skip
    flat = {"coarse": [0.2, 0.2], "spread": [0.9, 0.1]}
    assert image_verdicts.fate({"trace": flat}, ALIVE) == "died"
    alive = {"label": "γ₀ = 2 annealed", "trace": {"coarse": [0.1], "spread": [1.0]}}
    free = alive | {"label": "unregularized"}
    record = {"runs": [alive, free], "protocol": ALIVE, "lost": []}
    assert image_verdicts.architectures(record).startswith(verdicts.NO)
    record["lost"] = [{"name": "unregularized-tanh", "label": "unregularized"}]
    said = image_verdicts.architectures(record)
    assert said.startswith(verdicts.YES) and "unregularized 1 of 2, 1 diverged" in said


def levels_record(*cells: tuple[str, float, float]) -> Plain:
    return {"runs": [
        {"label": label, "variant": f"{label}{rate}", "learning_rate": rate,
         "trace": {"coarse": [9.0, far], "texture": [far]}}
        for label, rate, far in cells
    ]}  # fmt: skip


def test_the_verdict_on_levels_and_rates() -> None:
    slow, paper = ("unregularized", 1e-4, 0.5), ("unregularized", 2e-4, 0.4)
    held = ("γ₀ = 1 annealed", 2e-4, 0.3)
    said = image_verdicts.levels(levels_record(slow, paper, held))
    assert said.startswith(f"*Quality:* {verdicts.YES}") and f"*Learning rate:* {verdicts.YES}" in said
    worse = image_verdicts.levels(levels_record(slow, paper, held, ("γ₀ = 2 annealed", 2e-4, 0.6)))
    assert worse.startswith(f"*Quality:* {verdicts.PARTLY}")
    faster = image_verdicts.levels(levels_record(("unregularized", 1e-4, 0.1), paper, held))
    assert f"*Learning rate:* {verdicts.NO} The rate of the least coarse distance: 0.0001 for 1" in faster
    assert image_verdicts.levels(levels_record(slow, held)).startswith(verdicts.UNDECIDED)


def crosstest_record(
    free: float, held: float, *, runs: int, winner: str | None = None, fn: float = 0.1
) -> Plain:
    """FPs of all unregularized and of all regularized discriminators on the others' samples."""
    sides = {"unregularized": free, "regularized": held}
    names = [f"{side}-seed{seed}" for side in sides for seed in range(runs)]
    fp = [[sides[judge.split("-")[0]] for judge in names] for _ in names]
    named = {"regularized": runs**2} if held < free else {}
    return {
        "runs": [{"name": name, "variant": name.split("-")[0], "fn": fn, "fidelity": {}} for name in names],
        "cross_fp": {"names": names, "judges": names, "fp": fp}, "blind": [], "refusals": {},
        "verdicts": {"paper": {"pairs": runs**2, **named}, "strict": {"pairs": runs**2}},
        "claims": [{"winner": winner, "p": 0.01, "runs": [runs, runs]}],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (crosstest_record(1.0, 0.0, runs=5, winner="regularized"), verdicts.YES),
        (crosstest_record(0.4, 0.0, runs=5, winner="regularized"), f"{verdicts.PARTLY} The direction"),
        (crosstest_record(0.0, 1.0, runs=5, winner="unregularized"), f"{verdicts.NO} It is the other way"),
        (crosstest_record(0.3, 0.2, runs=5), f"{verdicts.NO} The methods do not differ beyond chance"),
        (crosstest_record(1.0, 0.0, runs=5, winner="regularized", fn=0.9), f"{verdicts.PARTLY} The m"),
        # two runs a side allow no claim: what all pairs show is said, and that it is no more
        (crosstest_record(1.0, 0.0, runs=2), f"{verdicts.YES} The methods differ in every rate (few"),
        (crosstest_record(0.0, 1.0, runs=2), f"{verdicts.NO} It is the other way round, in every rate"),
        (crosstest_record(0.5, 0.5, runs=2), f"{verdicts.NO} The two methods' rates overlap (few"),
    ],
)  # fmt: skip
def test_the_verdict_on_cross_testing(record: Plain, said: str) -> None:
    text = cross_verdicts.crosstest(record)
    assert text.startswith(said)
    named = record["verdicts"]["paper"].get("regularized", 0)
    pairs = record["verdicts"]["paper"]["pairs"]
    assert (
        f"by FP, unregularized in 0, regularized in {named}; by FN, its 'and/or', it would name"
        f" unregularized in 0, regularized in 0, nobody in {pairs}."
    ) in text


def test_misses_are_counted_pair_by_pair() -> None:
    record = crosstest_record(1.0, 0.0, runs=2)
    for one, fn in zip(record["runs"], (0.1, 0.3, 0.2, 0.1), strict=True):
        one["fn"] = fn
    said = "by FN, its 'and/or', it would name unregularized in 1, regularized in 2, nobody in 1."
    assert said in cross_verdicts.crosstest(record)


def objective_run(variant: str, seed: int, *, sharp: float, breaks: bool) -> Plain:
    """As much of a run of §4.1 as its verdict reads."""
    history = {"good_from": 1000, "broken_at": 5000 if breaks else None}
    run = {"variant": variant, "label": variant, "seed": seed, "steps": 9000, "history": history}
    return run | {"late": {"within_3_std": sharp}}


@pytest.mark.parametrize(
    ("sharp", "breaks", "said"),
    [
        (0.4, (True, True), verdicts.YES), (0.4, (True, False), verdicts.PARTLY),
        (0.4, (False, False), verdicts.PARTLY), (0.6, (False, False), verdicts.NO),
    ],
)  # fmt: skip
def test_fewer_sharp_samples_alone_are_no_instability(
    sharp: float, breaks: tuple[bool, bool], said: str
) -> None:
    runs = [objective_run("plain", seed, sharp=0.5, breaks=False) for seed in range(2)]
    runs += [objective_run("regularized", seed, sharp=sharp, breaks=breaks[seed]) for seed in range(2)]
    text = verdicts.generator_objective({"runs": runs})
    assert f"*Destabilizes close to convergence:* {said}" in text
    assert f"in {sum(breaks)} the run broke" in text


def test_a_mode_that_turns_the_direction_is_no_reproduction() -> None:
    record = crosstest_record(1.0, 0.0, runs=2)
    turned = crosstest_record(0.0, 1.0, runs=2)
    record["modes"] = [
        record | {"norm": "eval", "quantize": True},
        turned | {"norm": "batch", "quantize": True},
    ]
    assert "but not with statistics of the batch, 8 bits" in cross_verdicts.crosstest(record)
    one_side = record | {"runs": record["runs"][:2]}
    assert cross_verdicts.crosstest(one_side).startswith(verdicts.UNDECIDED)


@pytest.mark.parametrize("key", ["fig1", "overfitting", "crosstest-digits"])
def test_a_figure_changed_in_a_record_changes_the_page(made: Path, tmp_path: Path, key: str) -> None:
    record = json.loads((made / f"paper-{key}.json").read_text())
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


def line(step: int, modes: int = 7, within: float = 1.0, collapsed: float = 0.0) -> Plain:
    return {
        "step": step, "modes": modes, "within_0.1": within, "within_3_std": within / 2,
        "collapsed": collapsed, "logit_real": 2.0, "logit_fake": -1.0, "samples_per_second": 100.0,
    }  # fmt: skip


def lines(*states: str) -> list[Plain]:
    """`g` good and whole, `i` a mode missing, `b` bad, `m` most modes missing, `-` neither."""
    kinds: dict[str, Plain] = {
        "g": {}, "i": {"modes": 6}, "b": {"within": 0.4}, "m": {"modes": 3}, "-": {"within": 0.6},
    }  # fmt: skip
    return [line(100 * (number + 1), **kinds[kind]) for number, kind in enumerate("".join(states))]


@pytest.mark.parametrize(
    ("states", "good", "bad", "broken", "recovered"),
    [
        ("bbbbbbbb", None, None, None, None),
        ("bbg-g-gg", 300, None, None, None),
        ("bgbbbbgg", 200, 300, None, None),
        ("bgbmbmbb", 200, 300, 300, None),
        ("gbgmmmmm-bg", 100, 200, 400, 1100),
        ("biiiiiiiii", 200, None, None, None),
    ],
)
def test_the_rule_of_breaking(
    states: str, good: int | None, bad: int | None, broken: int | None, recovered: int | None
) -> None:
    found = histories.history(lines(states))
    assert (found["good_from"], found["first_bad"], found["broken_at"]) == (good, bad, broken)
    assert found["recovered_at"] == recovered
    since = states[good // 100 - 1 :] if good else ""
    expected = sum(kind in "bm" for kind in since) / len(since) if since else None
    assert found["bad_share"] == expected


def test_covering_every_mode_is_told_apart_from_being_good() -> None:
    found = histories.history(lines("biiigi"))
    assert (found["good_from"], found["whole_from"], found["broken_at"]) == (200, 500, None)
    late = histories.late(lines("bbbbbb", "igii"))
    assert late["modes"] == 6.25 and late["bad_share"] == 0


def test_late_figures_are_those_of_the_last_part() -> None:
    found = histories.late(lines("bbbbbb", "gggb"))
    assert found["within_0.1"] == pytest.approx((3 + 0.4) / 4) and found["lowest_within_0.1"] == 0.4
    assert found["bad_share"] == 0.25 and found["margin"] == 3.0


def test_curves_are_means_of_stretches() -> None:
    found = histories.curves(lines("g" * 100, "b", "g" * 99), ["within_0.1"])
    assert len(found["step"]) <= histories.POINTS and found["step"][-1] == 20_000
    assert sum(value < 1 for value in found["within_0.1"]) == 1
    assert min(found["within_0.1"]) == pytest.approx((2 + 0.4) / 3)  # two hundred lines, three to a stretch


def test_permutation_p_counts_labellings() -> None:
    first, second = [0.1, 0.2, 0.4, 0.15, 0.3], [0.5, 0.35, 0.6, 0.7, 0.8]
    everything, observed, extreme = first + second, abs(sum(first) - sum(second)), 0
    for index in combinations(range(10), 5):
        chosen = sum(everything[number] for number in index)
        extreme += abs(2 * chosen - sum(everything)) >= observed - 1e-9
    assert permutation_p(first, second) == pytest.approx(extreme / 252)
    assert permutation_p([1.0, 1.0], [1.0, 1.0]) == 1.0 and permutation_p([1.0], [2.0, 3.0]) is None


@pytest.mark.parametrize(
    ("free", "held", "word"),
    [(["b", "b"], ["g", "g"], verdicts.YES), (["g", "b"], ["g"], verdicts.PARTLY),
     (["g"], ["g"], verdicts.NO), (["b"], ["b"], verdicts.NO)],
)  # fmt: skip
def test_the_verdict_follows_from_what_broke(free: list[str], held: list[str], word: str) -> None:
    def run(label: str, state: str) -> Plain:
        past = histories.history(lines("g", state * 9))
        late = histories.late(lines("g", state * 9))
        return {"label": label, "history": past, "late": late, "reached": 1000,
                "trace": {"margin": [1.0, 2.0]}}  # fmt: skip

    runs = [run("unregularized", state) for state in free] + [run("γ = 0.1", state) for state in held]
    assert verdicts.stability({"runs": runs}).startswith(word)


def test_a_step_is_timed() -> None:
    chosen = recipe("mixture").with_changes(SMALL["mixture"])
    assert 0 < costs.step_seconds(chosen, 4) < 5
