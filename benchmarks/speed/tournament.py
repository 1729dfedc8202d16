"""What a tournament of eight costs beside its forward passes, and its peak memory beside that of two.

Networks and reals are those of `speed.crosstest`, with 2,000 samples each.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from speed.crosstest import WARMUP, bare, contestants, product, random_images
from speed.timing import Row, Spread, interleaved, record

N = 2_000
MANY, FEW = 8, 2
ROUNDS = 5
PROCESSES = 3  # of each size, for the memory


def peak_of(size: int) -> float:
    """MiB of a process of its own that runs one tournament."""
    command = [sys.executable, "-m", "speed.tournament", str(size)]
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
    variants = {"tournament": product(models, reals, N), "bare loop": bare(models, reals, N)}
    times = interleaved(variants, rounds=ROUNDS, threads=1, warmup=WARMUP)
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
            parts={"MiB": {"8": [many for many, _ in peaks], "2": [few for _, few in peaks]}},
        ),
    ]  # fmt: skip


if __name__ == "__main__":
    if len(sys.argv) > 1:
        tournament(int(sys.argv[1]))
    else:
        record("tournament", rows)
