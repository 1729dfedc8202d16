"""Permutation test of the difference between two methods; the unit is the run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.stats import permutation_test

DIVISIONS = 1_000_000  # far more than a dozen runs have, so that all of them are counted


def permutation_p(figures_a: Sequence[float], figures_b: Sequence[float]) -> float | None:
    """Two-sided p of the difference of two means over all divisions of the runs into two sides.

    None if a side has only one run.
    """
    if min(len(figures_a), len(figures_b)) < 2:
        return None
    sides = (np.asarray(figures_a, dtype=float), np.asarray(figures_b, dtype=float))
    result = permutation_test(
        sides, _difference, permutation_type="independent", n_resamples=DIVISIONS, vectorized=True
    )  # fmt: skip
    return float(result.pvalue)


def _difference(figures_a: Any, figures_b: Any, axis: int = -1) -> Any:
    return np.mean(figures_a, axis=axis) - np.mean(figures_b, axis=axis)
