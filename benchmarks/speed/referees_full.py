"""What referees of large images and of the full budget cost, and two contestants' in one loop: hours.

    python benchmarks/bench.py referees-full

The samples are those of `speed.referees`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from gancross.evaluator.referees.protocol import BUDGETS, form_of
from speed import referees
from speed.referees import MEDIUM, SMALL, VECTORS, Cost, Loops, cost_row, named
from speed.timing import Row, interleaved, record

LARGE = (3, 64, 64)
QUICK: Mapping[tuple[int, ...], Cost] = {MEDIUM: Cost(3, 100), LARGE: Cost(1)}
FULL = (VECTORS, SMALL, MEDIUM, LARGE)
ROUNDS = {MEDIUM: 5, SMALL: 7, VECTORS: 9}  # of two contestants at once
TOGETHER, TOGETHER_STEPS = 2, 200  # contestants, and steps by which one loop is compared with two


def together_row(shape: tuple[int, ...], rounds: int) -> Row:
    """Two contestants' referees of one seed and half in one loop / in two loops."""
    protocol = replace(BUDGETS["quick"][form_of(shape)], steps=TOGETHER_STEPS)
    loops = Loops(shape, protocol, n=referees.N, contestants=TOGETHER)
    variants: dict[str, Callable[[], object]] = {
        "together": loops.bare_together, "one after another": loops.bare_one_after_another
    }  # fmt: skip
    return interleaved(variants, rounds=rounds, threads=1).row(
        f"bare loop of two contestants' referees together, {named(shape)} / one after another",
        "together", "one after another",
    )  # fmt: skip


def rows() -> list[Row]:
    """At one thread."""
    result = [cost_row(shape, "quick", cost) for shape, cost in QUICK.items()]
    result += [cost_row(shape, "full", Cost(1)) for shape in FULL]
    return result + [together_row(shape, rounds) for shape, rounds in ROUNDS.items()]


if __name__ == "__main__":
    record("referees-full", rows)
