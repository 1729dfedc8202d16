"""Judges on samples that they were not trained against: who is tested on what, and who is under-trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from grey_models import Brightness
from tiny_referees import arena_of, grains, points, referees_of
from torch import nn

from gancross import Contestant
from gancross.evaluator.referees import cross
from gancross.evaluator.referees.arena import Arena
from gancross.evaluator.referees.cross import NoisyDiscriminator, dominance, judged, referee_judges
from gancross.evaluator.referees.entries import Entry
from gancross.evaluator.referees.figures import contestant_figures
from gancross.evaluator.referees.halves import SampleSet
from gancross.evaluator.referees.scores import ContestantScores
from gancross.evaluator.referees.training import Identity

REALS = grains(160)
RUNGS = range(12)
Trained = tuple[Arena, dict[str, SampleSet], dict[str, list[Entry]]]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Samples that are told apart, some that are not, and their referees."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANCROSS_CACHE", str(tmp_path_factory.mktemp("cache")))
        samples = {"near": grains(160, seed=1), "bright": grains(160, seed=2, shift=20)}
        arena = arena_of(REALS, list(samples.values()), steps=60)
        return arena, *referees_of(arena, **samples)


def fight_of(trained: Trained, name: str) -> cross.Bout:
    arena, sets, entries = trained
    return cross.bout(sets[name], entries[name], arena)


def test_a_bout_tests_each_identity_on_what_its_referee_did_not_see(
    trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, _, entries = trained
    monkeypatch.setattr(cross, "MOST", 100)
    fight = fight_of(trained, "near")
    assert len(fight.real_rows) == len(fight.sample_rows) == 100
    for entry in entries["near"]:
        reals, samples = fight.tests[Identity(seed=0, half=entry.scores.half)]
        assert set(fight.real_rows[reals]) == set(fight.real_rows) & set(entry.scores.reals)
        assert set(fight.sample_rows[samples]) == set(fight.sample_rows) & set(entry.scores.samples)
    assert np.array_equal(fight.real_rows, fight_of(trained, "bright").real_rows)  # comparisons are paired


def test_own_referees_in_a_bout_agree_with_their_test(trained: Trained) -> None:
    """Under noise of other streams, so within chance."""
    arena, sets, entries = trained
    for name in sets:
        own = ContestantScores(
            num_real=160, num_samples=160, referees=[entry.scores for entry in entries[name]]
        )
        fought = judged(referee_judges(entries[name], arena), fight_of(trained, name), arena, rungs=RUNGS)
        for first, second in zip(
            *(contestant_figures(each, arena.ladder.sigmas).rungs for each in (own, fought)), strict=True
        ):
            assert first.g.value == pytest.approx(second.g.value, abs=0.12)
        assert not np.array_equal(own.referees[0].real_KN, fought.referees[0].real_KN)


def test_all_judges_see_the_same_noise(trained: Trained) -> None:
    """A judge whose score is the first pixel tells what it saw."""
    arena, _, _ = trained

    class FirstPixel(nn.Module):
        def inputs(self, noisy: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
            return noisy[:, 0, 0, 0]

        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            return inputs

    def seen(name: str, rungs: Sequence[int]) -> ContestantScores:
        return judged(lambda *_: FirstPixel(), fight_of(trained, name), arena, rungs=rungs)

    first, second = seen("near", [0, 5]), seen("bright", [0, 5])
    for a, b in zip(first.referees, second.referees, strict=True):
        assert np.array_equal(a.real_KN, b.real_KN)
    rows = fight_of(trained, "near").real_rows[first.referees[0].reals]
    clean = arena.ladder.inputs(arena.reals.array[torch.from_numpy(rows)])[:, 0, 0, 0].numpy()
    noises = []
    for row, rung in enumerate((0, 5)):
        noise = (first.referees[0].real_KN[row] - clean) / arena.ladder.sigmas[rung]
        assert abs(noise.mean()) < 4 / np.sqrt(len(noise)) and 0.7 < noise.std() < 1.3
        noises.append(noise)
    assert abs(np.corrcoef(*noises)[0, 1]) < 0.5  # each rung has its own
    assert np.array_equal(seen("near", [5]).referees[1].fake_KM[0], first.referees[1].fake_KM[1])


def test_referees_cross_test_each_other(trained: Trained) -> None:
    arena, sets, entries = trained
    table = cross.referee_cross(sets, entries, arena, rung=6)
    assert table.sigma == arena.ladder.sigmas[6] and set(table.fn) == set(sets)
    assert [(cell.judge, cell.generator) for cell in table.cells] == [
        (judge, generator) for judge in sets for generator in sets
    ]
    auc = {(cell.judge, cell.generator): cell.auc.value for cell in table.cells}
    fp = {(cell.judge, cell.generator): cell.fp.value for cell in table.cells}
    assert auc["bright", "bright"] > 0.9 and fp["bright", "bright"] < 0.3
    assert auc["bright", "near"] == pytest.approx(0.5, abs=0.15)
    assert fp["bright", "near"] == pytest.approx(1 - table.fn["bright"].value, abs=0.2)
    swapped = cross.referee_cross(dict(reversed(sets.items())), entries, arena, rung=6)
    assert {(c.judge, c.generator): c for c in swapped.cells} == {
        (c.judge, c.generator): c for c in table.cells
    }


def test_threads_change_no_bit_of_what_referees_score(trained: Trained) -> None:
    """They score on one; so does a contestant's discriminator."""
    arena, _, entries = trained
    threads: list[int] = []

    class Counting(Brightness):
        def inputs(self, noisy: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
            return noisy

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            threads.append(torch.get_num_threads())
            return super().forward(images)

    own = NoisyDiscriminator(Contestant(name="x", samples=REALS, discriminator=Counting(0.0)), arena)
    fight, judges = fight_of(trained, "bright"), referee_judges(entries["near"], arena)
    one = judged(judges, fight, arena, rungs=RUNGS)
    torch.set_num_threads(2)
    try:
        two = judged(judges, fight, arena, rungs=RUNGS)
        for network in (Counting(0.0), own):
            judged(lambda *_, n=network: n, fight, arena, rungs=[0])
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)
    assert threads == [1] * 8
    for a, b in zip(one.referees, two.referees, strict=True):
        assert np.array_equal(a.real_KN, b.real_KN) and np.array_equal(a.fake_KM, b.fake_KM)


def dominated(trained: Trained, name: str, own: list[Entry], **judges: list[Entry]) -> Any:
    arena, sets, _ = trained
    at_hand = {judge: referee_judges(entries, arena) for judge, entries in judges.items()}
    return dominance(name, sets[name], own, at_hand, arena)


def untrained(trained: Trained, name: str) -> list[Entry]:
    """Its referees after one step of next to no size."""
    arena, sets, _ = trained
    protocol = replace(arena.protocol, steps=1, learning_rate=1e-6)
    _, entries = referees_of(replace(arena, protocol=protocol), **{name: sets[name].array})
    return entries[name]


def test_a_judge_that_sees_more_than_the_own_referees_withholds_the_name(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GANCROSS_CACHE", str(tmp_path))
    _, _, entries = trained
    check = dominated(
        trained, "bright", untrained(trained, "bright"), near=entries["near"], bright=entries["bright"]
    )
    assert check.fails and check.judge == "bright" and check.holm_p < 0.01
    assert check.contestant == "bright" and check.difference.low > 0.1
    assert check.sigma in trained[0].ladder.sigmas


def test_standing_judges_that_see_nothing_hide_nothing(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many files lie in a folder, what the judges of the call see is as sure as without them."""
    monkeypatch.setenv("GANCROSS_CACHE", str(tmp_path))
    arena, sets, entries = trained
    own, samples = untrained(trained, "bright"), sets["bright"]
    judges = {"bright": referee_judges(entries["bright"], arena)}
    blind = {f"saved {number}": referee_judges(own, arena) for number in range(4)}
    everything = {
        identity: (np.ones(len(arena.reals), dtype=bool), np.ones(len(samples), dtype=bool))
        for identity in arena.identities
    }
    alone = dominance("bright", samples, own, judges, arena)
    beside = dominance("bright", samples, own, judges | blind, arena, unseen=dict.fromkeys(blind, everything))
    assert alone is not None and alone.fails and beside == alone


def test_judges_that_see_no_more_withhold_nothing(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    arena, sets, entries = trained
    check = dominated(trained, "bright", entries["bright"], near=entries["near"])
    assert not check.fails and check.judge == "near" and check.difference.value < 0.2
    same = dominated(trained, "bright", entries["bright"], itself=entries["bright"])
    assert same.difference.value == 0 and same.holm_p == 1 and not same.fails
    with monkeypatch.context() as patch:
        patch.setattr(cross, "holm", list)
        one = dominated(trained, "bright", entries["bright"], itself=entries["bright"])
    assert 0.5 < one.holm_p < 1  # one-sided, of a difference above 0.02
    assert dominance("near", sets["near"], entries["near"], {}, arena) is None


def test_an_own_discriminator_judges_noisy_samples_in_its_own_units(trained: Trained) -> None:
    arena, sets, entries = trained

    def contestant(judge: nn.Module, **fields: Any) -> Contestant:
        return Contestant(name="x", samples=REALS, discriminator=judge, **fields)

    class Probability(Brightness):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return torch.sigmoid(super().forward(images))[:, None]

    fight = fight_of(trained, "bright")
    dark = -1.0  # low is real: the samples are brighter
    plain = contestant(Brightness(0.0, sign=dark))
    scores = {
        name: judged(lambda *_, n=network: n, fight, arena, rungs=[4]).referees[0]
        for name, network in {
            "plain": NoisyDiscriminator(plain, arena),
            "turned": NoisyDiscriminator(
                contestant(Brightness(0.0, sign=-dark), orientation="fake_high"), arena
            ),
            "probable": NoisyDiscriminator(
                contestant(Probability(0.0, sign=dark), score_kind="probability"), arena
            ),
        }.items()
    }  # fmt: skip
    for name in ("turned", "probable"):
        assert np.allclose(scores["plain"].fake_KM, scores[name].fake_KM, atol=1e-5), name
    unit = NoisyDiscriminator(contestant(Brightness(0.5, sign=dark), data_range=(0.0, 1.0)), arena)
    halved = judged(lambda *_: unit, fight, arena, rungs=[4]).referees[0]
    assert np.allclose(halved.fake_KM, scores["plain"].fake_KM / 2, atol=1e-5)
    check = dominance(
        "bright", sets["bright"], entries["bright"],
        {"own": lambda *_: NoisyDiscriminator(plain, arena)}, arena,
    )  # fmt: skip
    assert check is not None and not check.fails


def test_scores_that_are_no_numbers_tell_nothing(trained: Trained) -> None:
    """Some discriminators have none beyond the range of images, where strong noise lies."""
    arena, sets, entries = trained

    class Logarithm(nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return torch.log(1 - images.flatten(1).mean(1).abs() * 20)

    contestant = Contestant(name="x", samples=REALS, discriminator=Logarithm())
    probable = replace(contestant, score_kind="probability")
    for judge in (contestant, probable):
        own = NoisyDiscriminator(judge, arena)
        raw = own(torch.ones(1, 1, 8, 8)).numpy()
        assert np.isnan(raw).all() and own.real_high(raw).tolist() == [0]
    network = NoisyDiscriminator(contestant, arena)
    check = dominance("bright", sets["bright"], entries["bright"], {"own": lambda *_: network}, arena)
    assert check is not None and not check.fails and 0 <= check.holm_p <= 1
    assert np.isfinite([check.difference.low, check.difference.value, check.difference.high]).all()


def test_discriminators_that_take_no_such_samples_are_left_out(trained: Trained) -> None:
    """As one that looks at whole batches of training alone; the call has its figures by then."""
    arena, sets, entries = trained

    class OfSixteen(nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return images.view(16, -1).mean(1)

    class Single(nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return images.mean()

    for network in (OfSixteen(), Single()):
        contestant = Contestant(name="x", samples=REALS, discriminator=network)
        own = NoisyDiscriminator(contestant, arena)
        judges: dict[str, cross.Judges] = {"own": lambda *_, n=own: n}
        assert dominance("bright", sets["bright"], entries["bright"], judges, arena) is None


def test_a_discriminator_draws_its_own_noise_alike_and_leaves_torchs_alone(trained: Trained) -> None:
    arena, _, _ = trained

    class Noisy(nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return images.flatten(1).mean(1) + torch.randn(len(images))

    network = NoisyDiscriminator(Contestant(name="x", samples=REALS, discriminator=Noisy()), arena)
    fight = fight_of(trained, "near")
    scores = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        before = torch.get_rng_state()
        scores.append(judged(lambda *_: network, fight, arena, rungs=[3]).referees[0].fake_KM)
        assert torch.equal(torch.get_rng_state(), before)
    assert np.array_equal(scores[0], scores[1])


def test_vectors_are_judged_in_the_units_of_the_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANCROSS_CACHE", str(tmp_path))

    class First(nn.Module):
        def forward(self, vectors: torch.Tensor) -> torch.Tensor:
            return vectors[:, :1]

    reals = 100 + 10 * points(60)
    arena = arena_of(reals, steps=2)
    sets, entries = referees_of(arena, a=90 + 10 * points(60, seed=1))
    fight = cross.bout(sets["a"], entries["a"], arena)
    network = NoisyDiscriminator(Contestant(name="x", samples=reals, discriminator=First()), arena)
    scores = judged(lambda *_: network, fight, arena, rungs=[0]).referees[0]
    clean = sets["a"].array[torch.from_numpy(fight.sample_rows[scores.samples]), 0].numpy()
    assert np.abs(scores.fake_KM[0] - clean).max() < 5 * 0.01 * 12
