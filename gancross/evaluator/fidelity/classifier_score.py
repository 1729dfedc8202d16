"""The Inception score of any classifier, summed up chunk by chunk."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

SPLITS = 10


class ClassifierScore:
    """exp of the mean KL divergence between p(y|x) and p(y), mean and deviation over ten splits.

    exp(E_x[Σ_y p(y|x) ln p(y|x)] − Σ_y p(y) ln p(y)) in every split. The splits are those of
    torch-fidelity: sample i stands where a permutation with its seed puts it. Only sums are kept, so the
    number of samples must be known before.

    Args:
        n: samples that will be added, in their order; at least ten.
        seed: of the permutation, torch-fidelity's `rng_seed`.

    Source: Salimans et al. 2016.
    """

    def __init__(self, n: int, *, classes: int, seed: int) -> None:
        self.classes = classes
        order = np.random.RandomState(seed).permutation(n)
        bounds = [i * n // SPLITS for i in range(SPLITS + 1)]
        self._split_of = np.empty(n, dtype=np.int8)  # small ones are sorted faster
        for split in range(SPLITS):
            self._split_of[order[bounds[split] : bounds[split + 1]]] = split
        self._sizes = np.diff(bounds)
        self._count = 0
        self._probabilities = np.zeros((SPLITS, classes))
        self._negentropy = np.zeros(SPLITS)

    def add(self, logits: torch.Tensor) -> None:
        """Takes in the logits of the next samples, (N, classes) on the CPU."""
        log_probabilities = logits.double().log_softmax(dim=1).numpy()
        probabilities = np.exp(log_probabilities)
        negentropy = (probabilities * log_probabilities).sum(axis=1)
        splits = self._split_of[self._count : self._count + len(logits)]
        by_split = splits.argsort(kind="stable")
        probabilities, negentropy = probabilities[by_split], negentropy[by_split]
        ends = np.bincount(splits, minlength=SPLITS).cumsum()
        for split, (start, end) in enumerate(pairwise((0, *ends))):
            if end > start:
                self._probabilities[split] += probabilities[start:end].sum(axis=0)
                self._negentropy[split] += negentropy[start:end].sum()
        self._count += len(logits)

    def mean_and_deviation(self) -> tuple[float, float]:
        """Over the ten splits (divisor 10); from 1 to the number of classes, higher is better."""
        marginal = self._probabilities / self._sizes[:, None]
        # 0·ln 0 = 0: a class of probability below the smallest double adds nothing
        logarithm = np.log(marginal, where=marginal > 0, out=np.zeros_like(marginal))
        scores = np.exp(self._negentropy / self._sizes - (marginal * logarithm).sum(axis=1))
        return float(scores.mean()), float(scores.std())
