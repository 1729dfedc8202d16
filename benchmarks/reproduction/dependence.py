"""Analysis of variance of cross-testing FP by properties of generator and judge."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from reproduction.record import Record
from reproduction.tables import NORMS, ROUNDED, by, share, spread, table, whole

Factor = tuple[int, ...]  # axes whose means it is made of; a run is one of its method, so it has both
REST = "the rest"
METHODS = {"the generator's method": (0,), "the judge's method": (2,), "which methods meet": (0, 2)}
ALONG: dict[str, Factor] = {
    **METHODS, "the generator's step": (1,), "the judge's step": (3,), "which steps meet": (1, 3),
}  # fmt: skip
AT_THE_END: dict[str, Factor] = {
    **METHODS, "the generator's run": (0, 1), "the judge's run": (2, 3), "which two runs meet": (0, 1, 2, 3),
}  # fmt: skip
MODES: dict[str, Factor] = {
    "the use of batch norm": (4,), "which judge's method under which use": (2, 4), "rounding": (5,),
}  # fmt: skip


def along_training(snapshots: Record) -> list[str]:
    """One run of each method: shares of the variance by method and saved step, and means."""
    methods = list(dict.fromkeys(snapshots["variants"]))
    steps = list(dict.fromkeys(snapshots["steps"]))
    fp_MSMS = np.array(snapshots["fp"]).reshape((len(methods), len(steps)) * 2)
    texts = [methods, [whole(step) for step in steps]] * 2
    return _table(fp_MSMS, ALONG, texts)


def relatives(snapshots: Record) -> list[str]:
    """One run of each method: FP by the samples' method and step relative to the judge's."""
    checkpoints = list(zip(snapshots["variants"], snapshots["steps"], strict=True))
    rates_by_relation: dict[tuple[str, str], list[float]] = {
        (whose, when): []
        for whose in ("its own", "the other")
        for when in ("the same step", "before", "after")
    }
    for (maker, step_made), row in zip(checkpoints, snapshots["fp"], strict=True):
        for (judge, step_judged), fp in zip(checkpoints, row, strict=True):
            when = "the same step"
            if step_made != step_judged:
                when = "before" if step_made < step_judged else "after"
            rates_by_relation["its own" if maker == judge else "the other", when].append(fp)
    rows = [(*relation, spread(rates)) for relation, rates in rates_by_relation.items() if rates]
    return table(("samples of which generator", "from when, seen from the judge", "mean FP"), rows, left=2)


def at_the_end(record: Record) -> list[str]:
    """All runs at their last step: by method, by run, and by mode if there are several.

    Empty unless both methods have as many runs, which all judge.
    """
    runs = by(record["runs"], "variant")
    modes = record.get("modes") or [record["protocol"] | {"cross_fp": record["cross_fp"]}]
    sizes = {len(group) for group in runs.values()}
    if len(runs) != 2 or len(sizes) != 1 or modes[0]["cross_fp"]["judges"] != modes[0]["cross_fp"]["names"]:
        return []
    norms = list(dict.fromkeys(mode["norm"] for mode in modes))
    roundings = list(dict.fromkeys(mode["quantize"] for mode in modes))
    side = (2, sizes.pop())
    stacked = np.array([mode["cross_fp"]["fp"] for mode in modes]).reshape(
        len(norms), len(roundings), *side, *side
    )
    fp_MRMRNQ = np.moveaxis(stacked, (0, 1), (4, 5))
    texts = [
        list(runs), [], list(runs), [], [NORMS[norm] for norm in norms], [ROUNDED[key] for key in roundings],
    ]  # fmt: skip
    factors = AT_THE_END | {
        name: axes for name, axes in MODES.items() if all(fp_MRMRNQ.shape[axis] > 1 for axis in axes)
    }
    return _table(fp_MRMRNQ, factors, texts)


def explained(fp: NDArray[np.float64], factors: dict[str, Factor]) -> dict[str, float]:
    """Shares of the variance of FP, in [0, 1]; they sum to 1, or are all 0 where FP never differs.

    A balanced analysis of variance: Σ (mean of the factor's levels − mean)² over all cells, divided by the
    total, less what factors of fewer of its axes explain: of two together each alone, of a run its method.

    Args:
        fp: one axis for each property of the generator, the judge, or the mode.
        factors: those of fewer axes first.
    """
    deviations = fp - fp.mean()
    total = float((deviations**2).sum())

    def of(axes: Factor) -> float:
        remaining = tuple(axis for axis in range(fp.ndim) if axis not in axes)
        means = deviations.mean(axis=remaining, keepdims=True)
        return float((np.broadcast_to(means, deviations.shape) ** 2).sum()) / total if total else 0.0

    shares: dict[str, float] = {}
    for name, axes in factors.items():
        parts = sum(shares[part] for part in shares if set(factors[part]) < set(axes))
        shares[name] = max(0.0, of(axes) - parts)  # rounding may leave −1e-17
    return shares | {REST: max(0.0, 1.0 - sum(shares.values())) if total else 0.0}


def _table(fp: NDArray[np.float64], factors: dict[str, Factor], texts: Sequence[Sequence[str]]) -> list[str]:
    shares, rows = explained(fp, factors), []
    for name, value in shares.items():
        axes, listed = factors.get(name, ()), ""
        if len(axes) == 1:
            means = fp.mean(axis=tuple(axis for axis in range(fp.ndim) if axis not in axes))
            pairs = zip(texts[axes[0]], means, strict=True)
            listed = ", ".join(f"{level}: {share(mean)}" for level, mean in pairs)
        rows.append((name, f"{value:.0%}", listed))
    return table(("FP depends on", "share of its variance", "mean FP"), rows)
