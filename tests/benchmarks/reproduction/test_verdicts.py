"""What the page concludes from the figures of a record."""

from __future__ import annotations

from typing import Any

import pytest
from logs import lines
from reproduction import cross_verdicts, histories, image_verdicts, verdicts

Plain = dict[str, Any]
ALIVE = {"alive_below": 0.5, "alive_spread": 0.25}


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
    text = image_verdicts.noise({"runs": runs, "unranked": {}})
    assert text.startswith(word) and "over one run of each, not a test" in text
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
    text = image_verdicts.architectures(record)
    assert text.startswith(verdicts.YES) and "unregularized 1 of 2, 1 diverged" in text


def levels_record(*cells: tuple[str, float, float]) -> Plain:
    return {"runs": [
        {"label": label, "variant": f"{label}{rate}", "learning_rate": rate,
         "trace": {"coarse": [9.0, far], "texture": [far]}}
        for label, rate, far in cells
    ]}  # fmt: skip


def test_the_verdict_on_levels_and_rates() -> None:
    slow, paper = ("unregularized", 1e-4, 0.5), ("unregularized", 2e-4, 0.4)
    held = ("γ₀ = 1 annealed", 2e-4, 0.3)
    text = image_verdicts.levels(levels_record(slow, paper, held))
    assert text.startswith(f"*Quality:* {verdicts.YES}") and f"*Learning rate:* {verdicts.YES}" in text
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
    ("record", "start"),
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
        (0.4, (True, True), verdicts.YES), (0.4, (True, False), verdicts.PARTLY),
        (0.4, (False, False), verdicts.PARTLY), (0.6, (False, False), verdicts.NO),
    ],
)  # fmt: skip
def test_fewer_sharp_samples_alone_are_no_instability(
    sharp: float, breaks: tuple[bool, bool], word: str
) -> None:
    runs = [objective_run("plain", seed, sharp=0.5, breaks=False) for seed in range(2)]
    runs += [objective_run("regularized", seed, sharp=sharp, breaks=breaks[seed]) for seed in range(2)]
    text = verdicts.generator_objective({"runs": runs})
    assert f"*Destabilizes close to convergence:* {word}" in text
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
