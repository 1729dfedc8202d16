"""Copies of training data: distances by brute force, the test by all swaps, planted copies, odd sets."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
import torch
from torchvision.transforms.v2.functional import gaussian_blur

from gancross.data import digits
from gancross.errors import UsageError
from gancross.evaluator.codec.encoding import decode, encode
from gancross.evaluator.estimates import Missing
from gancross.evaluator.referees import copying as module
from gancross.evaluator.referees import neighbours as neighbours_module
from gancross.evaluator.referees.copying import LEVEL, RATIO, Copying, copying, near_counts, swap_test
from gancross.evaluator.referees.neighbours import Neighbours, neighbours
from gancross.random_streams import Stream

STREAM = Stream(0, "test")


def vectors(n: int, dim: int = 10, seed: int = 0) -> torch.Tensor:
    return torch.randn(n, dim, generator=torch.Generator().manual_seed(seed))


def images(n: int, seed: int = 0) -> torch.Tensor:
    random = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (n, 3, 6, 6), dtype=torch.uint8, generator=random)


def found(
    samples: torch.Tensor, held_out: torch.Tensor, training: torch.Tensor | None, seed: int = 0
) -> Copying:
    figures = copying(samples, held_out=held_out, training=training, seed=seed)
    assert isinstance(figures, Copying)
    return figures


def reason(samples: torch.Tensor, held_out: torch.Tensor, training: torch.Tensor | None) -> str:
    missing = copying(samples, held_out=held_out, training=training, seed=0)
    assert isinstance(missing, Missing)
    return missing.reason


def grey_levels(block: torch.Tensor) -> torch.Tensor:
    return block.flatten(1).float() - 128


def all_distances(samples: torch.Tensor, reals: torch.Tensor) -> torch.Tensor:
    return (samples.flatten(1).double()[:, None] - reals.flatten(1).double()).square().sum(2).sqrt()


@pytest.mark.parametrize("block", [2**24, 2_400])
@pytest.mark.parametrize("kind", ["images", "bright images", "narrow vectors"])
def test_distances_are_those_of_brute_force(kind: str, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours_module, "_BYTES", block)
    if kind == "narrow vectors":
        reals = 1e3 + 0.01 * vectors(80, 3)
        samples = torch.cat([1e3 + 0.01 * vectors(30, 3, 1), reals[40:45], reals[50:55] + 1e-3])
    else:
        reals = images(80) if kind == "images" else images(80) // 32 + 248
        samples = torch.cat([images(30, 1), reals[40:45], reals[50:55] ^ 1])
    rows = np.arange(79, 4, -1)
    form = torch.Tensor.double if samples.ndim == 2 else grey_levels
    nearest = neighbours((samples, np.arange(40)), (reals, rows), form)
    distance = all_distances(samples, reals[rows])
    brute, _ = distance.sort(dim=1)
    assert nearest.distance_MK == pytest.approx(brute[:, :8].numpy(), rel=1e-5)
    assert nearest.distance_MK[30:35, 0].tolist() == [0.0] * 5
    assert distance.gather(1, torch.from_numpy(nearest.real_MK)).numpy() == pytest.approx(
        nearest.distance_MK, rel=1e-5
    )


def test_the_distance_of_a_copy_is_exactly_zero_and_that_of_a_near_copy_is_not_rounded_away() -> None:
    reals = images(200)
    samples = reals[:2].clone()
    samples[1, 0, 0, 0] ^= 1
    nearest = neighbours((samples, np.arange(2)), (reals, np.arange(200)), grey_levels)
    assert nearest.distance_MK[:, 0].tolist() == [0.0, 1.0]
    assert nearest.real_MK[:, 0].tolist() == [0, 1]


@pytest.mark.parametrize("collapsed", [False, True])
def test_p_is_the_share_of_all_swaps_with_as_large_an_excess(collapsed: bool) -> None:
    pairs = 8
    reals, samples = vectors(2 * pairs, 2), vectors(60, 2, 1)
    if collapsed:
        samples = samples[:4].repeat(15, 1)
    distance = all_distances(samples, reals).numpy()

    def side(members: list[int]) -> Neighbours:
        order = np.argsort(distance[:, members], axis=1)
        return Neighbours(distance_MK=np.take_along_axis(distance[:, members], order, 1), real_MK=order)

    def excess(swapped: tuple[bool, ...]) -> int:
        first = [i + pairs * swap for i, swap in enumerate(swapped)]
        second = [i + pairs * (not swap) for i, swap in enumerate(swapped)]
        a, b = near_counts(side(first), side(second))
        return a - b

    every = np.array([excess(swapped) for swapped in product((False, True), repeat=pairs)])
    p, inflation = swap_test(
        side(list(range(pairs))), side(list(range(pairs, 2 * pairs))), stream=Stream(0, "swaps")
    )
    assert p == pytest.approx((every >= every[0]).mean(), abs=0.02)
    assert inflation > (5 if collapsed else 1)


@pytest.mark.parametrize("change", ["none", "shrunk", "blurred", "collapsed"])
def test_digits_that_are_no_copies_do_not_ring(change: str) -> None:
    order = torch.from_numpy(STREAM.permutation(1797))
    fresh, training, held_out = torch.split(torch.cat(digits.images())[order], [599, 799, 399])
    if change == "shrunk":
        fresh = (0.5 * fresh.float() + 0.5 * fresh.float().mean(0)).to(torch.uint8)
    elif change == "blurred":
        fresh = gaussian_blur(fresh, [5, 5], [1.0, 1.0])
    elif change == "collapsed":
        fresh = fresh[:10].repeat(60, 1, 1, 1)
    figures = found(fresh, held_out, training)
    assert figures.num_chunks == 2
    assert figures.chunk_size == 399
    assert not figures.copies
    assert figures.share.low == 0


@pytest.mark.parametrize("noise", [0, 8])
def test_noisy_copies_among_fresh_digits_ring(noise: int) -> None:
    order = torch.from_numpy(STREAM.permutation(1797))
    fresh, training, held_out = torch.split(torch.cat(digits.images())[order], [599, 799, 399])
    moves = torch.randint(-noise, noise + 1, (60, 1, 8, 8), generator=torch.Generator().manual_seed(0))
    copies = (training[:60] + moves).clamp(0, 255).to(torch.uint8)
    figures = found(torch.cat([fresh[:539], copies]), held_out, training)
    assert figures.copies
    assert figures.nearer_training > 3 * figures.nearer_held_out
    assert figures.share.low < 60 / 599 < figures.share.high
    assert figures.share.low > 0
    assert {pair.sample - 539 for pair in figures.pairs} == {pair.training for pair in figures.pairs}


def test_an_interval_holds_the_share_where_part_of_the_training_reals_is_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    training, held_out = vectors(1_000, seed=1), vectors(200, seed=2)
    samples = torch.cat([vectors(350), training[::20] + 0.01])
    assert found(samples, held_out, training).num_chunks == 5
    monkeypatch.setattr(module, "WORK", 400 * 200 * 10 * 4)
    figures = found(samples, held_out, training)
    assert (figures.num_samples, figures.num_chunks) == (400, 3)
    assert figures.share.low < 50 / 400 < figures.share.high
    monkeypatch.setattr(module, "WORK", 1.0)
    figures = found(samples, held_out, training)
    assert (figures.num_samples, figures.num_chunks) == (200, 1)


def test_a_generator_collapsed_on_three_training_reals_shows_pairs_but_no_significance() -> None:
    """A sign test that counts samples would give p = 2⁻³⁰⁰."""
    training, held_out = vectors(100, seed=1), vectors(100, seed=2)
    figures = found(training[[3, 7, 5]].repeat(100, 1), held_out, training)
    assert (figures.nearer_training, figures.nearer_held_out) == (300, 0)
    assert not figures.copies
    assert figures.p == pytest.approx(1 / 8, abs=0.02)
    assert {(pair.training, pair.ratio) for pair in figures.pairs} == {(3, 0.0), (7, 0.0), (5, 0.0)}
    assert [pair.sample for pair in figures.pairs] == [0, 1, 2]


def test_copies_of_reals_that_both_sides_hold_are_near_neither() -> None:
    shared = images(40, seed=1)
    figures = found(shared, torch.cat([shared, images(20, 2)]), torch.cat([images(20, 3), shared]))
    assert (figures.nearer_training, figures.nearer_held_out, figures.copies) == (0, 0, False)
    assert figures.p > 0.5
    assert not figures.pairs


@pytest.mark.parametrize("constant", [["samples"], ["training"], ["samples", "held_out", "training"]])
@pytest.mark.parametrize("draw", [vectors, images])
def test_constant_sets_have_finite_figures_and_do_not_ring(
    draw: Callable[..., torch.Tensor], constant: list[str]
) -> None:
    sets = {name: draw(30, seed=seed) for seed, name in enumerate(["samples", "held_out", "training"])}
    sets |= {name: draw(1, seed=9).expand_as(sets[name]) for name in constant}
    figures = found(sets["samples"], sets["held_out"], sets["training"])
    assert not figures.copies
    json.dumps(encode(figures), allow_nan=False)


def test_a_dimension_in_which_all_reals_agree_does_not_hide_copies() -> None:
    reals = torch.cat([vectors(400, 6), torch.full((400, 1), 0.1)], dim=1)
    off = torch.tensor([0.0] * 6 + [0.01])
    figures = found(reals[:200] + off, reals[200:], reals[:200])
    assert figures.copies
    assert figures.nearer_training > 150


def test_few_training_reals_make_one_chunk() -> None:
    training, held_out = vectors(20, seed=1), vectors(500, seed=2)
    figures = found(training.repeat(3, 1), held_out, training)
    assert (figures.num_chunks, figures.chunk_size, figures.copies) == (1, 20, True)
    assert figures.share.high == 1


def test_a_seeded_choice_of_samples_is_looked_at() -> None:
    samples, held_out, training = vectors(2_500), vectors(60, seed=1), vectors(60, seed=2)
    figures = found(samples, held_out, training, seed=3)
    assert figures.num_samples == 2_000
    assert figures == found(samples, held_out, training, seed=3)
    assert figures != found(samples, held_out, training, seed=4)


def test_figures_are_recorded_and_read_again() -> None:
    training = vectors(100, seed=1)
    figures = found(training, vectors(100, seed=2), training)
    assert figures.copies
    assert figures.p < LEVEL
    assert len(figures.pairs) == 8
    assert all(pair.ratio < RATIO for pair in figures.pairs)
    assert decode(Copying, json.loads(json.dumps(encode(figures)))) == figures


def test_what_cannot_be_compared_has_a_reason() -> None:
    assert reason(vectors(50), vectors(50), None) == "the training data are not known"
    assert "6 training reals: fewer than 7" in reason(vectors(50), vectors(50), vectors(6))
    assert "1 samples: fewer than 7" in reason(vectors(1), vectors(50), vectors(50))
    broken = vectors(50)
    broken[3, 2] = torch.nan
    assert reason(broken, vectors(50), vectors(50)) == "the samples hold NaN or infinite values"


def test_other_shapes_and_types_are_refused() -> None:
    with pytest.raises(UsageError, match="expected one type and shape"):
        copying(vectors(50), held_out=vectors(50), training=vectors(50, 9), seed=0)
    with pytest.raises(UsageError, match="held-out reals: expected uint8 images"):
        copying(images(50), held_out=images(50).float(), training=images(50), seed=0)


def test_large_images_are_compared_by_some_of_their_pixels() -> None:
    held_out, training = (images(40, seed).repeat_interleave(22, 3) for seed in (1, 2))
    figures = found(training[:20], held_out, training)
    assert figures.copies
    assert [pair.ratio for pair in figures.pairs] == [0.0] * 8
