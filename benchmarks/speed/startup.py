"""Startup time: `gancross --help` against bare Python, each in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

from speed.timing import Row, Spread, interleaved, record

ROUNDS = 15
GOAL = 0.3  # seconds


def started(*arguments: str) -> Callable[[], object]:
    """A function that runs a Python process with these arguments."""
    return lambda: subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)


def rows() -> list[Row]:
    """The difference within each round."""
    times = interleaved(
        {"python": started("-c", "pass"), "help": started("-m", "gancross", "--help")},
        rounds=ROUNDS,
        threads=1,
        share=0.7,
    )
    pairs = zip(times.seconds["help"], times.seconds["python"], strict=True)
    return [
        Row(
            work="`gancross --help` − bare `python`",
            measured=Spread.of([seconds - bare for seconds, bare in pairs]),
            unit="s",
            threads=1,
            goal=GOAL,
            parts={"seconds": times.spreads()},
        )
    ]


if __name__ == "__main__":
    record("startup", rows)
