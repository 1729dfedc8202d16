"""What the evaluator's intervals, tests and verdicts promise, checked by simulation and by exact sums.

    python benchmarks/simulations.py                 all claims at full size, about an hour and a half
    python benchmarks/simulations.py --only power    one of them
    python benchmarks/simulations.py --scale 0.05    a quick look; a target is missed by three standard errors

Each claim is one function of the number of draws, in `simulated/`, by subject.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

from environment import machine, versions
from simulated import copying, gate, referees
from simulated.auc import auc_difference_near_one, auc_near_one, delong, delong_paired
from simulated.bounds import jsd_bound
from simulated.classes import class_intervals, families
from simulated.differences import j_difference, newcombe, sizes_of_tests
from simulated.findings import Finding
from simulated.groups import grouped_auc_difference, grouped_rates, grouped_scores
from simulated.matched import matched, matched_few
from simulated.methods import method_tests, permutation, sign_flips
from simulated.proportions import newcombe_paired, power, wilson
from simulated.ranking import duality, ranked_distance
from simulated.verdicts import discriminator_equals, discriminator_unequals

LIBRARIES = ("numpy", "scipy", "statsmodels")
OUT = Path(__file__).parent / "results" / "simulations.json"

CLAIMS: dict[str, tuple[Callable[[int], Iterator[Finding]], int]] = {
    "wilson": (wilson, 1),
    "power": (power, 1),
    "newcombe-paired": (newcombe_paired, 10_000),
    "newcombe": (newcombe, 10_000),
    "j-difference": (j_difference, 2_000),
    "test-sizes": (sizes_of_tests, 4_000),
    "grouped-rates": (grouped_rates, 4_000),
    "grouped-scores": (grouped_scores, 1_000),
    "grouped-auc-difference": (grouped_auc_difference, 1_000),
    "classes": (families, 4_000),
    "class-intervals": (class_intervals, 4_000),
    "delong": (delong, 10_000),
    "delong-paired": (delong_paired, 2_000),
    "auc-near-one": (auc_near_one, 4_000),
    "auc-difference-near-one": (auc_difference_near_one, 4_000),
    "matched": (matched, 2_000),
    "matched-few": (matched_few, 2_000),
    "jsd-bound": (jsd_bound, 4_000),
    "permutation": (permutation, 4_000),
    "method-tests": (method_tests, 4_000),
    "sign-flips": (sign_flips, 4_000),
    "ranked-distance": (ranked_distance, 4_000),
    "duality": (duality, 1_000),
    "discriminator-equals": (discriminator_equals, 4_000),
    "discriminator-unequals": (discriminator_unequals, 1_000),
    **gate.CLAIMS,
    **referees.CLAIMS,
    **copying.CLAIMS,
}
"""Name → the function and its draws at full size."""


def _errors(scale: float) -> float:
    """Standard errors that a figure may be beyond its target: with fewer draws a miss may be chance."""
    return 0.0 if scale >= 1 else 3.0


def _keep(path: Path, name: str, findings: list[Finding], seconds: float, scale: float) -> None:
    """Puts one claim into the record; the other claims stay as an earlier run left them."""
    claims = json.loads(path.read_text())["claims"] if path.exists() else {}
    claims[name] = {
        "findings": [
            asdict(finding) | {"met": finding.within_target(errors=_errors(scale))} for finding in findings
        ],
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
    missed, errors = False, _errors(arguments.scale)
    for name in arguments.only or CLAIMS:
        claim, draws = CLAIMS[name]
        started = time.perf_counter()
        findings: list[Finding] = []
        for finding in claim(max(1, round(draws * arguments.scale))):
            findings.append(finding)
            mark = {True: "met", False: "MISSED", None: "reported"}[finding.within_target(errors=errors)]
            print(f"{mark:8} {finding.value:.4f}  {finding.claim}: {finding.setting}", flush=True)
        seconds = time.perf_counter() - started
        print(f"{name}: {seconds:.1f} s", file=sys.stderr, flush=True)
        _keep(arguments.out, name, findings, seconds, arguments.scale)
        missed |= any(finding.within_target(errors=errors) is False for finding in findings)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
