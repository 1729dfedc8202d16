"""Planted faults: what each does to samples, and κ that is measured by them."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.ndimage import correlate
from tiny_referees import CPU, arena_of, grains, points

from gancross.evaluator.referees import calibration
from gancross.evaluator.referees import protocol as referee_protocol
from gancross.evaluator.referees.calibration import (
    MULTIPLES,
    FaultPlace,
    calibrated,
    measurement,
    multiple_steps,
    places,
    planted_fault,
)
from gancross.evaluator.referees.halves import cut, halves, sample_set
from gancross.evaluator.referees.planted import CLUSTERS, FAULTS, cluster_labels
from gancross.evaluator.referees.scoring import ladder_scores
from gancross.evaluator.referees.training import Identity, Material, trained
from gancross.evaluator.statistics.auc import components
from gancross.machine import caches

IDENTITIES = (Identity(seed=0, half=0),)


def clusters(n: int = 400) -> torch.Tensor:
    """Ten narrow clusters on a circle."""
    angle = 2 * math.pi * (torch.arange(n) % CLUSTERS) / CLUSTERS
    return 10 * torch.stack([angle.cos(), angle.sin()], 1) + points(n, scale=0.1)


SAMPLES = {"images": grains(300, shape=(3, 8, 8)), "vectors": clusters(300)}


@pytest.mark.parametrize("form", SAMPLES)
@pytest.mark.parametrize("kind", FAULTS)
def test_faults_are_canonical_repeatable_and_grow(kind: str, form: str) -> None:
    samples = SAMPLES[form]
    before = samples.clone()
    severities = FAULTS[kind].severities(samples)
    assert len(severities) == 3 and list(severities) == sorted(severities)
    changes = []
    for severity in severities:
        faulty = FAULTS[kind].plant(samples, severity, 0)
        assert faulty.dtype == samples.dtype and faulty.shape[1:] == samples.shape[1:]
        assert torch.equal(faulty, FAULTS[kind].plant(samples, severity, 0))
        if kind == "left-out":
            changes.append(float(len(samples) - len(faulty)))
        else:
            assert len(faulty) == len(samples)
            changes.append(float((faulty.double() - samples.double()).square().mean()))
    assert 0 < changes[0] < changes[1] < changes[2]
    assert torch.equal(samples, before)
    assert len(FAULTS[kind].meaning) > 0


@pytest.mark.parametrize("form", SAMPLES)
def test_a_share_is_noise_and_a_larger_one_holds_the_smaller(form: str) -> None:
    samples = SAMPLES[form]
    replaced = []
    for share in (0.1, 0.3, 0.6):
        faulty = FAULTS["contamination"].plant(samples, share, 0)
        different = (faulty != samples).flatten(1).any(1)
        assert int(different.sum()) == round(share * 300)
        replaced.append((different, faulty))
    for (smaller, its), (larger, others) in pairwise(replaced):
        assert bool((larger | ~smaller).all()) and torch.equal(its[smaller], others[smaller])
    noise = replaced[2][1][replaced[2][0]].double()
    low, high = samples.double().amin(), samples.double().amax()
    assert (
        noise.std() > samples.double().std()
        if form == "images"
        else low <= noise.amin() <= noise.amax() <= high
    )


def test_whole_clusters_are_left_out_and_more_of_them_hold_the_fewer() -> None:
    samples = SAMPLES["vectors"]
    labels = cluster_labels(samples, seed=0)
    truth = np.arange(300) % CLUSTERS
    assert len({(a, b) for a, b in zip(labels, truth, strict=True)}) == CLUSTERS  # k-means found them
    left = []
    for number in (1, 3, 6):
        kept = FAULTS["left-out"].plant(samples, number, 0)
        assert len(kept) == 300 - 30 * number
        left.append({tuple(row) for row in kept.tolist()})
    assert left[2] < left[1] < left[0]


def test_large_samples_are_clustered_by_a_projection() -> None:
    images = torch.cat([grains(30, shape=(1, 16, 16), shift=12 * k, seed=k) for k in range(CLUSTERS)])
    labels = cluster_labels(images, seed=0)
    assert set(labels) == set(range(CLUSTERS))
    assert np.array_equal(labels, cluster_labels(images, seed=0))
    # Levels are 12 apart and a mean of 256 pixels varies by 1.3: few images are grouped wrongly.
    assert sum(len(set(labels[30 * k : 30 * (k + 1)])) for k in range(CLUSTERS)) < 3 * CLUSTERS


def test_blur_is_a_small_kernel_and_spread_moves_away_from_the_cluster() -> None:
    images, vectors = SAMPLES["images"], SAMPLES["vectors"]
    a = 0.5
    kernel = np.outer([a, 1, a], [a, 1, a]) / (1 + 2 * a) ** 2
    blurred = FAULTS["blur or spread"].plant(images, a, 0)
    direct = np.stack(
        [[correlate(c.astype(float), kernel, mode="nearest") for c in i] for i in images.numpy()]
    )
    assert np.abs(blurred.numpy() - direct).max() <= 0.5 + 1e-4
    wide = FAULTS["blur or spread"].plant(vectors, 1.0, 0)
    for k in range(CLUSTERS):
        own, its = vectors[k::CLUSTERS], wide[k::CLUSTERS]
        assert torch.allclose(its - its.mean(0), 2 * (own - own.mean(0)), atol=1e-4)
        assert torch.allclose(its.mean(0), own.mean(0), atol=1e-4)


def test_shift_moves_all_by_the_same() -> None:
    vectors = SAMPLES["vectors"]
    moved = FAULTS["shift"].plant(vectors, 0.5, 0)
    assert torch.allclose(moved - vectors, (0.5 * vectors.std(0)).expand_as(vectors), atol=1e-4)
    bright = FAULTS["shift"].plant(torch.tensor([[[[0, 100, 250]]]], dtype=torch.uint8), 0.15, 0)
    assert bright.flatten().tolist() == [19, 119, 255]  # .15 of [−1, 1] is 19 grey levels; clipped at white


def test_every_fault_has_a_place() -> None:
    found = places(SAMPLES["images"])
    assert len(found) == 12 and {place.kind for place in found} == set(FAULTS)
    assert [place.severity for place in found if place.kind == "shift"] == [0.05, 0.15, 0.5]


def test_g_is_measured_at_every_multiple_of_the_steps() -> None:
    reals, clean = clusters(400), clusters(460).flip(0)
    arena = arena_of(reals, steps=30)
    fault = planted_fault(FaultPlace(kind="shift", severity=0.5), clean, arena, identities=IDENTITIES)
    assert len(fault.g_TK) == len(MULTIPLES) == 5 and {len(row) for row in fault.g_TK} == {12}
    assert all(-1 <= g <= 1 for row in fault.g_TK for g in row)
    record = measurement("clusters", arena, (fault,))
    assert (record.data, record.shape, record.num_training) == ("clusters", (2,), 200)
    assert (record.budget, record.multiples) == ("quick", MULTIPLES) and 0 <= record.kappa <= 1
    detectabilities = np.mean(fault.g_TK, axis=1)
    assert detectabilities[-1] > 0.1 and record.kappa == pytest.approx(
        np.clip(detectabilities[1] / detectabilities.max(), 0, 1)
    )


def test_one_long_training_holds_the_shorter_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """G at so many times the steps is that of a referee which was trained that long."""
    reals, clean = points(300), points(300, seed=1)
    arena = arena_of(reals, steps=20)
    assert multiple_steps(arena.protocol) == [10, 20, 40, 80, 160]
    monkeypatch.setattr(referee_protocol, "FEWEST_VALIDATED", 10)
    fault = planted_fault(FaultPlace(kind="shift", severity=0.5), clean, arena, identities=IDENTITIES)
    samples = sample_set(FAULTS["shift"].plant(clean, 0.5, 0))
    sides = [
        (side, cut(halves(side.items, seed=0, purpose=purpose), half=0, size=150))
        for side, purpose in ((arena.reals, "reals"), (samples, "samples"))
    ]
    for row, steps in ((1, 20), (4, 160)):
        protocol = replace(arena.protocol, steps=steps)
        real, fake = (
            Material(array=side.array, training=part.training, validation=part.validation)
            for side, part in sides
        )
        options = {"ladder": arena.ladder, "protocol": protocol, "identity": IDENTITIES[0], "device": CPU}
        referee = trained(reals=real, samples=fake, **options)  # type: ignore[arg-type]
        judges = referee.judges((2,), arena.ladder, protocol, IDENTITIES[0], CPU)
        scores = [
            ladder_scores(
                judges, referee.chosen, side.array, part.test, arena.ladder, device=CPU,
                noise=lambda rung, kind=kind: IDENTITIES[0].stream("calibration", kind, rung),  # type: ignore[misc]
            ).astype(np.float64)
            for (side, part), kind in zip(sides, ("reals", "samples"), strict=True)
        ]  # fmt: skip
        g = [2 * components(real=a, fake=b)[0] - 1 for a, b in zip(*scores, strict=True)]
        assert fault.g_TK[row] == pytest.approx(g, abs=1e-3)


def test_a_fault_that_leaves_few_samples_trains_on_fewer() -> None:
    reals, clean = clusters(200), clusters(100)
    arena = arena_of(reals, steps=2)
    fault = planted_fault(FaultPlace(kind="left-out", severity=6.0), clean, arena, identities=IDENTITIES)
    assert len(fault.g_TK) == 5 and arena.size == 100


@pytest.mark.parametrize("damage", ["[]", '{"kind": "shift"'])
def test_what_was_measured_is_kept_and_the_rest_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    monkeypatch.setenv("GANCROSS_CACHE", str(tmp_path))
    monkeypatch.setattr(calibration, "FAULTS", {"shift": FAULTS["shift"]})
    clean, arena = points(140, seed=1), arena_of(points(100), steps=2)

    def stop(what: str, done: int, total: int) -> None:
        assert what == "planted faults"
        if 3 * done >= 2 * total:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        calibrated(clean, arena, name="points", progress=stop)
    files = sorted(tmp_path.rglob("*.json"))
    assert len(files) == 2
    files[0].write_text(damage)
    calls: list[tuple[int, int]] = []
    first = calibrated(
        clean, arena, name="points", progress=lambda what, done, total: calls.append((done, total))
    )
    assert calls[0][0] == 0 and calls[-1][0] == calls[-1][1] and first.data == "points"
    assert [(fault.kind, fault.severity) for fault in first.faults] == [
        (place.kind, place.severity) for place in places(clean)
    ]
    monkeypatch.setattr(calibration, "planted_fault", None)
    assert calibrated(clean, arena, name="points") == first
    assert sum(caches.cache_sizes()["referees"]) == sum(
        file.stat().st_size for file in tmp_path.rglob("*.json")
    )
