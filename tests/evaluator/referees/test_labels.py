"""Referees that see labels: the projection, labels that travel with samples, keys, what they see and miss."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from scipy import stats
from tiny_referees import CPU, grains, points, same_entries, tiny
from torch.nn import functional

from gancross.checkpoint.contestant import Contestant
from gancross.data import mixture
from gancross.evaluator.estimates import Missing
from gancross.evaluator.referees.arena import Arena, equal_number
from gancross.evaluator.referees.controls import ControlSets, control_sets
from gancross.evaluator.referees.cross import (
    NoisyDiscriminator,
    bout,
    dominance,
    judged,
    referee_cross,
    referee_judges,
)
from gancross.evaluator.referees.dominance import judging_alike
from gancross.evaluator.referees.entries import Entry, EntryKey
from gancross.evaluator.referees.figures import contestant_figures
from gancross.evaluator.referees.halves import SampleSet, halves, sample_set
from gancross.evaluator.referees.judge import SLOPE, ImageJudge, Judge, VectorJudge
from gancross.evaluator.referees.ladder import ladder
from gancross.evaluator.referees.protocol import RefereeProtocol, form_of
from gancross.evaluator.referees.saved import RefereeFolder, decoded, encoded, saved_referees
from gancross.evaluator.referees.standing import standing_in, standing_judges
from gancross.evaluator.referees.training import Identity, judge_network
from gancross.evaluator.referees.work import contestant_scores, refereed
from gancross.random_streams import Stream

N, MODES = 600, mixture.COMPONENTS
IDENTITY = Identity(seed=0, half=0)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANCROSS_CACHE", str(tmp_path))


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


# The projection


def judge_of(shape: tuple[int, ...], num_classes: int | None) -> ImageJudge | VectorJudge:
    reals = points(20, d=shape[0]) if len(shape) == 1 else grains(20, shape=shape)
    protocol = tiny(form_of(shape), dropout=0.0, num_classes=num_classes)
    return judge_network(shape, ladder(reals), protocol, IDENTITY, CPU)


def features(judge: ImageJudge | VectorJudge, x: torch.Tensor) -> torch.Tensor:
    """The last hidden units, layer by layer from the state dict."""
    state = judge.state_dict()
    name = "network" if isinstance(judge, VectorJudge) else "features"
    numbers = sorted({int(key.split(".")[1]) for key in state if key.startswith(f"{name}.")})
    for number in numbers if name == "features" else numbers[:-1]:
        weight, bias = state[f"{name}.{number}.weight"], state[f"{name}.{number}.bias"]
        if weight.ndim == 2:
            x = x @ weight.T + bias
        else:
            stride, padding = zip(*((2, 1) if k == 4 else (1, 0) for k in weight.shape[2:]), strict=True)
            x = functional.conv2d(x, weight, bias, stride=stride, padding=padding)
        x = torch.where(x > 0, x, SLOPE * x)
    return x.flatten(1)


SHAPES = {
    "scalar": (1,), "vector": (5,), "pixel": (1, 1, 1), "line": (2, 1, 30), "small image": (1, 8, 8),
    "colour image": (3, 32, 32), "large image": (3, 128, 128),
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_a_class_adds_the_inner_product_of_its_embedding_and_the_last_features(
    shape: tuple[int, ...],
) -> None:
    """Scores and gradients against w·φ + b + e_c·φ in float64."""
    n, labels = 6, torch.tensor([3, 0, 0, 4, 1, 3])
    judge = judge_of(shape, 5).double()
    noise = torch.randn(n, *shape, generator=generator(1))
    x = cast(Judge, judge).inputs(noise.double(), torch.linspace(0.1, 2, n).double())
    weights = torch.randn(n, generator=generator(2), dtype=torch.float64)
    scores = judge(x, labels)
    (weights * scores).sum().backward()
    phi = features(judge, x)
    last = judge.network[-1] if isinstance(judge, VectorJudge) else judge.score
    assert isinstance(last, torch.nn.Linear) and last.weight.grad is not None
    assert judge.projection is not None
    embedding = judge.projection.embedding.weight
    expected = phi @ last.weight.detach()[0] + last.bias.detach() + (embedding.detach()[labels] * phi).sum(1)
    torch.testing.assert_close(scores.detach(), expected, rtol=1e-10, atol=1e-10)
    onehot = functional.one_hot(labels, 5).double()
    torch.testing.assert_close(embedding.grad, (onehot * weights[:, None]).T @ phi, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(last.weight.grad[0], weights @ phi, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("shape", [(5,), (3, 32, 32)], ids=["vector", "image"])
def test_initial_weights_are_those_of_a_judge_without_labels_and_uniform_embeddings(
    shape: tuple[int, ...],
) -> None:
    plain, seeing = judge_of(shape, None), judge_of(shape, 40)
    before = plain.state_dict()
    after = {key: value for key, value in seeing.state_dict().items() if not key.startswith("projection.")}
    assert before.keys() == after.keys() and all(torch.equal(before[key], after[key]) for key in before)
    assert seeing.projection is not None
    embedding = seeing.projection.embedding.weight.detach()
    values = (embedding.double() * embedding.shape[1] ** 0.5 + 1).flatten().numpy() / 2
    assert stats.kstest(values, "uniform").pvalue > 1e-4


# Labels that travel with samples


def test_labels_travel_with_their_samples_and_change_neither_order_nor_halves() -> None:
    samples = torch.cat([grains(50), grains(50)[:20], grains(50)[:10]])
    labels = torch.randint(0, 4, (80,), generator=generator(3))
    plain, stored = sample_set(samples), sample_set(samples, labels)
    assert torch.equal(plain.array, stored.array) and np.array_equal(plain.items, stored.items)
    assert stored.labels is not None
    assert pairs_of(stored.array, stored.labels) == pairs_of(samples, labels)
    for first, second in zip(stored.items[:-1], range(1, 80), strict=True):  # equal ones by their labels
        assert first != stored.items[second] or stored.labels[second - 1] <= stored.labels[second]
    one, two = halves(stored.items, seed=0, purpose="samples")
    contents = [{stored.array[row].numpy().tobytes() for row in half} for half in (one, two)]
    assert not contents[0] & contents[1]  # the same sample on one side, whatever its labels

    order = torch.randperm(80, generator=generator(4))
    shuffled = sample_set(samples[order], labels[order])
    assert shuffled.sha256 == stored.sha256 and shuffled.labels is not None
    assert torch.equal(shuffled.labels, stored.labels) and torch.equal(shuffled.array, stored.array)
    hashes = {stored.sha256, plain.sha256, sample_set(samples, labels.roll(1)).sha256}
    assert len(hashes) == 3


def pairs_of(samples: torch.Tensor, labels: torch.Tensor) -> list[tuple[bytes, int]]:
    return sorted(
        (sample.numpy().tobytes(), int(label)) for sample, label in zip(samples, labels, strict=True)
    )


def test_keys_of_referees_without_labels_are_those_of_versions_that_knew_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The hash was computed before `num_classes` was a field."""
    monkeypatch.setattr(torch, "__version__", "0.1")
    protocol = RefereeProtocol(
        version=2, budget="quick", form="small images", width=16, dropout=0.1, waves=(2.0, 8.0), steps=800,
        batch_size=64, learning_rate=2e-3, betas=(0.9, 0.99), average=0.98, seeds=2,
    )  # fmt: skip
    key = EntryKey(
        samples="a" * 64, reals="b" * 64, protocol=protocol, size=30, identity=IDENTITY, device="cpu"
    )
    assert key.sha256 == "8c14b5efb295121a35ae0a8e13e91bca1252e1621052a3cb7ea5ebe01560f310"
    seeing = [replace(key, protocol=replace(protocol, num_classes=count)).sha256 for count in (7, 10)]
    assert len({key.sha256, *seeing}) == 3


# What they see, and what they miss


@pytest.fixture(scope="module")
def points_of_modes() -> dict[str, torch.Tensor]:
    """Reals and samples of the mixture with the modes that they are of."""
    reals, samples = Stream(0, "reals"), Stream(0, "samples")
    return {
        "reals": mixture.samples(reals, 0, N), "real modes": mixture.modes(reals, 0, N),
        "samples": mixture.samples(samples, 0, N), "modes": mixture.modes(samples, 0, N),
    }  # fmt: skip


def seeing_arena(real_set: SampleSet, *sets: SampleSet, **changes: Any) -> Arena:
    num_classes = None if real_set.labels is None else MODES
    protocol = tiny(steps=60, width=12, num_classes=num_classes, **changes)
    return Arena(
        reals=real_set, ladder=ladder(real_set.array), protocol=protocol, seed=0, device=CPU,
        size=equal_number(real_set, sets, seed=0, seeds=1),
    )  # fmt: skip


@pytest.fixture(scope="module")
def seen(
    points_of_modes: dict[str, torch.Tensor], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Arena, dict[str, SampleSet], dict[str, list[Entry]]]:
    """Referees that see labels: of samples with their own ones, and with each other's."""
    made = points_of_modes
    wrong = made["modes"][torch.randperm(N, generator=generator(1))]
    sets = {"right": sample_set(made["samples"], made["modes"]), "wrong": sample_set(made["samples"], wrong)}
    arena = seeing_arena(sample_set(made["reals"], made["real modes"]), *sets.values())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANCROSS_CACHE", str(tmp_path_factory.mktemp("cache")))
        return arena, sets, refereed(sets, arena)[0]


@pytest.fixture(scope="module")
def unlabelled(
    points_of_modes: dict[str, torch.Tensor], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Arena, SampleSet, list[Entry]]:
    """Referees that see no labels, of the same samples."""
    samples = sample_set(points_of_modes["samples"])
    arena = seeing_arena(sample_set(points_of_modes["reals"]), samples)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANCROSS_CACHE", str(tmp_path_factory.mktemp("cache")))
        return arena, samples, refereed({"any": samples}, arena)[0]["any"]


def largest_g(arena: Arena, samples: SampleSet, entries: list[Entry]) -> float:
    """Of the finest half of the ladder, on which modes do not overlap."""
    figures = contestant_figures(contestant_scores(entries, arena.reals, samples), arena.ladder.sigmas)
    return max(abs(rung.g.value) for rung in figures.rungs[:6])


def test_wrong_labels_are_seen_by_referees_that_see_labels_alone(
    seen: tuple[Arena, dict[str, SampleSet], dict[str, list[Entry]]],
    unlabelled: tuple[Arena, SampleSet, list[Entry]],
) -> None:
    """A sample has the wrong label in six cases of seven: the best possible G is .857."""
    arena, sets, entries = seen
    assert 0.75 < largest_g(arena, sets["wrong"], entries["wrong"]) < 0.93
    assert largest_g(arena, sets["right"], entries["right"]) < 0.12
    blind, samples, referees = unlabelled
    assert largest_g(blind, samples, referees) < 0.12


def test_the_order_of_contestants_and_of_samples_and_the_cache_change_no_bit(
    points_of_modes: dict[str, torch.Tensor], seen: tuple[Arena, dict[str, SampleSet], dict[str, list[Entry]]]
) -> None:
    arena, sets, entries = seen
    flipped = sample_set(points_of_modes["samples"].flip(0), points_of_modes["modes"].flip(0))
    backwards, trained = refereed({"wrong": sets["wrong"], "right": flipped}, arena)
    assert trained == 4 and all(same_entries(backwards[name], entries[name]) for name in sets)
    again, trained = refereed(sets, arena)
    assert trained == 0 and all(same_entries(again[name], entries[name]) for name in sets)


def test_referees_judge_the_pairs_of_others_too(
    seen: tuple[Arena, dict[str, SampleSet], dict[str, list[Entry]]],
) -> None:
    """Referees that learned to tell wrong labels rank samples with right ones as they rank reals."""
    arena, sets, entries = seen
    cross = referee_cross(sets, entries, arena, rung=2)
    auc = {(cell.judge, cell.generator): cell.auc.value for cell in cross.cells}
    assert auc["wrong", "wrong"] > 0.85 and abs(auc["wrong", "right"] - 0.5) < 0.08
    check = dominance(
        "wrong", sets["wrong"], entries["wrong"], {"right": referee_judges(entries["right"], arena)}, arena
    )
    assert check is not None and not check.fails and check.difference.value < 0


class KnowsModes(torch.nn.Module):
    """Minus the distance of a point to the mean of its mode."""

    def forward(self, x: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        means = torch.from_numpy(mixture.means()).float()
        distance: torch.Tensor = (x - means[labels]).square().sum(1).sqrt()
        return -distance


def test_a_discriminator_that_takes_labels_is_a_judge_where_referees_see_them(
    points_of_modes: dict[str, torch.Tensor],
    seen: tuple[Arena, dict[str, SampleSet], dict[str, list[Entry]]],
    unlabelled: tuple[Arena, SampleSet, list[Entry]],
) -> None:
    """This one tells wrong labels as surely as can be; referees without labels leave it out."""
    arena, sets, entries = seen
    made = points_of_modes
    contestant = Contestant(
        name="a", samples=made["samples"], labels=made["modes"], num_classes=MODES, discriminator=KnowsModes()
    )
    assert contestant.judge_labels
    network = NoisyDiscriminator(contestant, arena)
    scores = judged(lambda *_: network, bout(sets["wrong"], entries["wrong"], arena), arena, rungs=[0, 3])
    figures = contestant_figures(scores, [arena.ladder.sigmas[rung] for rung in (0, 3)])
    assert all(rung.g.value == pytest.approx(6 / 7, abs=0.06) for rung in figures.rungs)

    assert (
        judging_alike([contestant], arena) == [contestant]
        and judging_alike([contestant], unlabelled[0]) == []
    )


def test_controls_keep_labels_and_a_third_one_has_each_others(
    points_of_modes: dict[str, torch.Tensor],
) -> None:
    made = points_of_modes
    reals = sample_set(made["reals"], made["real modes"])
    labelled = control_sets(reals, made["samples"], num_samples=N, seed=0, labels=made["modes"])
    own = control_sets(reals, made["samples"], num_samples=N, seed=0)  # no labels of training reals are known
    for sets, of, known in (
        (labelled, "training reals", pairs_of(made["samples"], made["modes"])),
        (own, "a third of the held-out reals", pairs_of(made["reals"], made["real modes"])),
    ):
        assert isinstance(sets, ControlSets) and sets.of == of and sets.mislabelled is not None
        null, mixed, wrong = sets.null, sets.mixed, sets.mislabelled
        labels = [side.labels for side in (null, mixed, wrong) if side.labels is not None]
        assert len(labels) == 3 and set(pairs_of(null.array, labels[0])) <= set(known)
        assert torch.equal(wrong.array, null.array)
        counts = [torch.bincount(own, minlength=MODES) for own in labels]
        assert torch.equal(counts[0], counts[1]) and torch.equal(counts[0], counts[2])
        assert sets.wrong == pytest.approx(6 / 7, abs=0.1)
    blind = control_sets(sample_set(made["reals"]), made["samples"], num_samples=N, seed=0)
    assert isinstance(blind, ControlSets) and blind.mislabelled is None and blind.null.labels is None


# Judges that stay


def test_saved_referees_judge_where_the_classes_are_as_many(
    seen: tuple[Arena, dict[str, SampleSet], dict[str, list[Entry]]],
    points_of_modes: dict[str, torch.Tensor], tmp_path: Path,
) -> None:  # fmt: skip
    arena, sets, entries = seen
    saved = decoded(encoded(saved_referees("wrong", sets["wrong"], entries["wrong"], arena)))
    assert saved.header.protocol.num_classes == MODES
    folder = RefereeFolder(path=tmp_path, saved={saved.file: saved})
    (own,) = standing_in(folder, sets, arena)
    assert own.misfit == "they are the referees of 'wrong' in this call"

    made = points_of_modes
    fresh = mixture.samples(Stream(1, "fresh"), 0, N)
    other = {"other": sample_set(fresh, mixture.modes(Stream(1, "fresh"), 0, N).roll(1))}
    (judge,) = standing_in(folder, other, arena)
    assert judge.misfit == ""
    trained = refereed(other, arena)[0]["other"]
    standing = standing_judges(judge, other["other"], trained, arena)
    assert not isinstance(standing, Missing)
    check = dominance(
        "other", other["other"], trained, {"saved": standing.judges}, arena, unseen={"saved": standing.unseen}
    )
    assert check is not None and abs(check.difference.value) < 0.15  # as sure as those trained for it

    blind = seeing_arena(sample_set(made["reals"]), sample_set(fresh))
    (none,) = standing_in(folder, {"other": sample_set(fresh)}, blind)
    assert none.misfit == "they see labels of 7 classes, the referees of this call none"
    more = replace(arena, protocol=replace(arena.protocol, num_classes=8))
    (eight,) = standing_in(folder, other, more)
    assert eight.misfit == "they see labels of 7 classes, the referees of this call 8"
