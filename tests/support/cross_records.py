"""Small records of a cross-test of two methods, as benchmarks/reproduction reads them."""

from __future__ import annotations

from typing import Any

Plain = dict[str, Any]


def crosstest_record(
    free: float, held: float, *, runs: int, winner: str | None = None, fn: float = 0.1
) -> Plain:
    """FPs of all unregularized and of all regularized discriminators on the others' samples."""
    sides = {"unregularized": free, "regularized": held}
    names = [f"{side}-seed{seed}" for side in sides for seed in range(runs)]
    fp = [[sides[judge.split("-")[0]] for judge in names] for _ in names]
    named = {"regularized": runs**2} if held < free else {}
    return {
        "missing": [],
        "runs": [
            {"name": name, "variant": name.split("-")[0], "fn": fn, "fidelity": {}, "reached": 9, "steps": 9}
            for name in names
        ],
        "cross_fp": {"names": names, "judges": names, "fp": fp}, "blind": [], "refusals": {},
        "verdicts": {"paper": {"pairs": runs**2, **named}, "discriminator": {"pairs": runs**2}},
        "claims": [{"winner": winner, "p": 0.01, "exact": True, "runs": [runs, runs]}],
    }  # fmt: skip
