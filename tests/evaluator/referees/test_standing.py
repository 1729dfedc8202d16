"""Saved referees as judges of later calls: their scores, their units, what they may be tested on."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_referees import arena_of, grains, points, referees_of
from torch import nn

from gancross.errors import CheckpointError
from gancross.evaluator.estimates import Missing
from gancross.evaluator.referees.arena import Arena
from gancross.evaluator.referees.cross import bout, dominance, judged, referee_judges, restricted
from gancross.evaluator.referees.entries import Entry
from gancross.evaluator.referees.halves import SampleSet, sample_set
from gancross.evaluator.referees.ladder import Ladder, ladder
from gancross.evaluator.referees.placements import placements
from gancross.evaluator.referees.saved import RefereeFolder, SavedReferees, decoded, encoded, saved_referees
from gancross.evaluator.referees.standing import (
    Standing,
    StandingJudges,
    StandingNetwork,
    standing_in,
    standing_judges,
    standing_record,
)
from gancross.evaluator.referees.training import Identity

RUNGS = range(12)
Call = tuple[Arena, dict[str, SampleSet], dict[str, list[Entry]]]


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Call]:
    """Referees of two contestants, of vectors and of images."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANCROSS_CACHE", str(tmp_path_factory.mktemp("cache")))
        made = {}
        for kind, reals, samples in (
            ("vectors", points(220), [points(220, seed=seed, shift=0.7) for seed in (1, 2)]),
            ("images", grains(220), [grains(220, seed=seed, shift=8) for seed in (1, 2)]),
        ):
            arena = arena_of(reals, samples, steps=12)
            made[kind] = (arena, *referees_of(arena, a=samples[0], b=samples[1]))
        return made


def saved_of(call: Call, name: str) -> SavedReferees:
    """As a file gives them back."""
    arena, sets, entries = call
    return decoded(encoded(saved_referees(name, sets[name], entries[name], arena)))


def standing_of(saved: SavedReferees, arena: Arena, **sets: SampleSet) -> Standing:
    (standing,) = standing_in(RefereeFolder(path=Path("saved"), saved={"a.npz": saved}), sets, arena)
    return standing


def admitted(standing: Standing, samples: SampleSet, own: Sequence[Entry], arena: Arena) -> StandingJudges:
    judges = standing_judges(standing, samples, own, arena)
    assert not isinstance(judges, Missing), judges
    return judges


@pytest.mark.parametrize("kind", ["vectors", "images"])
def test_saved_referees_score_as_they_did_bit_by_bit(calls: dict[str, Call], kind: str) -> None:
    """On the samples of another contestant; in place of each referee judges the one of its seed and half."""
    arena, sets, entries = calls[kind]
    standing = standing_of(saved_of(calls[kind], "a"), arena)
    assert standing.title == "the standing referees of 'a' (a.npz)" and not standing.misfit
    judges = admitted(standing, sets["b"], entries["b"], arena)
    fight = bout(sets["b"], entries["b"], arena)
    before = judged(referee_judges(entries["a"], arena), fight, arena, rungs=RUNGS)
    after = judged(judges.judges, fight, arena, rungs=RUNGS)
    kept = restricted(after, fight, judges.unseen)
    for first, second, third in zip(before.referees, after.referees, kept.referees, strict=True):
        assert np.array_equal(first.real_KN, second.real_KN)
        assert np.array_equal(first.fake_KM, second.fake_KM)
        assert np.array_equal(second.real_KN, third.real_KN)  # of these reals each trained on one half


def test_referees_of_this_very_call_are_not_standing_judges(calls: dict[str, Call]) -> None:
    """A call with fewer seeds finds its own referees beside others in a file of its contestant."""
    arena, sets, _ = calls["vectors"]
    more = replace(arena, protocol=replace(arena.protocol, seeds=2))
    _, entries = referees_of(more, a=sets["a"].array)
    standing = standing_of(saved_of((more, sets, entries), "a"), arena, a=sets["a"])
    assert [each.identity.seed for each in standing.saved.referees] == [1, 1]
    assert len(standing.networks) == 2 and not standing.misfit
    for call in (more, arena):
        alone = standing_of(saved_of(calls["vectors"], "a"), call, a=sets["a"])
        assert alone.misfit == "they are the referees of 'a' in this call" and not alone.networks


def test_what_a_saved_referee_trained_on_it_is_not_tested_on(calls: dict[str, Call]) -> None:
    """By content, wherever it stands in the later call; of reals and of samples."""
    arena, sets, _ = calls["vectors"]
    saved = saved_of(calls["vectors"], "a")
    reals = torch.cat([points(150, seed=7), arena.reals.array[:100]])
    samples = sample_set(torch.cat([sets["a"].array[50:150], points(150, seed=8)]))
    later = replace(arena_of(reals, [samples.array], steps=3), ladder=arena.ladder)
    _, own = referees_of(later, x=samples.array)
    judges = admitted(standing_of(saved, later), samples, own["x"], later)
    fight = bout(samples, own["x"], later)
    scores = judged(judges.judges, fight, later, rungs=[0])
    kept = restricted(scores, fight, judges.unseen)
    assert kept.num_real < scores.num_real and kept.num_samples < scores.num_samples
    for before, after in zip(scores.referees, kept.referees, strict=True):
        network = judges.judges(Identity(seed=before.seed, half=before.half), 0)
        (number,) = (n for n, each in enumerate(standing_networks(judges, saved)) if each is network)
        for rows, values, digests, array, seen in (
            (before.reals, before.real_KN, after.real_KN, later.reals.array[fight.real_rows], "reals"),
            (before.samples, before.fake_KM, after.fake_KM, samples.array[fight.sample_rows], "samples"),
        ):
            trained = {d.ljust(32, b"\0") for d in getattr(saved.referees[number], seen).tolist()}
            fresh = [
                place for place, row in enumerate(rows)
                if hashlib.sha256(array[row].numpy().tobytes()).digest() not in trained
            ]  # fmt: skip
            assert 0 < len(fresh) < len(rows) and np.array_equal(digests, values[:, fresh])
    placements(kept)  # nobody is left whom no judge tests


def standing_networks(judges: StandingJudges, saved: SavedReferees) -> list[nn.Module]:
    """The network of each saved referee at the finest rung, where each judges in turn."""
    by_turn = [judges.judges(identity, 0) for identity in judges.unseen]
    weights = [each.referee.snapshots[each.referee.chosen[0]] for each in saved.referees]
    return [
        next(
            network for network in by_turn
            if torch.equal(network.state_dict()["network.network.0.weight"], expected["network.0.weight"])
        )
        for expected in weights
    ]  # fmt: skip


def test_the_saved_referee_that_trained_on_least_judges_and_equals_take_turns(calls: dict[str, Call]) -> None:
    arena, sets, entries = calls["vectors"]
    saved = saved_of(calls["vectors"], "a")
    fresh = [replace(each, reals=each.reals[:0], samples=each.samples[:0]) for each in saved.referees]
    for referees, expected in (
        (fresh, [0, 1]),
        (fresh[:1], [0, 0]),
        (saved.referees[::-1], [1, 0]),  # each is tested on the half that the first in turn trained on
    ):
        standing = standing_of(replace(saved, referees=tuple(referees)), arena)
        judges = admitted(standing, sets["b"], entries["b"], arena).judges
        networks = [standing.networks[number][referees[number].referee.chosen[0]] for number in expected]
        seated = [judges(Identity(seed=0, half=half), 0) for half in (0, 1)]
        assert all(one is other for one, other in zip(seated, networks, strict=True))


def seen(saved: SavedReferees, **digests: Any) -> SavedReferees:
    """The same referees as if all of them had trained on these items."""
    return replace(saved, referees=tuple(replace(each, **digests) for each in saved.referees))


@pytest.mark.parametrize("side", ["reals", "samples"])
def test_referees_that_trained_on_all_of_it_judge_nobody(calls: dict[str, Call], side: str) -> None:
    arena, sets, entries = calls["vectors"]
    saved = saved_of(calls["vectors"], "a" if side == "reals" else "b")
    everything = np.concatenate([getattr(each, side) for each in saved.referees])
    assert len(everything) == 220
    standing = standing_of(seen(saved, **{side: everything}), arena)
    reason = standing_judges(standing, sets["b"], entries["b"], arena)
    assert isinstance(reason, Missing) and "only 0 reals or samples are left" in reason.reason
    record = standing_record(standing, {"b": reason, "c": None})
    assert record.judged == ("c",) and record.skipped == (f"of 'b' {reason.reason}",)
    admitted(standing_of(seen(saved, **{side: everything[:0]}), arena), sets["b"], entries["b"], arena)


def test_referees_that_cannot_judge_say_why(calls: dict[str, Call]) -> None:
    arena, sets, _ = calls["vectors"]
    saved = saved_of(calls["vectors"], "a")
    other = calls["images"][0]
    of_shape = standing_of(saved, other)
    assert of_shape.misfit == "for samples of shape (2,), but those of this call have shape (1, 8, 8)"
    assert standing_record(of_shape, {}).skipped == (of_shape.misfit,)
    header = saved.header
    old = replace(saved, header=replace(header, protocol=replace(header.protocol, version=1)))
    assert standing_of(old, arena).misfit.startswith("of version 1 of the protocol")
    assert standing_of(saved, arena, x=sets["a"]).misfit == "they are the referees of 'x' in this call"
    assert not standing_of(saved, arena, x=sets["b"]).misfit
    more = replace(arena, protocol=replace(arena.protocol, seeds=2))
    assert standing_of(saved, more, x=sets["a"]).misfit == "they are the referees of 'x' in this call"
    assert not standing_of(saved, replace(arena, seed=1), x=sets["a"]).misfit  # other seeds of its own
    longer = replace(arena, protocol=replace(arena.protocol, steps=13))
    assert not standing_of(saved, longer, x=sets["a"]).misfit  # a longer training of its own referees
    referee = saved.referees[0].referee
    weights = {step: dict(list(w.items())[1:]) for step, w in referee.snapshots.items()}
    broken = replace(saved.referees[0], referee=replace(referee, snapshots=weights))
    with pytest.raises(CheckpointError, match=r"^saved/a\.npz: is damaged, .*; move it elsewhere$"):
        standing_of(replace(saved, referees=(broken,)), arena)


class Recording(nn.Module):
    """Remembers what it was given."""

    def inputs(self, noisy: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        self.noisy, self.sigma = noisy, sigma
        return noisy

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return torch.full((len(inputs),), torch.nan)


def told(own: Ladder, present: Ladder, noisy: torch.Tensor, sigma: float) -> Recording:
    network = Recording()
    standing = StandingNetwork(network, own=own, present=present)
    inputs = standing.inputs(noisy, torch.full((len(noisy),), sigma))
    assert torch.equal(standing(inputs), torch.zeros(len(noisy)))  # no numbers tell nothing
    return network


def test_a_standing_judge_is_told_samples_and_noise_in_its_own_units() -> None:
    """x + σε in the units of the data is the same for both ladders."""
    own, present = ladder(points(200)), ladder(5 + 3 * points(200, seed=1))
    raw, epsilon = 5 + 3 * points(50, seed=2), points(50, seed=3)
    assert own.mean is not None and own.std is not None and present.std is not None
    network = told(own, present, present.inputs(raw) + 0.2 * epsilon, 0.2)
    in_units_of_data = raw + 0.2 * epsilon * present.std
    assert torch.allclose(network.noisy, (in_units_of_data - own.mean) / own.std, atol=1e-4)
    expected = 0.2 * float((present.std / own.std).prod().sqrt())
    assert network.sigma.tolist() == pytest.approx([expected] * 50) and expected > 0.5
    same = told(own, own, raw, 0.2)
    assert torch.equal(same.noisy, raw) and torch.equal(same.sigma, torch.full((50,), 0.2))


def test_levels_beyond_its_ladder_are_told_as_its_ends() -> None:
    present = ladder(grains(50))
    narrow = replace(present, sigmas=(0.1, 1.0))
    for sigma, expected in ((0.001, 0.1), (0.3, 0.3), (50.0, 1.0)):
        assert told(narrow, present, torch.ones(1, 2), sigma).sigma.item() == pytest.approx(
            expected, rel=1e-4
        )


@pytest.mark.parametrize(("kind", "factor"), [("images", 1), ("vectors", 3)])
def test_the_snapshot_of_the_nearest_level_judges(calls: dict[str, Call], kind: str, factor: int) -> None:
    """Nearest in the saved ladder's units: standard deviations a third as large make levels three times."""
    arena, sets, entries = calls[kind]
    sigmas = tuple(np.geomspace(0.1, 1.0, 12).tolist())
    std = arena.ladder.std
    narrow = replace(arena.ladder, sigmas=sigmas, std=None if std is None else std / factor)
    saved = saved_of(calls[kind], "a")
    (step,) = saved.referees[0].referee.snapshots
    steps = tuple(range(1, 13))  # another snapshot at every rung
    referees = tuple(
        replace(each, referee=replace(
            each.referee, chosen=steps, snapshots=dict.fromkeys(steps, each.referee.snapshots[step])
        ))
        for each in saved.referees
    )  # fmt: skip
    standing = standing_of(replace(saved, ladder=narrow, referees=referees), arena)
    judges = admitted(standing, sets["b"], entries["b"], arena).judges
    for rung, sigma in enumerate(arena.ladder.sigmas):
        nearest = min(range(12), key=lambda k, s=factor * sigma: abs(np.log(sigmas[k] / s)))  # type: ignore[misc]
        assert judges(Identity(seed=0, half=1), rung) is standing.networks[1][steps[nearest]]


def test_own_referees_are_compared_on_what_the_standing_judge_did_not_see(calls: dict[str, Call]) -> None:
    """A judge against itself differs by nothing on any part of the reals."""
    arena, sets, entries = calls["vectors"]
    unseen = {
        Identity(seed=0, half=half): (np.arange(220) % 3 > 0, np.arange(220) % 4 > half) for half in (0, 1)
    }
    own = {"itself": referee_judges(entries["b"], arena)}
    check = dominance("b", sets["b"], entries["b"], own, arena, unseen={"itself": unseen})
    assert check is not None and check.difference.value == 0
    whole = dominance("b", sets["b"], entries["b"], own, arena)
    assert whole is not None and check.difference.high > whole.difference.high  # fewer items, wider
