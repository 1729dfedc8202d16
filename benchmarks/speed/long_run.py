"""Step time and memory of a run around step 1,000 and around step 20,000."""

from __future__ import annotations

import resource
import tempfile
import time
from pathlib import Path

import torch

from gancross.trainer.loop import train
from gancross.trainer.recipes.named_recipes import recipe
from speed.timing import Row, Spread, pinned, record

EARLY, LATE, AROUND = 1_000, 20_000, 500  # a window of 2·AROUND steps


def rows() -> list[Row]:
    """One run of a small mixture recipe, with so little work that a leak or a slower loop is visible."""
    chosen = recipe("mixture").with_changes({"width": 32, "batch_size": 64, "steps": LATE + AROUND})
    seconds: dict[int, list[float]] = {EARLY: [], LATE: []}
    memory: dict[int, float] = {}
    before = [time.process_time()]

    def progress(step: int, steps: int, figures: object) -> None:
        now = time.process_time()
        for center, spent in seconds.items():
            if center - AROUND < step <= center + AROUND:
                spent.append(now - before[0])
            if step == center:
                memory[center] = resident()
        before[0] = time.process_time()

    with pinned(1), tempfile.TemporaryDirectory() as folder:
        # The first checkpoint and picture, whose libraries stay in memory, come before the first look.
        train(chosen, Path(folder) / "run", device="cpu", progress=progress, checkpoint_every=EARLY // 2)
    early, late = (Spread.of(seconds[center]) for center in (EARLY, LATE))
    ratio = Spread(
        median=late.median / early.median, low=late.low / early.median, high=late.high / early.median,
        rounds=late.rounds,
    )  # fmt: skip
    grown = memory[LATE] / memory[EARLY]
    return [
        Row(work=f"step time around step {LATE:,} / around step {EARLY:,} (processor time)", measured=ratio,
            threads=1, predicted=1.0, goal=1.05, parts={"early": vars(early), "late": vars(late)}),
        Row(work=f"memory at step {LATE:,} / at step {EARLY:,}", measured=Spread.of([grown]), threads=1,
            predicted=1.0, goal=1.05, resource="memory", parts={"bytes": memory}),
    ]  # fmt: skip


def resident() -> float:
    """Resident memory in bytes; not on Linux: its peak."""
    pages = Path("/proc/self/statm")
    if pages.exists():
        return int(pages.read_text(encoding="utf-8").split()[1]) * resource.getpagesize()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    torch.set_num_threads(1)
    record("long-run", rows)
