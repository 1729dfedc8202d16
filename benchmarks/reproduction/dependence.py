"""On what cross-testing FP depends: saved steps of two methods against each other, taken apart by factor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reproduction.tables import share, table, whole

Plain = dict[str, Any]
PLACES = ("the generator's method", "the generator's step", "the judge's method", "the judge's step")
TOGETHER = {"which methods meet, beyond that": (0, 2), "which steps meet, beyond that": (1, 3)}
REST = "the rest"


def dependence(snapshots: Plain) -> list[str]:
    """FP by method and step of the generator and of the judge, and how much of its variance each explains."""
    fp_MSMS, levels = _factors(snapshots)
    shares = explained(fp_MSMS)
    rows = []
    for axis, name in enumerate(PLACES):
        means = fp_MSMS.mean(axis=tuple(other for other in range(4) if other != axis))
        listed = (f"{level}: {share(value)}" for level, value in zip(levels[axis % 2], means, strict=True))
        rows.append((name, f"{shares[name]:.0%}", ", ".join(listed)))
    rows += [(name, f"{shares[name]:.0%}", "") for name in (*TOGETHER, REST)]
    return table(("FP in the picture depends on", "share of its variance", "mean FP"), rows)


def explained(fp_MSMS: NDArray[np.float64]) -> dict[str, float]:
    """Shares of the variance of FP, in [0, 1]; they sum to 1, or are all 0 where FP never differs.

    A balanced analysis of variance. A factor's share is Σ (mean of its level − mean)² over all cells,
    divided by the total; that of two factors together is what their means explain beyond each alone.

    Args:
        fp_MSMS: FP of (generator's method, its step) under (judge's method, its step).
    """
    away = fp_MSMS - fp_MSMS.mean()
    total = float((away**2).sum())

    def of(*axes: int) -> float:
        others = tuple(axis for axis in range(4) if axis not in axes)
        means = away.mean(axis=others, keepdims=True)
        return float((np.broadcast_to(means, away.shape) ** 2).sum()) / total if total else 0.0

    shares = {name: of(axis) for axis, name in enumerate(PLACES)}
    for name, (one, other) in TOGETHER.items():
        beyond = of(one, other) - of(one) - of(other)
        shares[name] = max(0.0, beyond)  # rounding may leave −1e-17
    return shares | {REST: max(0.0, 1.0 - sum(shares.values())) if total else 0.0}


def _factors(snapshots: Plain) -> tuple[NDArray[np.float64], tuple[Sequence[str], Sequence[str]]]:
    methods = list(dict.fromkeys(snapshots["variants"]))
    steps = list(dict.fromkeys(snapshots["steps"]))
    shape = (len(methods), len(steps)) * 2
    return np.array(snapshots["fp"]).reshape(shape), (methods, [whole(step) for step in steps])
