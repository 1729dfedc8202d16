"""Training: the pairs and their noise, the average of the weights, the choice of the snapshot."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain
from typing import Any

import numpy as np
import pytest
import torch
from tiny_referees import CPU, grains, points, tiny

from gancross.evaluator.referees import training
from gancross.evaluator.referees.ladder import Ladder, ladder
from gancross.evaluator.referees.protocol import BUDGETS, form_of, snapshots
from gancross.evaluator.referees.scoring import BLOCK, ladder_scores, noisy, rung_scores
from gancross.evaluator.referees.training import (
    Identity,
    Material,
    judge_network,
    smoothed,
    trained,
    training_snapshots,
    validation_losses,
)
from gancross.evaluator.statistics.auc import components
from gancross.random_streams import Stream

IDENTITY = Identity(seed=3, half=1)


def material(array: torch.Tensor, validation: int = 0) -> Material:
    rows = np.arange(len(array))
    return Material(array=array, training=rows[validation:], validation=rows[:validation])


def snapshots_of(
    reals: Material, samples: Material, *, identity: Identity = IDENTITY, kept: tuple[int, ...] = (),
    climbed: Ladder | None = None, **changes: Any,
) -> dict[int, Any]:  # fmt: skip
    """Averaged weights by step."""
    shape = tuple(reals.array.shape[1:])
    climbed, protocol = climbed or ladder(reals.array), tiny(form_of(shape), **changes)
    network = judge_network(shape, climbed, protocol, identity, CPU)
    return dict(training_snapshots(
        network, reals=reals, samples=samples, ladder=climbed, protocol=protocol, identity=identity, kept=kept
    ))  # fmt: skip


Seen = list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]


@contextmanager
def observed(patch: pytest.MonkeyPatch) -> Iterator[Seen]:
    """Collects the samples, levels and noise of every step."""
    seen: Seen = []

    def noted(samples: torch.Tensor, climbed: Ladder, level: torch.Tensor, noise: torch.Tensor) -> Any:
        seen.append((samples.clone(), level.clone(), noise.clone()))
        return noisy(samples, climbed, level, noise)

    with patch.context() as inside:
        inside.setattr(training, "noisy", noted)
        yield seen


def test_a_pair_has_one_level_and_one_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    reals, samples = material(grains(100)), material(grains(100, seed=1))
    with observed(monkeypatch) as steps:
        snapshots_of(reals, samples, steps=100)
    assert len(steps) == 100
    for pairs, level, noise in steps:
        assert len(pairs) == len(level) == len(noise) == 64
        assert torch.equal(level[:32], level[32:]) and torch.equal(noise[:32], noise[32:])
    levels = torch.cat([level[:32] for _, level, _ in steps])
    assert len(set(levels.tolist())) > 3000  # another one for each pair
    counts = np.histogram(levels.numpy(), bins=8, range=(0, 1))[0]
    assert np.all(abs(counts - 400) < 4.5 * math.sqrt(350))  # log σ is uniform over the ladder
    noises = torch.cat([noise[:32] for *_, noise in steps])
    assert float(noises.mean()) == pytest.approx(0, abs=0.01)
    assert float(noises.std()) == pytest.approx(1, abs=0.01)


def test_noise_of_a_level_has_the_ladders_sigma() -> None:
    images = grains(5)
    climbed = ladder(images)
    noise = torch.ones(5, 1, 8, 8)
    for rung, sigma in enumerate(climbed.sigmas):
        y, at = noisy(images, climbed, torch.full((5,), rung / 11), noise)
        assert torch.allclose(at, torch.tensor(sigma), rtol=1e-5)
        assert torch.allclose(y - climbed.inputs(images), torch.tensor(sigma), rtol=1e-4, atol=1e-6)


def test_contestants_share_weights_reals_noise_and_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that differences between them are paired."""
    reals = material(points(90))
    of_contestants = []
    for contestant in (points(90, seed=1), points(90, seed=2)):
        with observed(monkeypatch) as steps:
            snapshots_of(reals, material(contestant), steps=6)
        of_contestants.append(steps)
    for (first, *rest), (second, *its_rest) in zip(*of_contestants, strict=True):
        assert torch.equal(first[:32], second[:32]) and all(map(torch.equal, rest, its_rest))
        assert not torch.equal(first[32:], second[32:])
    for identity in (Identity(seed=3, half=0), Identity(seed=4, half=1)):
        with observed(monkeypatch) as others:
            snapshots_of(reals, material(points(90, seed=1)), identity=identity, steps=1)
        assert not torch.equal(others[0][0], of_contestants[0][0][0])
        assert not torch.equal(others[0][2], of_contestants[0][0][2])


def test_an_epoch_takes_every_training_sample_once_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    array = torch.arange(100.0)[:, None]
    rows = np.arange(0, 100, 2)
    half = Material(array=array, training=rows[2:], validation=rows[:2])
    with observed(monkeypatch) as steps:
        snapshots_of(half, half, steps=9, batch_size=16)
    for side in (slice(0, 16), slice(16, 32)):
        batches = [pairs[side, 0].tolist() for pairs, *_ in steps]
        for epoch in range(3):
            values = sorted(chain(*batches[3 * epoch : 3 * epoch + 3]))
            assert values == rows[2:].tolist()
        assert batches[0] != batches[3]
    assert (
        steps[0][0][:16].tolist() != steps[0][0][16:].tolist()
    )  # reals and samples have orders of their own


def test_what_torch_has_drawn_before_changes_nothing() -> None:
    reals, samples = material(grains(60)), material(grains(60, seed=1, shift=20))
    runs = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        before = torch.get_rng_state()
        runs.append(snapshots_of(reals, samples, steps=3, dropout=0.3)[3])
        assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(runs[0][name], runs[1][name]) for name in runs[0])


def test_snapshots_are_moving_averages_of_the_weights() -> None:
    """a_t = d·a_{t−1} + (1 − d)·w_t from a_0 = w_0 on; with d = 0 they are the weights themselves."""
    reals, samples = material(points(80)), material(points(80, seed=1, scale=2))
    climbed = ladder(reals.array)
    weights = snapshots_of(reals, samples, steps=6, average=0.0, kept=tuple(range(1, 7)))
    averages = snapshots_of(reals, samples, steps=6, average=0.7, kept=(2, 6))
    assert list(averages) == [2, 6]
    initial = dict(judge_network((2,), climbed, tiny(), IDENTITY, CPU).named_parameters())
    for name, start in initial.items():
        average = start.detach().double()
        for step in range(1, 7):
            average = 0.7 * average + 0.3 * weights[step][name].double()
            if step in averages:
                assert torch.allclose(averages[step][name].double(), average, atol=1e-6), (name, step)


def test_snapshots_lie_at_50_steps_and_powers_of_two_times_that() -> None:
    assert snapshots(1600) == (50, 100, 200, 400, 800, 1600)
    assert snapshots(800) == (50, 100, 200, 400, 800) and snapshots(600) == (50, 100, 200, 400, 600)
    assert snapshots(20) == (20,) and snapshots(50) == (50,) and snapshots(51) == (50, 51)
    for budget in BUDGETS.values():
        for form, protocol in budget.items():
            assert protocol.form == form and protocol.snapshots == snapshots(protocol.steps)


def test_losses_are_smoothed_over_neighbours_and_ends_count_twice() -> None:
    losses = np.array([[3.0, 0.0, 6.0, 9.0], [1.0, 1.0, 1.0, 1.0]])
    assert smoothed(losses) == pytest.approx(np.array([[2.0, 3.0, 5.0, 8.0], [1.0] * 4]))


@pytest.fixture(scope="module")
def trained_referee() -> tuple[training.Referee, dict[str, Any]]:
    """A judge that overfits 60 pairs within 400 steps, with 50 each to choose by."""
    protocol = tiny(steps=400, learning_rate=3e-3, width=48, batch_size=60)
    options: dict[str, Any] = {
        "reals": material(points(110), 50), "samples": material(points(110, seed=1, scale=1.3), 50),
        "ladder": ladder(points(110)), "protocol": protocol, "identity": IDENTITY,
    }  # fmt: skip
    return trained(**options, device=CPU), options


def test_at_each_rung_the_snapshot_with_the_lowest_validation_loss_judges(
    trained_referee: tuple[training.Referee, dict[str, Any]],
) -> None:
    referee, options = trained_referee
    network = judge_network((2,), options["ladder"], options["protocol"], IDENTITY, CPU)
    weights = dict(training_snapshots(network, **options))
    assert list(weights) == [50, 100, 200, 400]
    losses, judges = np.zeros((4, 12)), []
    for row, step in enumerate(weights):
        judges.append(
            training.loaded((2,), options["ladder"], options["protocol"], IDENTITY, CPU, weights[step])
        )
        for rung in range(12):
            for kind, sign in (("reals", -1), ("samples", 1)):
                part = options[kind]
                (scores,) = rung_scores(
                    [judges[-1]], part.array, part.validation, options["ladder"], rung=rung, device=CPU,
                    stream=IDENTITY.stream("validation", kind, f"rung-{rung}"),
                )  # fmt: skip
                losses[row, rung] += np.log1p(np.exp(sign * scores.astype(np.float64))).mean()
    assert np.allclose(losses, validation_losses(
        judges, device=CPU, **{key: options[key] for key in ("reals", "samples", "ladder", "identity")}
    ))  # fmt: skip
    best = [list(weights)[row] for row in smoothed(losses).argmin(0)]
    assert list(referee.chosen) == best and set(best) != {400}
    assert set(referee.snapshots) == set(best)
    for step in referee.snapshots:
        assert all(torch.equal(referee.snapshots[step][name], weights[step][name]) for name in weights[step])


def test_axes_are_those_of_the_training_reals_alone() -> None:
    """Reals that are tested, or choose a snapshot, would otherwise differ from fresh ones."""
    reals = points(110) @ torch.tensor([[1.0, 0.9], [0.0, 0.1]])
    climbed = ladder(reals)
    others = torch.cat([10 * reals[:50], reals[50:]])
    first, second = (
        snapshots_of(material(array, 50), material(reals), climbed=climbed)[40] for array in (reals, others)
    )
    for name in ("axes", "variances"):
        assert torch.equal(first[name], second[name])
    assert first["variances"][1] > 5 * first["variances"][0]


def test_below_50_validation_reals_the_last_snapshot_judges(
    trained_referee: tuple[training.Referee, dict[str, Any]],
) -> None:
    _, options = trained_referee
    fewer = {
        kind: Material(array=options[kind].array, training=options[kind].training, validation=np.arange(49))
        for kind in ("reals", "samples")
    }
    protocol = replace(options["protocol"], steps=60)
    referee = trained(**options | fewer | {"protocol": protocol}, device=CPU)
    assert referee.chosen == (60,) * 12 and list(referee.snapshots) == [60]


def test_a_referee_finds_what_differs_and_nothing_else() -> None:
    reals = grains(200)
    for samples, low, high in ((grains(200, seed=1), -0.3, 0.3), (grains(200, seed=1, shift=30), 0.9, 1.0)):
        referee = trained(
            reals=material(reals[:100]), samples=material(samples[:100]), ladder=ladder(reals),
            protocol=tiny("small images", steps=60), identity=IDENTITY, device=CPU,
        )  # fmt: skip
        judges = referee.judges((1, 8, 8), ladder(reals), tiny("small images"), IDENTITY, CPU)
        real, fake = (
            ladder_scores(
                judges, referee.chosen, array, np.arange(100, 200), ladder(reals), device=CPU,
                noise=lambda rung, kind=kind: Stream(1, kind, rung),  # type: ignore[misc]
            )
            for kind, array in (("reals", reals), ("samples", samples))
        )  # fmt: skip
        assert real.shape == fake.shape == (12, 100) and real.dtype == np.float32
        g = [
            2 * components(real=a.astype(float), fake=b.astype(float))[0] - 1
            for a, b in zip(real, fake, strict=True)
        ]
        assert low <= np.mean(g[3:8]) <= high, g


def test_scores_come_in_the_order_of_rows_under_noise_of_their_stream() -> None:
    reals = points(2 * BLOCK + 20)
    climbed = ladder(reals)
    judge = judge_network((2,), climbed, tiny(), IDENTITY, CPU).eval()
    rows = np.arange(len(reals))

    def scores(rows: Any, stream: int = 0, rung: int = 4) -> Any:
        return rung_scores([judge], reals, rows, climbed, rung=rung, stream=Stream(stream, "x"), device=CPU)[
            0
        ]

    whole = scores(rows)
    generator = Stream(0, "x").torch_generator()
    for start in range(0, len(reals), BLOCK):
        block = reals[start : start + BLOCK]
        noise = torch.randn(block.shape, generator=generator)
        y = climbed.inputs(block) + climbed.sigmas[4] * noise
        with torch.no_grad():
            expected = judge(judge.inputs(y, torch.full((len(block),), climbed.sigmas[4])))
        assert np.allclose(whole[start : start + BLOCK], expected.numpy(), atol=1e-5)
    assert np.array_equal(scores(rows[:BLOCK]), whole[:BLOCK])  # the noise of a place is that of any length
    assert not np.allclose(scores(rows, stream=1), whole)
    two = rung_scores([judge, judge], reals, rows, climbed, rung=4, stream=Stream(0, "x"), device=CPU)
    assert two.shape == (2, len(reals)) and np.array_equal(two[0], two[1]) and np.array_equal(two[0], whole)
