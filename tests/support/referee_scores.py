"""Scores of referees as they would be after training, drawn at random."""

from __future__ import annotations

import numpy as np

from gancross.evaluator.referees.scores import ContestantScores, RefereeScores


def drawn_scores(
    *, num_real: int = 600, num_samples: int = 600, rungs: int = 3, seeds: int = 2,
    trained: int | None = None, d: float | tuple[float, ...] = 1.0, spread: float = 0.0, ties: bool = False,
    draw: int = 0, cut: int = 0,
) -> ContestantScores:  # fmt: skip
    """Reals from N(d/2, 1) and samples from N(−d/2, 1), each with half of its variance its own.

    Args:
        trained: of how many reals and samples each referee learned; half of each by default.
        d: by rung, or the same at all.
        spread: standard deviation of d between referees.
        ties: round scores to halves.
        draw, cut: seeds of the samples and referees, and of the reals and their halves.
    """
    shared, own = np.random.default_rng([1, cut]), np.random.default_rng([2, draw])
    items = shared.normal(0, np.sqrt(0.5), num_real), own.normal(0, np.sqrt(0.5), num_samples)
    d_K = np.broadcast_to(np.asarray(d, float), rungs)
    referees = []
    for seed in range(seeds):
        orders = shared.permutation(num_real), own.permutation(num_samples)
        for half in (0, 1):
            scored, rows = [], []
            effect = spread * own.normal()
            for sign, values, order in zip((1, -1), items, orders, strict=True):
                split = len(order) // 2
                block = order[:split] if half == 0 else order[split:]
                tested = np.setdiff1d(order, block[:trained])
                noise = own.normal(0, np.sqrt(0.5), (rungs, len(tested)))
                scores = sign * (d_K + effect)[:, None] / 2 + values[tested] + noise
                scored.append((np.round(2 * scores) / 2 if ties else scores).astype(np.float32))
                rows.append(tested)
            referees.append(
                RefereeScores(
                    seed=seed, half=half, reals=rows[0], samples=rows[1], real_KN=scored[0], fake_KM=scored[1]
                )
            )
    return ContestantScores(num_real=num_real, num_samples=num_samples, referees=referees)
