"""What the page concludes from the figures of a record."""

from __future__ import annotations

from typing import Any

import pytest
from cross_records import crosstest_record
from logs import lines
from reproduction import cross_verdicts, decisions, histories, image_verdicts, verdicts

Plain = dict[str, Any]
ALIVE = {"alive_below": 0.5, "alive_spread": 0.25}


def noise_record(measured: dict[str, float], *, runs: int) -> Plain:
    """Runs of each method whose coarse distances lie close together."""
    return {"protocol": {"norm": "eval"}, "unranked": {}, "runs": [
        {"label": text, "variant": text, "name": f"{text}{seed}", "blind": False, "fn": 0.1,
         "squared_j": value, "fidelity": {"coarse": value + seed / 100}}
        for text, value in measured.items() for seed in range(runs)
    ]}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "word", "better"),
    [
        ({}, decisions.YES, 1),
        ({"noise 0.1, NSR 4": 0.5}, decisions.PARTLY, 1),
        ({"γ = 1": 6.0}, decisions.NO, 0),
    ],
)
def test_the_verdict_on_noise(changes: dict[str, float], word: str, better: int) -> None:
    measured = {"unregularized": 5.0, "γ = 1": 2.0, "noise 0.1, NSR 4": 3.0} | changes
    text = image_verdicts.noise(noise_record(measured, runs=5))
    assert text.startswith(f"{word} Smaller beyond chance in ")
    smaller = f"Mean coarse distance to the test data: smaller than the unregularized GAN's at {better} of 1"
    assert smaller in text and "better" not in text
    few = image_verdicts.noise(noise_record(measured, runs=1))
    assert few.startswith("**Undecided: one run each.** Orders of means, not tests.") and smaller in few
    only = noise_record({"unregularized": 5.0}, runs=5)
    assert image_verdicts.noise(only).startswith(decisions.UNDECIDED)


def test_levels_at_which_two_distances_disagree_are_named() -> None:
    record = noise_record({"unregularized": 5.0, "γ = 1": 2.0, "noise 0.1, NSR 4": 3.0}, runs=1)
    for run, texture in zip(record["runs"], (1.0, 4.0, 5.0), strict=True):
        run["fidelity"]["texture"] = texture
    assert (
        "**Measures disagree:** by their means texture distance to the test data is smaller for"
        " unregularized; coarse distance to the test data is smaller for γ = 1."
    ) in image_verdicts.noise(record)
    record["runs"][1]["fidelity"]["texture"] = 0.5
    assert "disagree" not in image_verdicts.noise(record)


@pytest.mark.parametrize(
    ("free", "held", "word"),
    [([0.9] * 4, [0.1] * 4, decisions.YES), ([0.9] * 8, [0.9] + [0.1] * 7, decisions.PARTLY),
     ([0.9, 0.1, 0.1, 0.1], [0.1] * 4, decisions.NO), ([0.1] * 4, [0.1] * 4, decisions.NO),
     ([0.9] * 3, [0.1] * 3, "**Undecided: 3 runs each.**")],
)  # fmt: skip
def test_the_verdict_on_what_lives(free: list[float], held: list[float], word: str) -> None:
    runs = [
        {"label": label, "variant": label, "facet": "tanh",
         "trace": {"coarse": [2.0, value], "texture": [value], "spread": [1.0, 1.0]}}
        for label, values in (("unregularized", free), ("γ₀ = 2 annealed", held)) for value in values
    ]  # fmt: skip
    record = {"runs": runs, "protocol": ALIVE}
    assert image_verdicts.architectures(record).startswith(word)
    one_side = record | {"runs": runs[: len(free)]}
    assert image_verdicts.architectures(one_side).startswith(decisions.UNDECIDED)


def test_a_run_that_diverges_is_dead_whatever_its_last_samples_were() -> None:
    def fate(*coarse: float, diverged: bool = False) -> str:
        trace = {"coarse": coarse, "spread": [1.0] * len(coarse)}
        return image_verdicts.fate({"trace": trace, "diverged": diverged}, ALIVE)

    assert [fate(2.0, 0.4), fate(2.0, 0.6), fate(0.4, 0.6), fate(0.4, 0.3, diverged=True)] == [
        "alive", "never alive", "died", "diverged"]  # fmt: skip
    flat = {"coarse": [0.2, 0.2], "spread": [0.9, 0.1]}
    assert image_verdicts.fate({"trace": flat}, ALIVE) == "died"
    trace = {"coarse": [0.1], "texture": [0.1], "spread": [1.0]}
    alive = {"label": "γ₀ = 2 annealed", "variant": "held", "facet": "tanh", "trace": trace}
    free = alive | {"label": "unregularized", "variant": "free"}
    record = {"runs": [alive] * 12 + [free] * 4, "protocol": ALIVE, "lost": []}
    assert image_verdicts.architectures(record).startswith(decisions.NO)
    record["lost"] = [{"name": "unregularized-tanh", "label": "unregularized"}] * 4
    text = image_verdicts.architectures(record)
    assert text.startswith(decisions.YES) and "unregularized 4 of 8, 4 diverged" in text
    texture = {"coarse": [0.1], "texture": [0.2], "spread": [1.0]}
    nearer = {"coarse": [0.09], "texture": [0.3], "spread": [1.0]}
    clashing = {"runs": [free | {"trace": texture}, alive | {"trace": nearer}], "protocol": ALIVE}
    assert "tanh: **Measures disagree:**" in image_verdicts.architectures(clashing)


def levels_record(*cells: tuple[str, float, float], runs: int) -> Plain:
    return {"runs": [
        {"label": label, "variant": f"{label}{rate}", "learning_rate": rate,
         "trace": {"coarse": [9.0, far + seed / 1000], "texture": [far + seed / 1000]}}
        for label, rate, far in cells for seed in range(runs)
    ]}  # fmt: skip


SLOW, PAPER = ("unregularized", 1e-4, 0.5), ("unregularized", 2e-4, 0.4)
HELD = ("γ₀ = 1 annealed", 2e-4, 0.3)


def test_the_verdict_on_levels_and_rates() -> None:
    text = image_verdicts.levels(levels_record(SLOW, PAPER, HELD, runs=5))
    assert text.startswith(f"*Quality:* {decisions.YES}") and f"*Learning rate:* {decisions.YES}" in text
    worse = image_verdicts.levels(levels_record(SLOW, PAPER, HELD, ("γ₀ = 2 annealed", 2e-4, 0.6), runs=5))
    assert worse.startswith(f"*Quality:* {decisions.PARTLY}")
    faster = image_verdicts.levels(levels_record(("unregularized", 1e-4, 0.1), PAPER, HELD, runs=5))
    assert f"*Learning rate:* {decisions.NO}" in faster
    assert image_verdicts.levels(levels_record(SLOW, HELD, runs=5)).startswith(decisions.UNDECIDED)


def test_one_run_of_each_level_decides_nothing_and_is_told() -> None:
    record = levels_record(SLOW, PAPER, HELD, runs=1)
    text = image_verdicts.levels(record)
    assert text.count("**Undecided: one run each.** Orders of means, not tests.") == 2
    assert decisions.YES not in text and "coarse distance at 1 of 1, texture distance at 1 of 1" in text
    assert "disagree" not in text
    record["runs"][0]["trace"]["texture"] = [0.01]
    text = image_verdicts.levels(record)
    assert "texture distance: 0.0001 for 1 of 2, 0.0002 for 1 of 2. **Measures disagree**" in text


FEW = "**Undecided: 2 runs each.** In these runs"


@pytest.mark.parametrize(
    ("record", "start"),
    [
        (crosstest_record(1.0, 0.0, runs=5, winner="regularized"), decisions.YES),
        (crosstest_record(0.4, 0.0, runs=5, winner="regularized"), f"{decisions.PARTLY} The direction"),
        (crosstest_record(0.0, 1.0, runs=5, winner="unregularized"), f"{decisions.NO} It is the other way"),
        (crosstest_record(0.3, 0.2, runs=5), f"{decisions.NO} The methods' mean cross-testing FPs do"),
        (crosstest_record(1.0, 0.0, runs=5, winner="regularized", fn=0.9), f"{decisions.PARTLY} The m"),
        # two runs a side allow no claim: the order of the pairs is given, and no word beyond it
        (crosstest_record(1.0, 0.0, runs=2), f"{FEW} every rate of regularized discriminators is below"),
        (crosstest_record(0.0, 1.0, runs=2), f"{FEW} every rate of unregularized discriminators is below"),
        (crosstest_record(0.5, 0.5, runs=2), f"{FEW} the two methods' rates overlap"),
    ],
)  # fmt: skip
def test_the_verdict_on_cross_testing(record: Plain, start: str) -> None:
    text = cross_verdicts.crosstest(record)
    assert text.startswith(start)
    named = record["verdicts"]["paper"].get("regularized", 0)
    pairs = record["verdicts"]["paper"]["pairs"]
    assert (
        f"by FP, unregularized in 0, regularized in {named}; by FN, its 'and/or', it would name"
        f" unregularized in 0, regularized in 0, nobody in {pairs}."
    ) in text


def test_misses_are_counted_pair_by_pair() -> None:
    record = crosstest_record(1.0, 0.0, runs=2)
    for run, fn in zip(record["runs"], (0.1, 0.3, 0.2, 0.1), strict=True):
        run["fn"] = fn
    sentence = "by FN, its 'and/or', it would name unregularized in 1, regularized in 2, nobody in 1."
    assert sentence in cross_verdicts.crosstest(record)


def objective_run(variant: str, seed: int, *, sharp: float, breaks: bool) -> Plain:
    """As much of a run of §4.1 as its verdict reads."""
    history = {"good_from": 1000, "broken_at": 5000 if breaks else None}
    run = {"variant": variant, "label": variant, "seed": seed, "steps": 9000, "history": history}
    return run | {"late": {"within_3_std": sharp}}


@pytest.mark.parametrize(
    ("sharp", "breaks", "word"),
    [
        (0.4, (True, True), decisions.YES), (0.4, (True, False), decisions.PARTLY),
        (0.4, (False, False), decisions.PARTLY), (0.6, (False, False), decisions.NO),
    ],
)  # fmt: skip
def test_fewer_sharp_samples_alone_are_no_instability(
    sharp: float, breaks: tuple[bool, bool], word: str
) -> None:
    runs = [objective_run("plain", seed, sharp=0.5, breaks=False) for seed in range(4)]
    runs += [objective_run("regularized", seed, sharp=sharp, breaks=breaks[seed % 2]) for seed in range(4)]
    text = verdicts.generator_objective({"runs": runs})
    few = verdicts.generator_objective({"runs": runs[:3] + runs[4:7]})
    assert few.count("**Undecided: 3 runs each.**") == 2
    assert f"*Destabilizes close to convergence:* {word}" in text
    assert f"in {2 * sum(breaks)} the run broke" in text


def test_a_mode_that_turns_the_direction_is_no_reproduction() -> None:
    record = crosstest_record(1.0, 0.0, runs=4, winner="regularized")
    turned = crosstest_record(0.0, 1.0, runs=4)
    record["modes"] = [
        record | {"norm": "eval", "quantize": True},
        turned | {"norm": "batch", "quantize": True},
    ]
    assert "but not with statistics of the batch, 8 bits" in cross_verdicts.crosstest(record)
    one_side = record | {"runs": record["runs"][:4]}
    assert cross_verdicts.crosstest(one_side).startswith(decisions.UNDECIDED)


def stable_run(label: str, state: str, *, modes: float = 7.0, sharp: float = 0.5) -> Plain:
    """As much of a run as the verdict on stability reads: good at first, then in one state to the end."""
    past = histories.history(lines("g", state * 9))
    late = histories.late(lines("g", state * 9)) | {"modes": modes, "within_3_std": sharp}
    return {"label": label, "history": past, "late": late, "reached": 1000, "trace": {"margin": [1.0, 2.0]}}


@pytest.mark.parametrize(
    ("free", "held", "word"),
    [("bbbb", "gggg", decisions.YES), ("bbbbbbg", "bgggggg", decisions.PARTLY),
     ("gbbb", "ggbb", "**Undecided: the difference is not beyond chance.**"), ("gggg", "gggg", decisions.NO),
     ("b", "gg", "**Undecided: one run each.**"), ("bb", "gg", "**Undecided: 2 runs each.**"),
     ("", "gggg", "**Undecided: regularized runs only.**")],
)  # fmt: skip
def test_the_verdict_follows_from_what_broke(free: str, held: str, word: str) -> None:
    runs = [stable_run("unregularized", state) for state in free]
    labels = ["γ = 0.1", "γ = 1"] if free == "b" else ["γ = 0.1"] * len(held)
    runs += [stable_run(label, state) for label, state in zip(labels, held, strict=True)]
    text = verdicts.stability({"runs": runs})
    assert text.startswith(word)
    assert f"{free.count('b')} of {len(free)} unregularized runs broke" in text or not free
    assert ("Fisher p" in text) == (min(len(free), len(held)) >= 4)


def test_runs_are_compared_at_the_step_that_all_reached() -> None:
    """What broke later counts for nobody, however much longer one side ran."""
    late = {"good_from": 100, "broken_at": 900, "recovered_at": None, "lost_from": None}
    runs = [stable_run("unregularized", "g") | {"history": late} for _ in range(6)]
    runs += [stable_run("γ = 0.1", "g") | {"reached": 500} for _ in range(6)]
    text = verdicts.stability({"runs": runs})
    assert (
        text.startswith(decisions.NO)
        and "0 of 6 unregularized and 0 of 6 regularized runs had failed" in text
    )
    runs = [run | {"reached": 1000} for run in runs]
    assert verdicts.stability({"runs": runs}).startswith(decisions.YES)


@pytest.mark.parametrize(("sharp", "disagrees"), [(0.9, True), (0.1, False)])
def test_runs_that_are_sharp_and_miss_modes_are_told_apart(sharp: float, disagrees: bool) -> None:
    runs = [stable_run("unregularized", "g", modes=4.0, sharp=sharp), stable_run("γ = 0.1", "g")]
    expected = (
        "**Measures disagree:** by their means modes covered are more for regularized; samples within 3"
        " standard deviations of a mode are more for unregularized."
    )
    assert (expected in verdicts.stability({"runs": runs})) == disagrees


@pytest.mark.parametrize(
    ("gaps", "aucs", "start"),
    [(0.01, 0.01, decisions.YES), (0.4, 0.01, decisions.PARTLY), (0.4, 0.04, decisions.NO)],
)
def test_the_verdict_on_overfitting_holds_for_both_measures(gaps: float, aucs: float, start: str) -> None:
    runs = [
        {"variant": variant, "gap": value, "auc": value}
        for variant, value in (("unregularized", 0.9), ("regularized", 0.6)) for _ in range(5)
    ]  # fmt: skip
    record = {"runs": runs, "p": gaps, "auc_p": aucs}
    assert verdicts.overfitting(record).startswith(start)  # of two, 0.04 is 0.08 after Holm
    unequal = verdicts.overfitting(record | {"runs": runs[:-1]})
    assert unequal.startswith(
        f"{decisions.UNDECIDED}: the permutation's p is not reliable for 5 against 4 runs"
    )
    assert "permutation p " not in unequal


@pytest.mark.parametrize(("median", "word"), [(1.4, decisions.YES), (1.1, decisions.PARTLY)])
def test_the_verdict_on_costs_holds_for_every_network_that_was_timed(median: float, word: str) -> None:
    rows = [
        {"work": "`dcgan32`: regularized / unregularized step", "threads": 1, "measured": {"median": median}},
        {"work": "`dcgan32`: forward pass", "threads": 1, "measured": {"median": 9.0}},
    ]
    costs = {"milliseconds": [1.0], "ratio": [1.32]}
    names = ("unregularized", "regularized", "wgan-gp")
    history = {"good_from": 100}
    runs = [{"variant": name, "history": history} for name in names]
    record = {"costs": dict.fromkeys(names, costs), "runs": runs, "beside": {"rows": rows}}
    text = verdicts.training_time(record)
    assert text.startswith(f"*Cost:* {word}") and "*Sooner than WGAN:* **Undecided: one run each.**" in text
