"""The speed rows of referees: their bare loops do the work that they are named after."""

from __future__ import annotations

import pytest
import torch
from speed import referees
from speed.referees import SMALL, VECTORS, Cost, Loops
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
    quick, full = tiny(), tiny(seeds=3)
    monkeypatch.setattr(referees, "BUDGETS", {"quick": {"vectors": quick}, "full": {"vectors": full}})
    for name, value in {
        "ROUNDS": {VECTORS: 1}, "COSTS": {VECTORS: Cost(1, 0.0)}, "N": FEW, "TOGETHER_STEPS": 5
    }.items():  # fmt: skip
        monkeypatch.setattr(referees, name, value)
    training, cost, of_full, together = referees.rows(full=True)
    assert (training.goal, together.goal, of_full.goal) == (1.1, None, None)
    assert cost.meets_goal is False
    assert cost.unit == "s"
    assert cost.work.startswith("a contestant's 2 referees, `quick`, vectors of 3, n = 60")
    assert of_full.work.startswith("a contestant's 6 referees, `full`")
    assert cost.parts["num_training"] == FEW // 2
    assert set(together.parts["seconds"]) == {"together", "one after another", "rounds"}
