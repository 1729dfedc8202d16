"""What a tournament of eight costs beside its forward passes, and its peak memory beside that of two.

Networks and reals are those of `speed.crosstest`, with 2,000 samples each.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from gancross.evaluator.protocol import CHUNK
from speed.crosstest import bare, contestants, product, random_images
from speed.timing import Row, Spread, interleaved, record

N = 2_000
MANY, FEW = 8, 2
CHILD = "one"  # a process that runs one tournament and prints its peak
ROUNDS = 3
PROCESSES = 2  # of each size, for the memory


def peak_of(size: int) -> float:
    """MiB of a process of its own that runs one tournament."""
    command = [sys.executable, "-m", "speed.tournament", CHILD, str(size)]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout) / 1024


def tournament(size: int) -> None:
    """Runs one and prints this process's highest resident memory in KiB, as Linux keeps it."""
    product(contestants(size), random_images(N), N)()
    status = Path("/proc/self/status").read_text(encoding="ascii")
    print(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))


def rows() -> list[Row]:
    """Time at one thread, then memory."""
    peaks = [(peak_of(MANY), peak_of(FEW)) for _ in range(PROCESSES)]
    models, reals = contestants(MANY), random_images(N)
    product(models[:FEW], reals[:CHUNK], CHUNK)()  # imports are not its cost
    variants = {"tournament": product(models, reals, N), "bare loop": bare(models, reals, N)}
    times = interleaved(variants, rounds=ROUNDS, threads=1, warmup=0, share=0.6)
    return [
        times.row(
            "tournament of 8, n = 2,000 / bare loop of 8 samplings and 72 scorings",
            "tournament", "bare loop", predicted=1.0, goal=1.15,
        ),
        Row(
            work="peak memory of the tournament of 8 / of 2, a process each",
            measured=Spread.of([many / few for many, few in peaks]),
            threads=1,
            goal=1.25,
            resource="memory",
            parts={"MiB": {"8": [many for many, _ in peaks], "2": [few for _, few in peaks]}},
        ),
    ]  # fmt: skip


if __name__ == "__main__":
    if sys.argv[1:2] == [CHILD]:
        tournament(int(sys.argv[2]))
    else:
        record("tournament", rows)
