"""Exact tests on the cross matrix of two methods: runs change their labels and the difference is recomputed.

Shape suffixes: N runs of both methods, L labellings, P pairs of runs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import combinations, islice, product

import numpy as np
from numpy.typing import NDArray

EXACT_UP_TO = 1_000_000
RANDOM_LABELLINGS = 99_999
_BLOCK = 20_000

Labels = NDArray[np.float64]


def cross_difference(fp: NDArray[np.float64], labels: Labels) -> NDArray[np.float64]:
    """mean{FP_ij : i in b, j in a} − mean{FP_ij : i in a, j in b} for each labelling.

    Args:
        fp: (N, N), generators by judges; the diagonal never counts.
        labels: (L, N), 1 for a and 0 for b, with the same number of ones in each row.

    Returns:
        (L,); negative where a's discriminators are fooled less by b's generators than the other way round.
    """
    b = 1 - labels
    pairs = labels[0].sum() * b[0].sum()
    of_a = ((b @ fp) * labels).sum(axis=1)
    of_b = ((labels @ fp) * b).sum(axis=1)
    return np.asarray((of_a - of_b) / pairs)


def permutation_p(
    fp: NDArray[np.float64], label: Labels, *, random: np.random.Generator
) -> tuple[float, bool]:
    """Two-sided p of the cross difference over all labellings of the runs, and whether all were counted.

    A run keeps its row and its column together, as generator and judge. Under the null hypothesis that the
    two methods make the same kind of runs, every labelling is equally likely. Beyond a million labellings
    99,999 random ones stand for them, the observed one counted among them.

    Source: Phipson and Smyth 2010 for the random form.
    """
    n, ones = len(label), int(label.sum())

    def random_labellings(size: int) -> Labels:
        return random.permuted(np.tile(label, (size, 1)), axis=1)

    return _p(fp, label, _labellings(n, ones), math.comb(n, ones), random_labellings)


def sign_flip_p(
    fp: NDArray[np.float64], first: NDArray[np.int64], second: NDArray[np.int64],
    *, random: np.random.Generator,
) -> tuple[float, bool]:  # fmt: skip
    """As `permutation_p`, but runs change labels only with their partner: 2^P labellings.

    Runs with one seed share weights at the start and the order of the data. If the methods make the same
    kind of runs, either of a pair could have been of either method. Where the difference is a sum over pairs
    this is Fisher's test of the signs of paired differences; in a cross matrix opponents change labels too.

    Args:
        fp: (2P, 2P).
        first, second: (P,) indices of the runs of a and of b, partners in the same place.

    Source: Fisher 1935, The Design of Experiments, §21.
    """
    n, pairs = len(fp), len(first)

    def labels(unflipped_LP: NDArray[np.float64]) -> Labels:
        labelled = np.zeros((len(unflipped_LP), n))
        labelled[:, first], labelled[:, second] = unflipped_LP, 1 - unflipped_LP
        return labelled

    def every() -> Iterator[Labels]:
        chosen = product((0.0, 1.0), repeat=pairs)
        while block := list(islice(chosen, _BLOCK)):
            yield labels(np.array(block))

    def random_labellings(size: int) -> Labels:
        return labels(random.integers(0, 2, (size, pairs)).astype(np.float64))

    return _p(fp, labels(np.ones((1, pairs)))[0], every(), 2**pairs, random_labellings)


def smallest_p(a: int, b: int, pairs: int = 0) -> float:
    """The smallest two-sided p of so many runs; with equal sides the mirrored labelling is as extreme."""
    return 2 / 2**pairs if pairs else (2 if a == b else 1) / math.comb(a + b, a)


def _p(
    fp: NDArray[np.float64], label: Labels, every: Iterator[Labels], total: int,
    random_labellings: Callable[[int], Labels],
) -> tuple[float, bool]:  # fmt: skip
    observed = abs(float(cross_difference(fp, label[None])[0])) - 1e-12
    if total <= EXACT_UP_TO:
        extreme = sum(int((np.abs(cross_difference(fp, block)) >= observed).sum()) for block in every)
        return extreme / total, True
    extreme = 1
    for start in range(0, RANDOM_LABELLINGS, _BLOCK):
        block = random_labellings(min(_BLOCK, RANDOM_LABELLINGS - start))
        extreme += int((np.abs(cross_difference(fp, block)) >= observed).sum())
    return extreme / (RANDOM_LABELLINGS + 1), False


def _labellings(n: int, ones: int) -> Iterator[Labels]:
    """All labellings, a block at a time."""
    chosen = combinations(range(n), ones)
    while block := list(islice(chosen, _BLOCK)):
        labels = np.zeros((len(block), n))
        np.put_along_axis(labels, np.array(block), 1.0, axis=1)
        yield labels
