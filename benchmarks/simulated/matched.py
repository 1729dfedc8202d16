"""FP at matched FN and its difference."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.stats import norm

from gancross.evaluator.statistics.matched_fp import calibration, matched_difference, matched_fp
from gancross.evaluator.statistics.resampling import draw_halves
from simulated.findings import (
    AT_LEAST,
    EXACT,
    NATIVE_FN,
    Finding,
    N,
    coverage,
    holds,
    normal,
    random_of,
    separation,
    shared_samples,
)  # fmt: skip


def matched(draws: int) -> Iterator[Finding]:
    """Coverage of FP at matched FN and of the paired difference of two judges."""
    halves = draw_halves(np.arange(N), seed=0)
    for fp in (0.001, 0.01, 0.1, 0.5):
        random = random_of("matched", fp)
        separations = [separation(fp), separation(2 * fp if fp < 0.5 else fp)]
        truth = [float(norm.sf(d + norm.ppf(NATIVE_FN))) for d in separations]
        single = paired = 0
        for draw in range(draws):
            real = shared_samples(random, separations[0], separations[1])
            cells = [
                matched_fp(
                    fake=normal(random), calibrated=calibration(real[k], halves), seed=draw, judge=str(k),
                    generator="",
                )
                for k in range(2)
            ]  # fmt: skip
            single += holds(cells[0], truth[0])
            paired += holds(matched_difference(cells[0], cells[1]), truth[0] - truth[1])
        gated = N * fp >= 20
        yield coverage("FP at matched FN", f"n={N}, FP={fp}", single, draws, target=EXACT if gated else None)
        yield coverage(
            "difference of two FPs at matched FN", f"n={N}, FP={truth[0]:.3g} and {truth[1]:.3g}", paired,
            draws, target=EXACT if gated else None,
        )  # fmt: skip


def matched_few(draws: int) -> Iterator[Finding]:
    """Coverage of FP at matched FN and of its difference with few reals, both judges of one AUC."""
    for n in (100, 200, 300, 600, 1_000):
        halves = draw_halves(np.arange(n), seed=0)
        for area in (0.8, 0.9, 0.95, 0.99):
            random, d = random_of("matched-few", n, area), float(np.sqrt(2) * norm.ppf(area))
            truth = float(norm.sf(d + norm.ppf(NATIVE_FN)))
            single = paired = 0
            for draw in range(draws):
                cells = [
                    matched_fp(
                        fake=normal(random, n=n), calibrated=calibration(real, halves), seed=draw,
                        judge=str(k), generator="",
                    )
                    for k, real in enumerate(shared_samples(random, d, d, n))
                ]  # fmt: skip
                single += holds(cells[0], truth)
                paired += holds(matched_difference(cells[0], cells[1]), 0.0)
            setting = f"n={n}, AUC={area}, FP={truth:.3g}"
            yield coverage("FP at matched FN, few reals", setting, single, draws, AT_LEAST)
            yield coverage("difference of two FPs at matched FN, few reals", setting, paired, draws, AT_LEAST)
