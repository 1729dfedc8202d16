"""Do runs of two methods differ? The unit is the run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.stats import permutation_test

DIVISIONS = 1_000_000  # far more than a dozen runs have, so that all of them are counted


def permutation_p(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Two-sided p of the difference of two means over all divisions of the runs into two sides.

    None where a side has one run alone.
    """
    if min(len(first), len(second)) < 2:
        return None
    sides = (np.asarray(first, dtype=float), np.asarray(second, dtype=float))
    found = permutation_test(
        sides, _difference, permutation_type="independent", n_resamples=DIVISIONS, vectorized=True
    )  # fmt: skip
    return float(found.pvalue)


def _difference(first: Any, second: Any, axis: int = -1) -> Any:
    return np.mean(first, axis=axis) - np.mean(second, axis=axis)
