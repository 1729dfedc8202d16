"""Whether samples are copies of training data: are they nearer to those than to reals that nobody trained on?

A sample is *near* a side where its nearest real there lies at less than `RATIO` times the distance of the
nearest real of the opposite side. One side is a chunk of training reals, the opposite one as many held-out
reals. A sample that was made without the training data is near either with equal chance. In many dimensions
most are near neither, shrunk or blurred samples least of all: all reals are about equally far from those.

Samples share their nearest reals, those of a collapsed generator above all. A sign test that counts samples
therefore rings for collapse: at a level of 1 % it named 8 to 49 % of the collapsed generators of vectors and
digits that had copied nothing. Here the reals change sides instead (`swap_test`).

Shape suffixes: M samples, G chunks, K nearest reals, N reals of a side, D numbers of a sample, W words.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, Annotated

import numpy as np

from gancross.errors import UsageError
from gancross.evaluator.codec.fields import Count, Items, Range, Size, UnitFloat
from gancross.evaluator.estimates import Estimate, Missing, Z
from gancross.evaluator.referees.neighbours import Form, Neighbours, Rows, neighbours
from gancross.random_streams import Stream

if TYPE_CHECKING:
    import torch

RATIO = 0.6
LEVEL = 0.01  # of the swap test, after Bonferroni's correction for the chunks
FEWEST = 7  # samples or reals: 2⁻⁷ < LEVEL, so that fewer could never be told from chance
MOST_SAMPLES, LEAST_SAMPLES = 2_000, 200
MOST_CHUNKS = 100  # with which the smallest p of the swap test is below LEVEL still
WORK = 4e11  # multiply-adds: 2,000 samples, 60,000 reals of 3×32×32; some 8 seconds of one core
MOST_PAIRS = 8
WORDS = 256  # of 64 relabellings each
SIDE = 64  # pixels of an image that are compared
GREY = 128.0  # taken off images, so that float32 products are nearly exact
CONSTANT = 1e-9  # of the mean of a dimension: a smaller deviation of the reals is rounding


@dataclass(frozen=True, kw_only=True)
class SuspiciousPair:
    """A sample and the training real that it may be a copy of.

    Attributes:
        sample, training: their rows in what was given.
        ratio: the sample's distance from it, of that from the nearest held-out real; 0 where they are equal.
    """

    sample: Count
    training: Count
    ratio: Annotated[float, Range(0, RATIO)]


@dataclass(frozen=True, kw_only=True)
class Copying:
    """Whether samples lie nearer to training reals than to held-out ones.

    Attributes:
        num_samples: samples looked at.
        num_chunks, chunk_size: of training reals looked at.
        nearer_training, nearer_held_out: samples near either side, for the chunk where the first number
            exceeds the second most.
        p: of that chunk, one-sided, by `swap_test`, times the number of chunks.
        copies: whether p < `LEVEL`; it rings for at most 1 % of generators that copied nothing.
        share: of the samples, copies of training reals: the excess of nearer_training over nearer_held_out,
            summed over the chunks, divided by the share of the training reals that these hold. Copies that
            are not near their original are not counted.
        pairs: the samples most suspicious by their ratio, each with another training real.
    """

    num_samples: Size
    num_chunks: Size
    chunk_size: Size
    nearer_training: Count
    nearer_held_out: Count
    p: UnitFloat
    copies: bool
    share: Estimate
    pairs: Annotated[tuple[SuspiciousPair, ...], Items(0, MOST_PAIRS)]


def copying(
    samples: torch.Tensor, *, held_out: torch.Tensor, training: torch.Tensor | None, seed: int
) -> Copying | Missing:
    """Looks for copies of training reals among samples; training and held-out reals must be drawn alike.

    A seeded choice of at most `MOST_SAMPLES` samples is looked at, and of as many chunks as `WORK` allows.
    Chunks are as large as the held-out set; where fewer training reals are known they make one chunk, against
    a seeded choice of as many held-out reals. Vectors are standardised by all reals, in each dimension. It
    takes copies of log₂(100·G) different reals of one chunk to ring; `pairs` shows fewer.

    Args:
        samples, held_out, training: uint8 images or float32 vectors in canonical form, all of one shape.
            None: the training data are not known.

    Raises:
        UsageError: samples in another form or of another shape.
    """
    if training is None:
        return Missing("the training data are not known")
    reason = _refusal({"samples": samples, "held-out reals": held_out, "training reals": training})
    if reason:
        return Missing(reason)
    form = _form(held_out, training)
    chosen, of_held_out, chunks = _choice(samples, held_out, training, form, seed)
    opposite = neighbours((samples, chosen), (held_out, of_held_out), form)
    near = [neighbours((samples, chosen), (training, rows), form) for rows in chunks]
    counts = [near_counts(side, opposite) for side in near]
    excess = [(first - second) / math.sqrt(max(1, first + second)) for first, second in counts]
    worst = int(np.argmax(excess))
    p, inflation = swap_test(near[worst], opposite, stream=Stream(seed, "copying", "swaps"))
    p = min(1.0, len(chunks) * p)
    return Copying(
        num_samples=len(chosen), num_chunks=len(chunks), chunk_size=len(of_held_out),
        nearer_training=counts[worst][0], nearer_held_out=counts[worst][1], p=p, copies=p < LEVEL,
        share=_share(counts, len(chosen) * chunks.size / len(training), inflation),
        pairs=_pairs(near, opposite, chosen, chunks),
    )  # fmt: skip


def near_counts(first: Neighbours, second: Neighbours) -> tuple[int, int]:
    """Samples near the first side and near the second; copies of what both hold are near neither."""
    a_M, b_M = first.distance_MK[:, 0], second.distance_MK[:, 0]
    return int((a_M < RATIO * b_M).sum()), int((b_M < RATIO * a_M).sum())


def swap_test(first: Neighbours, second: Neighbours, *, stream: Stream) -> tuple[float, float]:
    """Whether more samples are near the first side than chance explains.

    Each real of the first side has a partner on the second. Where the samples know of neither side the two
    may change places without any change of the distribution of S = near the first − near the second, whatever
    the samples have in common. The *company* of a sample are the reals within 1/`RATIO` of its smallest
    distance: it is near a side if all of them are there. Every pair changes places by a fair coin,
    `64·WORDS` times, and p = (1 + #{S* ≥ S}) / (1 + 64·WORDS).

    A company has at most `NEIGHBOURS` of each side; more of them are on one side once in 2⁸ coins.

    Returns:
        p, one-sided; and the variance of S* over that of independent samples, at least 1.

    Source: Phipson and Smyth 2010, for p of random permutations.
    """
    n = int(max(first.real_MK.max(), second.real_MK.max())) + 1
    coins_NW = stream.numpy_generator().integers(0, 2**64, (n, WORDS), dtype=np.uint64)
    nearest_M1 = np.minimum(first.distance_MK[:, :1], second.distance_MK[:, :1])
    company = [~(nearest_M1 < RATIO * side.distance_MK) for side in (first, second)]
    small_M = np.flatnonzero(~np.hstack(company).all(axis=1))  # most images have a large one: near no side
    words_2MW = np.full((2, len(small_M), WORDS), ~np.uint64(0))  # bits: all company so far on that side
    for side, company_MK, flip in zip((first, second), company, (np.uint64(0), ~np.uint64(0)), strict=True):
        for member_M, real_M in zip(company_MK[small_M].T, side.real_MK[small_M].T, strict=True):
            on_first = coins_NW[real_M[member_M]] ^ flip
            words_2MW[0, member_M] &= on_first
            words_2MW[1, member_M] &= ~on_first
    near_2W = np.unpackbits(words_2MW.view(np.uint8), axis=2).sum(axis=1, dtype=np.int64)
    swapped, (a, b) = near_2W[0] - near_2W[1], near_counts(first, second)
    p = (1 + int((swapped >= a - b).sum())) / (1 + len(swapped))
    return p, max(1.0, float((swapped**2).mean() / max(1.0, near_2W.sum(axis=0).mean())))


def _refusal(arrays: dict[str, torch.Tensor]) -> str:
    """Why such arrays cannot be compared; nothing where they can."""
    from gancross.data.sets import check_canonical  # imports torch, which readers of records can do without

    for name, array in arrays.items():
        check_canonical(array, name)
    forms = [f"{array.dtype} {tuple(array.shape[1:])}" for array in arrays.values()]
    if len(set(forms)) > 1:
        raise UsageError(f"{', '.join(arrays)}: expected one type and shape, got {', '.join(forms)}")
    for name, array in arrays.items():
        if len(array) < FEWEST:
            return f"{len(array)} {name}: fewer than {FEWEST} cannot be told from chance"
        if array.is_floating_point() and not bool(array.amin().isfinite() & array.amax().isfinite()):
            return f"the {name} hold NaN or infinite values"
    return ""


def _choice(
    samples: torch.Tensor, held_out: torch.Tensor, training: torch.Tensor, form: Form, seed: int
) -> tuple[Rows, Rows, Rows]:
    """Rows of samples (M,), of held-out reals (N,) and of chunks of training reals (G, N)."""
    size, dim = min(len(held_out), len(training)), form(samples[:1]).numel()
    m = min(len(samples), MOST_SAMPLES, max(LEAST_SAMPLES, int(WORK / (2 * size * dim))))
    chunks = min(len(training) // size, MOST_CHUNKS, max(1, int(WORK / (m * size * dim)) - 1))

    def rows(purpose: str, total: int) -> Rows:
        return Stream(seed, "copying", purpose).permutation(total)

    of_training = rows("training", len(training))[: chunks * size].reshape(chunks, size)
    return np.sort(rows("samples", len(samples))[:m]), rows("held-out", len(held_out))[:size], of_training


def _form(held_out: torch.Tensor, training: torch.Tensor) -> Form:
    """How samples become rows of numbers: images float32 grey levels around 0, vectors float64, standardised.

    Of images of more than `SIDE` pixels a side every second, third, … pixel is taken: copies show there,
    too. All reals standardise, since a test in which reals change sides must not know the sides.
    """
    if not held_out.is_floating_point():
        step = -(-max(held_out.shape[2:]) // SIDE)
        return lambda block: block[..., ::step, ::step].flatten(1).float().sub_(GREY)
    columns = zip(held_out.numpy().T, training.numpy().T, strict=True)
    values = (np.concatenate(pair).astype(np.float64) for pair in columns)
    moments = [(value.mean(), value.std()) for value in values]
    mean, deviation = held_out[0].double().new_tensor(moments).T
    deviation = deviation.where(deviation > CONSTANT * mean.abs(), 1.0)
    return lambda block: block.double().sub_(mean).div_(deviation)


def _share(counts: Sequence[tuple[int, int]], m: float, inflation: float) -> Estimate:
    """The excess of all chunks as a share of m, within 0…1; one more sample in each is a floor of its error.

    Its deviation is at most the sum of the chunks' own, since the same held-out reals face them all.
    """
    value = sum(first - second for first, second in counts) / m
    reach = Z * sum(math.sqrt(inflation * (first + second + 1)) for first, second in counts) / m
    low, value, high = (min(1.0, max(0.0, end)) for end in (value - reach, value, value + reach))
    return Estimate(value=value, low=low, high=high)


def _pairs(
    near: Sequence[Neighbours], opposite: Neighbours, chosen: Rows, chunks: Rows
) -> tuple[SuspiciousPair, ...]:
    """The smallest ratios, one of each training real."""
    distance_GM = np.stack([side.distance_MK[:, 0] for side in near])
    original_GM = np.stack([rows[side.real_MK[:, 0]] for side, rows in zip(near, chunks, strict=True)])
    nearest = distance_GM.argmin(axis=0), np.arange(len(chosen))
    distance_M, original_M, limit_M = distance_GM[nearest], original_GM[nearest], opposite.distance_MK[:, 0]
    suspects = np.flatnonzero(distance_M < RATIO * limit_M)
    ratios = distance_M[suspects] / limit_M[suspects]
    pairs: dict[int, SuspiciousPair] = {}
    for sample, ratio in sorted(zip(suspects, ratios, strict=True), key=itemgetter(1)):
        original = int(original_M[sample])
        pair = SuspiciousPair(sample=int(chosen[sample]), training=original, ratio=float(ratio))
        pairs.setdefault(original, pair)
    return tuple(pairs.values())[:MOST_PAIRS]
