"""What the evaluator's intervals, tests and verdicts promise, checked by simulation and by exact sums.

    python benchmarks/simulations.py                 all claims at full size, about half an hour
    python benchmarks/simulations.py --only power    one of them
    python benchmarks/simulations.py --scale 0.05    a quick look, whose misses may be chance

Each claim is one function of the number of draws. Scores are normal with unit variance; every fake is
drawn from N(0, 1) and every real from N(d', 1), so that all population figures are known.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from itertools import product
from pathlib import Path

import numpy as np
from environment import machine, versions
from numpy.typing import NDArray
from scipy.stats import binom, norm
from simulated import gate
from simulated.findings import Finding, rate

from gancross.evaluator.estimates import Estimate, Missing, Proportion
from gancross.evaluator.statistics.auc import auc_difference, auc_interval
from gancross.evaluator.statistics.confusion import PairedDecisions, false_negatives, false_positives
from gancross.evaluator.statistics.matched_fp import (
    Half,
    calibration,
    draw_halves,
    matched_difference,
    matched_fp,
)
from gancross.evaluator.statistics.proportions import fisher_p, paired_difference
from gancross.evaluator.tournament.methods import permutation_p
from gancross.evaluator.verdict.discriminator import ALPHA, discriminator_verdict
from gancross.evaluator.verdict.pairs import Judgement, compared
from gancross.random_streams import Stream

N = 10_000
TOLERANCE = 0.015
GRID = 1_001
NATIVE_FN = 0.05
SHARED = 0.5  # correlation of two judges' scores of the same real image
LIBRARIES = ("numpy", "scipy", "statsmodels")
OUT = Path(__file__).parent / "results" / "simulations.json"

Scores = NDArray[np.float64]


def wilson(draws: int, *, largest: int = N, grid: int = GRID) -> Iterator[Finding]:
    """Exact coverage of the Wilson interval: Σ_k Binomial(k; n, p) over the k whose interval holds p.

    Coverage jumps with p; the worst p of a fine grid stands for all where n·min(p, 1−p) ≥ 20.
    """
    for n in (100, 1_000, largest):
        limits = np.array([Proportion(count=k, n=n).ci95 for k in range(n + 1)])

        def coverage(p: float, n: int = n, limits: Scores = limits) -> float:
            covered = (limits[:, 0] <= p) & (p <= limits[:, 1])
            return float(binom.pmf(np.arange(n + 1), n, p)[covered].sum())

        def finding(setting: str, value: float, target: tuple[float, float] | None) -> Finding:
            return Finding(
                claim="Wilson interval, exact coverage", setting=setting, value=value, standard_error=0.0,
                draws=None, target=target,
            )  # fmt: skip

        gated = [coverage(p) for p in np.linspace(20 / n, 0.5, grid)]
        yield finding(f"n={n}, least over p from {20 / n} to 0.5", min(gated), _around(0.95, TOLERANCE))
        yield finding(f"n={n}, most over p from {20 / n} to 0.5", max(gated), _around(0.95, TOLERANCE))
        for count in (1, 5, 10):
            yield finding(f"n={n}, p={count / n}", coverage(count / n), None)


def delong(draws: int) -> Iterator[Finding]:
    """Coverage of the logit-scale DeLong interval of AUC Φ(d'/√2)."""
    for area in (0.55, 0.7, 0.8, 0.9, 0.95, 0.99):
        random = _random("delong", area)
        separation = np.sqrt(2) * norm.ppf(area)
        hits = 0
        for _ in range(draws):
            hits += _holds(auc_interval(real=_normal(random, separation), fake=_normal(random)), area)
        yield _coverage("logit-DeLong interval", f"n={N}, AUC={area}", hits, draws)


def delong_paired(draws: int) -> Iterator[Finding]:
    """Coverage of the difference of two AUCs with shared reals, in which one judge is better."""
    for first, second in ((0.9, 0.9), (0.95, 0.8), (0.99, 0.98)):
        random = _random("delong-paired", first, second)
        separations = [np.sqrt(2) * norm.ppf(area) for area in (first, second)]
        hits = 0
        for _ in range(draws):
            real = _shared_samples(random, *separations)
            hits += _holds(
                auc_difference(
                    first_real=real[0], first_fake=_normal(random), second_real=real[1],
                    second_fake=_normal(random),
                ),
                first - second,
            )  # fmt: skip
        yield _coverage("paired DeLong difference", f"n={N}, AUC={first} and {second}", hits, draws)


def matched(draws: int) -> Iterator[Finding]:
    """Coverage of FP at matched FN and of the paired difference of two judges."""
    halves = draw_halves(np.arange(N), seed=0)
    for fp in (0.001, 0.01, 0.1, 0.5):
        random = _random("matched", fp)
        separations = [_separation(fp), _separation(2 * fp if fp < 0.5 else fp)]
        truth = [float(norm.sf(d + norm.ppf(NATIVE_FN))) for d in separations]
        single = paired = 0
        for draw in range(draws):
            real = _shared_samples(random, *separations)
            cells = [
                matched_fp(
                    fake=_normal(random), calibrated=calibration(real[k], halves), seed=draw, judge=str(k),
                    generator="",
                )
                for k in range(2)
            ]  # fmt: skip
            single += _holds(cells[0], truth[0])
            paired += _holds(matched_difference(cells[0], cells[1]), truth[0] - truth[1])
        gated = N * fp >= 20
        yield _coverage("FP at matched FN", f"n={N}, FP={fp}", single, draws, gated=gated)
        yield _coverage(
            "difference of two FPs at matched FN", f"n={N}, FP={truth[0]:.3g} and {truth[1]:.3g}", paired,
            draws, gated=gated,
        )  # fmt: skip


def newcombe_paired(draws: int) -> Iterator[Finding]:
    """Coverage of Newcombe's paired interval, the judges' decisions correlated."""
    for first, second, both in ((0.05, 0.05, 0.02), (0.05, 0.03, 0.02), (0.4, 0.3, 0.2)):
        cells = [both, first - both, second - both, 1 - first - second + both]
        hits = 0
        for counts in _random("newcombe", first, second).multinomial(N, cells, size=draws).tolist():
            decisions = PairedDecisions(
                both=counts[0], only_first=counts[1], only_second=counts[2], neither=counts[3]
            )
            hits += _holds(paired_difference(decisions), first - second)
        yield _coverage(
            "paired Newcombe interval of FN", f"n={N}, FN={first} and {second}, both {both}", hits, draws
        )


def power(draws: int) -> Iterator[Finding]:
    """Exact power of the Fisher step alone: a double sum over all counts within seven deviations."""
    rates = (0.01, 0.0143)
    near = [np.arange(*np.asarray(binom.ppf([1e-10, 1 - 1e-10], N, p)).astype(int)) for p in rates]
    weight = [binom.pmf(counts, N, p) for counts, p in zip(near, rates, strict=True)]
    total = 0.0
    for (i, first), (j, second) in product(enumerate(near[0]), enumerate(near[1])):
        if fisher_p(Proportion(count=int(first), n=N), Proportion(count=int(second), n=N)) < ALPHA:
            total += float(weight[0][i] * weight[1][j])
    yield Finding(
        claim="power of the Fisher step", setting=f"n={N}, FP={rates[0]} against {rates[1]}", value=total,
        standard_error=0.0, draws=None, target=_around(0.782, 0.02),
    )  # fmt: skip


def discriminator_equals(draws: int) -> Iterator[Finding]:
    """How often `discriminator` names a winner among distinct networks with equal population rates."""
    halves = draw_halves(np.arange(N), seed=0)
    for fp in (0.01, 0.1, 0.5):
        random = _random("discriminator-equals", fp)
        winners = sum(
            _winner(random, _separation(fp), _separation(fp), halves, draw) is not None
            for draw in range(draws)
        )
        yield rate("discriminator among equals: any winner", f"n={N}, FP={fp}", winners, draws, (0.0, ALPHA))


def discriminator_unequals(draws: int) -> Iterator[Finding]:
    """How often `discriminator` names the better of d' 3.3 and 2.7."""
    halves, random = draw_halves(np.arange(N), seed=0), _random("discriminator-unequals")
    won = [_winner(random, 3.3, 2.7, halves, draw) for draw in range(draws)]
    setting = f"n={N}, d' 3.3 against 2.7, native FN {NATIVE_FN}"
    yield rate("discriminator among unequals: the better wins", setting, won.count("a"), draws, (0.9, 1.0))
    yield rate("discriminator among unequals: the worse wins", setting, won.count("b"), draws, None)


def permutation(draws: int) -> Iterator[Finding]:
    """Size of the exact permutation test: runs with their own strengths, no difference of methods."""
    for side in (4, 5):
        random = _random("permutation", side)
        label = np.repeat([1.0, 0.0], side)
        rejected = 0
        for _ in range(draws):
            strengths = random.normal(0, 1, (2, 2 * side))
            fp = norm.cdf(strengths[0][:, None] - strengths[1][None, :])
            rejected += permutation_p(fp, label, random=random)[0] < ALPHA
        yield rate(
            "permutation of run labels: rejections under the null", f"{side} runs a side", rejected, draws,
            (0.0, ALPHA),
        )  # fmt: skip


def _winner(
    random: np.random.Generator, a: float, b: float, halves: tuple[Half, Half], seed: int
) -> str | None:
    """The verdict of one draw. What only steps 3 to 5 need is left out where step 2 fails anyway."""
    real = _shared_samples(random, a, b)
    # Each generator's samples, like the reals, are the same under both judges.
    of_a, of_b = _shared_samples(random, 0, 0), _shared_samples(random, 0, 0)
    fake = [(of_b[0], of_a[0]), (of_a[1], of_b[1])]
    thresholds = [d + norm.ppf(NATIVE_FN) for d in (a, b)]
    counts = [
        Judgement(
            cross_fp=false_positives(cross, tau), fn=false_negatives(scores, tau),
            own_fp=false_positives(own, tau), blind=False,
        )
        for scores, (cross, own), tau in zip(real, fake, thresholds, strict=True)
    ]  # fmt: skip
    (pair,) = compared([(("a", counts[0]), ("b", counts[1]))])
    assert not isinstance(pair.holm_p, Missing)
    if pair.holm_p >= ALPHA:
        return discriminator_verdict(pair).winner
    first, second = (
        replace(
            judgement, threshold=tau, real=scores, cross_fake=cross, own_fake=own,
            matched_fp=matched_fp(
                fake=cross, calibrated=calibration(scores, halves), seed=seed, judge=name, generator=""
            ),
        )
        for name, judgement, tau, scores, (cross, own) in zip(
            "ab", counts, thresholds, real, fake, strict=True
        )
    )  # fmt: skip
    (pair,) = compared([(("a", first), ("b", second))])
    return discriminator_verdict(pair).winner


def _random(*words: object) -> np.random.Generator:
    return Stream(0, "simulations", *map(str, words)).numpy_generator()


def _normal(random: np.random.Generator, mean: float = 0.0) -> Scores:
    return random.normal(mean, 1.0, N)


def _shared_samples(random: np.random.Generator, a: float, b: float) -> tuple[Scores, Scores]:
    """Two judges' scores of the same images: what the image gives both, and what each makes of it."""
    image = random.normal(0, np.sqrt(SHARED), N)
    own = random.normal(0, np.sqrt(1 - SHARED), (2, N))
    return a + image + own[0], b + image + own[1]


def _separation(fp: float) -> float:
    """d' of a judge with this FP at the native FN."""
    return float(norm.isf(fp) - norm.ppf(NATIVE_FN))


def _holds(interval: Estimate, truth: float) -> bool:
    return interval.low <= truth <= interval.high


def _around(centre: float, tolerance: float) -> tuple[float, float]:
    return centre - tolerance, centre + tolerance


def _coverage(claim: str, setting: str, hits: int, draws: int, *, gated: bool = True) -> Finding:
    target = _around(0.95, TOLERANCE) if gated else None
    return rate(f"{claim}, coverage", setting, hits, draws, target)


CLAIMS: dict[str, tuple[Callable[[int], Iterator[Finding]], int]] = {
    "wilson": (wilson, 1),
    "power": (power, 1),
    "newcombe-paired": (newcombe_paired, 10_000),
    "permutation": (permutation, 4_000),
    "discriminator-unequals": (discriminator_unequals, 1_000),
    "matched": (matched, 2_000),
    "discriminator-equals": (discriminator_equals, 4_000),
    "delong-paired": (delong_paired, 2_000),
    "delong": (delong, 10_000),
} | gate.CLAIMS
"""Name → the function and its draws at full size."""

SIZES = (
    "permutation",
    "discriminator-equals",
)  # claims of rates up to ALPHA, which draws may exceed by chance


def _met(claim: str, finding: Finding) -> bool | None:
    """Whether a claim's finding lies within its target; a test's size does up to three standard errors."""
    return finding.within_target(errors=3.0 if claim in SIZES else 0.0)


def _keep(path: Path, name: str, findings: list[Finding], seconds: float, scale: float) -> None:
    """Puts one claim into the record; the other claims stay as an earlier run left them."""
    claims = json.loads(path.read_text())["claims"] if path.exists() else {}
    claims[name] = {
        "findings": [asdict(finding) | {"met": _met(name, finding)} for finding in findings],
        "scale": scale,
        "seconds": round(seconds, 1),
        "versions": versions(*LIBRARIES),
        "machine": machine(),
    }
    ordered = {name: claims[name] for name in CLAIMS if name in claims}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"claims": ordered}, indent=1, ensure_ascii=False) + "\n")


def main() -> int:
    """Runs the claims, prints a line for each finding, writes the JSON; 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", choices=CLAIMS, action="append", help="a claim; may be repeated")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the full number of draws")
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()
    missed = False
    for name in arguments.only or CLAIMS:
        claim, draws = CLAIMS[name]
        started = time.perf_counter()
        findings: list[Finding] = []
        for finding in claim(max(1, round(draws * arguments.scale))):
            findings.append(finding)
            mark = {True: "met", False: "MISSED", None: "reported"}[_met(name, finding)]
            print(f"{mark:8} {finding.value:.4f}  {finding.claim}: {finding.setting}", flush=True)
        seconds = time.perf_counter() - started
        print(f"{name}: {seconds:.1f} s", file=sys.stderr, flush=True)
        _keep(arguments.out, name, findings, seconds, arguments.scale)
        missed |= any(_met(name, finding) is False for finding in findings)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
