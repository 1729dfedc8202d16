"""How often referees' 95 % intervals hold the truth when everything is drawn and trained anew.

    python benchmarks/referee_coverage.py --n 600 --repetitions 200        20 s a repetition
    python benchmarks/referee_coverage.py --n 10000 --repetitions 200      25 s a repetition
    python benchmarks/referee_coverage.py --n 600 --first 100 --repetitions 100     the second half
    python benchmarks/referee_coverage.py --summary                        only what the lines say

The simulations (`simulated/referees.py`) draw scores; here fresh referees of the quick budget are trained in
every repetition, on fresh reals of the paper's mixture and fresh samples of two generators: clusters three
times as wide, whose G falls through one half, and a twentieth of points far away. A repetition is one line
of the record, written when it is done; lines of today's protocol are not measured again. The truth of a
figure is its mean over the repetitions, that of the half-detection noise the value of the mean curve.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from environment import machine, versions
from fresh_referees import arena_and_sets, trained_anew
from numpy.typing import NDArray
from planted_pairs.counts import share
from planted_pairs.records import Line, append, lines

from gancross.data import mixture
from gancross.evaluator.estimates import LEVEL, Estimate, Missing, Z
from gancross.evaluator.referees.comparison import Contender, contrast
from gancross.evaluator.referees.contestant_records import HalfDetectionNoise
from gancross.evaluator.referees.figures import contestant_figures, half_detection_noise
from gancross.evaluator.referees.options import RefereeOptions
from gancross.evaluator.referees.protocol import RefereeProtocol
from gancross.evaluator.referees.scores import ContestantScores
from gancross.machine.files import write_atomically
from gancross.random_streams import Stream

RESULTS = Path(__file__).parent / "results"
SIZES = (600, 10_000)  # reals, and samples of each contestant
DIMENSIONS = 3
SEEDS_APART = 10  # between the first referee seeds of two repetitions
WIDER, FAR, FAR_STD = 3.0, 0.05, 2.0
WIDE_NAME = f"clusters {WIDER:g} times as wide"
FAR_NAME = f"{100 * FAR:g} % of points far away"
ERRORS, LEAST_REPETITIONS = 3.0, 200  # of the goal
DIGITS_KEPT = 6

Values = NDArray[np.float64]


def wide(stream: Stream, n: int) -> torch.Tensor:
    """The mixture with wider components."""
    return mixture.samples(stream, 0, n, std=WIDER * mixture.STD)


def with_far_points(stream: Stream, n: int) -> torch.Tensor:
    """The mixture, where each point has a chance to be one of a wide Gaussian instead.

    A chance, not a fixed number of points: samples are independent, as the intervals take them to be.
    """
    points = mixture.samples(stream, 0, n)
    far_N = stream.uniforms(n, n, DIMENSIONS)[:, :1] < FAR
    gaussian = torch.from_numpy(FAR_STD * stream.normals(2 * n, n, DIMENSIONS)).float()
    return torch.where(torch.from_numpy(far_N), gaussian, points)


GENERATORS = {WIDE_NAME: wide, FAR_NAME: with_far_points}


def protocol() -> RefereeProtocol:
    """The referees'."""
    return RefereeOptions(budget="quick").protocol((DIMENSIONS,))


def setting() -> str:
    """A hash of the referee protocol and of the generators; lines of others do not count."""
    return hashlib.sha256(repr((protocol(), list(GENERATORS))).encode()).hexdigest()[:12]


def repetition(n: int, number: int) -> Line:
    """Draws, trains and compares; every figure is [value, low, high]."""
    started = time.process_time()
    samples = {name: draw(Stream(number, "referee coverage", name), n) for name, draw in GENERATORS.items()}
    reals = mixture.samples(Stream(number, "referee coverage", "reals"), 0, n)
    arena, sets = arena_and_sets(reals, samples, protocol(), seed=SEEDS_APART * number)
    entries, sigmas = trained_anew(sets, arena), arena.ladder.sigmas
    scores = {
        name: ContestantScores(num_real=n, num_samples=n, referees=[entry.scores for entry in entries[name]])
        for name in sets
    }
    any_kappa = np.ones(len(sigmas))  # no interval depends on it
    between = contrast(*(Contender.of(name, scores[name], any_kappa) for name in sets), sigmas=sigmas)
    figures: Line = {}
    noises: Line = {}
    for name, own in scores.items():
        found = contestant_figures(own, sigmas)
        figures[f"G of {name}"] = [_limits(rung.g) for rung in found.rungs]
        figures[f"D of {name}"] = [_limits(found.detectability)]
        noises[name] = _plain_noise(found.half_detection_noise)
    figures["difference of G"] = [_limits(rung.difference) for rung in between.rungs]
    figures["mean difference of G"] = [_limits(between.mean)]
    return {
        "setting": setting(), "n": n, "repetition": number, "sigmas": list(sigmas), "figures": figures,
        "half_detection_noise": noises, "seconds": round(time.process_time() - started, 1),
    }  # fmt: skip


def key(line: Line) -> tuple[str, int, int]:
    """Which repetition a line is of, and in which setting."""
    return line["setting"], line["n"], line["repetition"]


def missing(path: Path, sizes: Sequence[int], numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Sizes and numbers of the repetitions that the record lacks."""
    known = {key(line) for line in lines(path)}
    yield from ((n, number) for n in sizes for number in numbers if (setting(), n, number) not in known)


def summary(known: Sequence[Line]) -> list[dict[str, Any]]:
    """Coverage of every figure by size, from two repetitions on; rungs count from the finest, which is 1."""
    found = []
    for n in sorted({line["n"] for line in known}):
        own = [line for line in known if line["n"] == n]
        if len(own) < 2:
            continue
        coverages = []
        for name in own[0]["figures"]:
            limits_RK3 = np.array([line["figures"][name] for line in own])
            coverages += [
                coverage_of_mean(limits_R3) | {"figure": name, "rung": rung}
                for rung, limits_R3 in enumerate(limits_RK3.swapaxes(0, 1), start=1)
            ]
        coverages += [
            coverage_of_noise(own, name) | {"figure": f"σ½ of {name}", "rung": 1}
            for name in own[0]["half_detection_noise"]
        ]
        seconds = sum(line["seconds"] for line in own)
        found.append({
            "n": n, "repetitions": len(own), "seconds": round(seconds), "figures": coverages,
        })  # fmt: skip
    return found


def coverage_of_mean(limits_R3: Values) -> dict[str, Any]:
    """How many of R intervals hold the mean of their R values.

    The mean m stands in for the truth μ and has an error of its own, of which each value is a part:
    Var(v − m) = (1 − 1/R)·Var(v − μ). So each interval is asked for v − (v − m)·√(R/(R − 1)), which is as
    far from v as μ is in the mean square. What is left is that all intervals are asked for the same m: where
    it is off by its standard error, less than one of 200 repetitions covers, or misses, more than with μ.

    Args:
        limits_R3: value, low, high of every repetition.

    Returns:
        `truth` with its standard error; `coverage` with exact limits; `width`, the mean width in units of
        that of an interval of ±1.96 standard deviations of the values; `met`, whether the coverage is at
        least 95 % less three standard errors, None below 200 repetitions; `too_wide`, whether its lower
        limit is above 95 %.
    """
    value_R, low_R, high_R = limits_R3.T
    repetitions, mean = len(value_R), float(value_R.mean())
    asked_R = value_R - (value_R - mean) * np.sqrt(repetitions / (repetitions - 1))
    hits = int(((low_R <= asked_R) & (asked_R <= high_R)).sum())
    deviation = float(value_R.std(ddof=1))
    width = float((high_R - low_R).mean() / (2 * Z * deviation)) if deviation > 0 else None
    return _coverage(hits, repetitions) | {
        "truth": mean, "standard_error": deviation / repetitions**0.5, "width": width,
    }  # fmt: skip


def coverage_of_noise(own: Sequence[Line], name: str) -> dict[str, Any]:
    """As `coverage_of_mean`, of the half-detection noise: the truth is that of the mean curve of G.

    Beyond an end of the ladder the truth counts as that end, since a limit there may lie beyond it.
    `standard_error` and `width` are of the repetitions that have a value, in units of ln σ.
    """
    sigmas = own[0]["sigmas"]
    curve_K = np.array([line["figures"][f"G of {name}"] for line in own])[:, :, 0].mean(axis=0)
    noise = half_detection_noise(sigmas, [Estimate(value=g, low=g, high=g) for g in curve_K.tolist()])
    ends = {"below": sigmas[0], "beyond": sigmas[-1]}
    truth = ends[noise.censored or "below"] if isinstance(noise.value, Missing) else noise.value
    entries = [line["half_detection_noise"][name] for line in own]
    hits = sum(low <= truth <= high for low, high in (entry["ci95"] for entry in entries))
    valued = [entry for entry in entries if entry["value"] is not None]
    logs = np.log([[entry["value"], *entry["ci95"]] for entry in valued]).reshape(-1, 3)
    deviation = float(logs[:, 0].std(ddof=1)) if len(valued) > 1 else 0.0
    width = float((logs[:, 2] - logs[:, 1]).mean() / (2 * Z * deviation)) if deviation > 0 else None
    return _coverage(hits, len(own)) | {
        "truth": truth, "censored": noise.censored, "width": width,
        "standard_error": deviation / len(valued) ** 0.5 if deviation > 0 else None,
    }  # fmt: skip


def table(found: Sequence[Mapping[str, Any]]) -> str:
    """A line for each kind of figure; of several rungs the lowest and the highest."""
    rows = [
        "| n | repetitions | figure | truth | coverage | exact limits of the lowest | width | goal |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for size in found:
        by_name: dict[str, list[Mapping[str, Any]]] = {}
        for entry in size["figures"]:
            by_name.setdefault(entry["figure"], []).append(entry)
        for name, entries in by_name.items():
            rates = [entry["coverage"]["rate"] for entry in entries]
            low, high = entries[int(np.argmin(rates))]["coverage"]["ci95"]
            missed = sum(entry["met"] is False for entry in entries)
            over = sum(entry["too_wide"] for entry in entries)
            goal = f"**missed by {missed} of {len(entries)}**" if missed else "met"
            goal = f"needs {LEAST_REPETITIONS} repetitions" if entries[0]["met"] is None else goal
            goal += f", above 95 %: {over} of {len(entries)}" if over else ""
            rows.append(
                f"| {size['n']:,} | {size['repetitions']} | {name} |"
                f" {_range([entry['truth'] for entry in entries], '.3f')} | {_range(rates, '.1%')} |"
                f" {low:.1%}–{high:.1%} |"
                f" {_range([w for entry in entries if (w := entry['width']) is not None], '.2f')} | {goal} |"
            )
    return "\n".join(rows)


def main() -> int:
    """Measures what is missing, writes and prints the summary; 1 if a figure misses the goal."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--n", type=int, action="append", help="only these numbers of reals and samples")
    parser.add_argument("--repetitions", type=int, default=200)
    parser.add_argument("--first", type=int, default=0, help="number of the first repetition of this call")
    parser.add_argument("--lines", type=Path, default=RESULTS / "referee-coverage.jsonl")
    parser.add_argument("--out", type=Path, default=RESULTS / "referee-coverage.json")
    parser.add_argument("--summary", action="store_true", help="only summarise the record")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if not arguments.summary:
        numbers = range(arguments.first, arguments.first + arguments.repetitions)
        for n, number in list(missing(arguments.lines, arguments.n or SIZES, numbers)):
            line = repetition(n, number)
            append(arguments.lines, line)
            print(f"n = {n:,}, repetition {number}: {line['seconds']:.0f} s", flush=True)
    current = {key(line): line for line in lines(arguments.lines) if line["setting"] == setting()}
    found = summary(list(current.values()))
    document = {
        "setting": setting(), "generators": list(GENERATORS), "goal": LEVEL, "standard_errors": ERRORS,
        "machine": machine(), "versions": versions("torch", "numpy", "scipy"), "sizes": found,
    }  # fmt: skip
    write_atomically(arguments.out, (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode())
    print(table(found))
    return int(any(entry["met"] is False for size in found for entry in size["figures"]))


def _coverage(hits: int, repetitions: int) -> dict[str, Any]:
    coverage = share(hits, repetitions)
    room = ERRORS * (LEVEL * (1 - LEVEL) / repetitions) ** 0.5
    return {
        "coverage": {name: coverage[name] for name in ("count", "n", "rate", "ci95")},
        "met": None if repetitions < LEAST_REPETITIONS else hits / repetitions >= LEVEL - room,
        "too_wide": coverage["ci95"][0] > LEVEL,
    }  # fmt: skip


def _plain_noise(noise: HalfDetectionNoise) -> Line:
    value = None if isinstance(noise.value, Missing) else noise.value
    return {"value": value, "ci95": list(noise.ci95), "censored": noise.censored}


def _limits(estimate: Estimate) -> list[float]:
    return [float(f"{value:.{DIGITS_KEPT}g}") for value in (estimate.value, estimate.low, estimate.high)]


def _range(values: Sequence[float], form: str) -> str:
    if not values:
        return "–"
    low, high = (format(end, form) for end in (min(values), max(values)))
    return low if low == high else f"{low}–{high}"


if __name__ == "__main__":
    sys.exit(main())
