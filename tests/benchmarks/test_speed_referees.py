"""The speed rows of referees: their bare loops do the work that they are named after."""

from __future__ import annotations

import pytest
import torch
from speed import referees, referees_full
from speed.referees import SMALL, VECTORS, Cost, Loops, Training
from tiny_referees import tiny

from gancross.evaluator.referees.protocol import form_of

N, FEW = 300, 60


@pytest.mark.parametrize("shape", [VECTORS, SMALL])
def test_bare_loops_take_the_steps_of_training(shape: tuple[int, ...]) -> None:
    # Several epochs, so that the precomputed batches follow the orders of all.
    loops = Loops(shape, tiny(form_of(shape), dropout=0.1, learning_rate=1e-3), contestants=2, n=N)
    trained = loops.trained().state_dict()
    first, second = (network.state_dict() for network in loops.bare_one_after_another())
    together = loops.bare_together()
    moved = 0.0
    for name, parameters in together.items():
        torch.testing.assert_close(first[name], trained[name], rtol=0, atol=1e-6)
        for alone, parameter in zip((first, second), parameters, strict=True):
            torch.testing.assert_close(parameter.detach(), alone[name], rtol=0, atol=1e-4)
        moved = max(moved, float((first[name] - second[name]).abs().max()))
    assert moved > 1e-2  # the two contestants' samples are not the same


def test_every_question_has_its_row(monkeypatch: pytest.MonkeyPatch) -> None:
    budgets = {"quick": {"vectors": tiny()}, "full": {"vectors": tiny(seeds=3)}}
    for module, name, value in (
        (referees, "BUDGETS", budgets), (referees, "N", FEW), (referees, "COSTS", {VECTORS: Cost(1, 0.0)}),
        (referees, "TRAININGS", {VECTORS: Training(1, 0.0, steps=10)}), (referees_full, "BUDGETS", budgets),
        (referees_full, "QUICK", {VECTORS: Cost(1)}), (referees_full, "FULL", [VECTORS]),
        (referees_full, "ROUNDS", {VECTORS: 1}), (referees_full, "TOGETHER_STEPS", 5),
    ):  # fmt: skip
        monkeypatch.setattr(module, name, value)
    training, cost = referees.rows()
    assert training.work == "referee training, vectors of 3, 10 of 40 steps / bare loop of its steps"
    assert training.goal == 1.1
    assert (cost.meets_goal, cost.unit) == (False, "s")
    assert cost.work.startswith("a contestant's 2 referees, `quick`, vectors of 3, n = 60")
    assert cost.parts["num_training"] == FEW // 2
    quick, full, together = referees_full.rows()
    assert quick.work == cost.work and full.work.startswith("a contestant's 6 referees, `full`")
    assert (quick.goal, full.goal, together.goal) == (None, None, None)
    assert set(together.parts["seconds"]) == {"together", "one after another"}
