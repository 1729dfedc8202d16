"""Learning rates and averages as training sets them."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import pytest
import torch
from small_recipes import small
from torch import nn

from gancross.checkpoint import file as checkpoint
from gancross.errors import UsageError
from gancross.trainer.averages import update_average
from gancross.trainer.loop import train
from gancross.trainer.optimizers import follow_schedule, make_optimizer


def test_the_schedule_sets_rate_and_betas_of_each_player() -> None:
    chosen = small(
        "digits", steps=10, learning_rate=1e-4, discriminator_learning_rate=4e-4, schedule="linear",
        beta2=0.9, beta2_end=0.99,
    )  # fmt: skip
    for player, rate in (("generator", 1e-4), ("discriminator", 4e-4)):
        optimizer = make_optimizer(nn.Linear(1, 1), chosen, player=player)
        assert optimizer.defaults["lr"] == pytest.approx(rate)
        follow_schedule(optimizer, chosen, step=6, player=player)
        assert optimizer.param_groups[0]["lr"] == pytest.approx(rate / 2)
        assert optimizer.param_groups[0]["betas"] == pytest.approx((0.5, 0.945))


def test_lazy_penalties_adjust_scheduled_rates() -> None:
    chosen = small("digits", steps=10, schedule="linear", penalty_every=4)
    optimizer = make_optimizer(nn.Linear(1, 1), chosen, player="discriminator")
    follow_schedule(optimizer, chosen, step=6, player="discriminator")
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.8 * 1e-4)
    assert optimizer.param_groups[0]["betas"] == pytest.approx((0.5**0.8, 0.999**0.8))


def test_a_run_s_last_step_has_its_rate_and_other_steps_are_refused(tmp_path: Path) -> None:
    chosen = small("mixture", steps=4, schedule="linear", discriminator_learning_rate=4e-3)
    saved = checkpoint.load(train(chosen, tmp_path, device="cpu"))
    rates = {
        player: saved.training[f"{player}_optimizer"]["param_groups"][0]["lr"]
        for player in ("generator", "discriminator")
    }
    assert rates == pytest.approx({"generator": 1e-3 / 4, "discriminator": 1e-3})
    with pytest.raises(UsageError, match=r"steps \(4 → 9\)"):
        train(chosen.with_changes({"steps": 9}), tmp_path, device="cpu")


@pytest.mark.parametrize("average_buffers", [False, True], ids=["copied", "averaged"])
def test_weights_and_buffers_are_averaged(average_buffers: bool) -> None:
    generator = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    average = deepcopy(generator).requires_grad_(False)
    with torch.no_grad():
        for tensor in (*generator.parameters(), *generator.buffers()):
            tensor.add_(4)
    update_average(average, generator, decay=0.75, average_buffers=average_buffers)
    for name, mean in average.state_dict().items():
        distance = (generator.state_dict()[name] - mean).double()
        copied = "tracked" in name or ("running" in name and not average_buffers)
        torch.testing.assert_close(distance, torch.full_like(distance, 0.0 if copied else 3.0))
