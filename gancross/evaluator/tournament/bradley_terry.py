"""Bradley–Terry strengths on the bipartite table: generators against judges.

A match is one sample before one judge: the generator scores where the judge calls it real.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gancross.evaluator.estimates import Estimate, Missing
from gancross.evaluator.tournament.cross_table import CrossTable
from gancross.random_streams import Stream

RIDGE = 1e-3
RESAMPLES = 999
FEWEST = 3
ROUNDING = 1e-13
TOO_FEW = "fewer than three contestants that are judged by others"

Matrix = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Strengths:
    """Log-odds by name: P(judge j calls a sample of i real) = σ(generators[i] − discriminators[j]).

    Attributes:
        residual: root mean square of (FP − that probability) over the sampling error of FP; near 1 where the
            strengths describe the table, far above where no single number for each contestant does. None in
            records that did not measure it.
    """

    generators: dict[str, float]
    discriminators: dict[str, float]
    residual: float | None = None


def bradley_terry(table: CrossTable) -> Strengths | Missing:
    """Maximum of Σ_{i≠j} [FP_ij ln σ(g_i − d_j) + (1−FP_ij) ln σ(d_j − g_i)] − λ/2 (‖g‖² + ‖d‖²), λ = 0.001.

    Every cell weighs one, however many samples it has: what is uncertain is the run, not the sample. The
    ridge keeps rates of 0 and 1 finite and fixes the origin. Own pairs, blind judges and those that make
    no decisions are left out. Higher is better on both sides.

    Source: Bradley and Terry 1952.
    """
    if not _enough(table):
        return Missing(TOO_FEW)
    generators, discriminators = _fit(table, np.arange(len(table.names)))
    return Strengths(
        residual=_residual(table, generators, discriminators),
        generators=dict(zip(table.names, generators.tolist(), strict=True)),
        discriminators={table.names[j]: float(discriminators[j]) for j in np.flatnonzero(_usable(table))},
    )


def method_strengths(
    table: CrossTable, methods: Mapping[str, str], *, seed: int, resamples: int = RESAMPLES
) -> dict[str, Estimate] | Missing:
    """Mean strength of each method's generators, with a percentile bootstrap over runs.

    Runs are drawn with replacement within each method; a run's two draws never judge each other. With
    fewer than 20 runs a method the intervals are descriptive.

    Args:
        methods: method of each contestant; those without one are left out.
    """
    groups = {
        method: np.array([i for i, name in enumerate(table.names) if methods.get(name) == method])
        for method in sorted(set(methods.values()))
    }
    if not _enough(table):
        return Missing(TOO_FEW)
    if not groups or min(len(group) for group in groups.values()) < 2:
        return Missing("a method with one run: its spread over runs is unknown")
    random = Stream(seed, "bradley-terry", *groups).numpy_generator()
    values = _method_means(table, groups)
    replicates = np.array([
        _method_means(table, {method: random.choice(group, len(group)) for method, group in groups.items()})
        for _ in range(resamples)
    ])  # fmt: skip
    low, high = np.quantile(replicates, [0.025, 0.975], axis=0)
    return {
        method: Estimate(value=float(values[k]), low=float(low[k]), high=float(high[k]))
        for k, method in enumerate(groups)
    }


def _residual(table: CrossTable, generators: Matrix, discriminators: Matrix) -> float:
    """√(Σ (FP − σ)²/var / (cells − parameters)), var at least that of one sample in n; chance alone gives 1.

    The strengths are one parameter for each generator and judge, less one for the common origin.
    """
    from scipy.special import expit

    counted = _usable(table)[None, :] & ~np.eye(len(table.names), dtype=bool)
    probability = expit(generators[:, None] - discriminators[None, :])
    n = np.maximum(table.effective_fake, 1)
    variance = np.maximum(probability * (1 - probability), 1 / n) / n
    left = max(1, int(counted.sum()) - (len(table.names) + int(_usable(table).sum()) - 1))
    return float(np.sqrt(((table.fp - probability) ** 2 / variance)[counted].sum() / left))


def _enough(table: CrossTable) -> bool:
    return len(table.names) >= FEWEST and bool(_usable(table).sum() >= 2)


def _usable(table: CrossTable) -> NDArray[np.bool_]:
    return table.decides & ~table.blind


def _method_means(table: CrossTable, groups: Mapping[str, NDArray[np.int64]]) -> Matrix:
    generators, _ = _fit(table, np.concatenate(list(groups.values())))
    ends = np.cumsum([len(group) for group in groups.values()])
    return np.array([part.mean() for part in np.split(generators, ends[:-1])])


def _fit(table: CrossTable, index: NDArray[np.int64]) -> tuple[Matrix, Matrix]:
    """Strengths of the contestants at `index`, where one may stand several times."""
    weight = (_usable(table)[index][None, :] & (index[:, None] != index[None, :])).astype(np.float64)
    fp = np.nan_to_num(table.fp[np.ix_(index, index)])
    strengths = ridge_maximum(fp, weight, ridge=RIDGE)
    return strengths[: len(index)], strengths[len(index) :]


def ridge_maximum(fp: Matrix, weight: Matrix, *, ridge: float, tolerance: float = 1e-10) -> Matrix:
    """Newton's method on the concave ridge likelihood; returns (g, d) as one vector.

    Args:
        fp, weight: (G, J), rates of generators before judges and how much each cell counts.
    """
    from scipy.special import expit

    rows, columns = fp.shape
    strengths = np.zeros(rows + columns)
    current = _objective(strengths, fp, weight, ridge)
    for _ in range(200):
        odds = expit(strengths[:rows, None] - strengths[None, rows:])
        surplus, curvature = weight * (fp - odds), weight * odds * (1 - odds)
        gradient = np.concatenate([surplus.sum(axis=1), -surplus.sum(axis=0)]) - ridge * strengths
        if np.abs(gradient).max() < tolerance:
            return strengths
        hessian = np.diag(np.concatenate([curvature.sum(axis=1), curvature.sum(axis=0)]) + ridge)
        hessian[:rows, rows:] = -curvature
        hessian[rows:, :rows] = -curvature.T
        step, scale = np.linalg.solve(hessian, gradient), 1.0
        # Close to the maximum a good step raises the objective by less than its rounding.
        least = current - ROUNDING * (1 + abs(current))
        while (proposed := _objective(strengths + scale * step, fp, weight, ridge)) < least:
            scale /= 2
        strengths, current = strengths + scale * step, proposed
    raise ArithmeticError("the Bradley–Terry fit did not converge")


def _objective(strengths: Matrix, fp: Matrix, weight: Matrix, ridge: float) -> float:
    margin = strengths[: len(fp), None] - strengths[None, len(fp) :]
    likelihood = weight * (fp * margin - np.logaddexp(0.0, margin))
    return float(likelihood.sum() - ridge / 2 * (strengths**2).sum())
