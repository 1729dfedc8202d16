"""What training referees will cost, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gancross.evaluator.referees.cost import TrainingEstimate


def estimate_text(estimate: TrainingEstimate) -> str:
    """`12 referees to train (4 in the cache): about 2.1 h of processor time, 32 min with 4 at a time`."""
    n, workers = estimate.num_trained, estimate.workers
    cached = f" ({estimate.num_cached} in the cache)" if estimate.num_cached else ""
    together = f", {duration(estimate.seconds)} with {workers} at a time" if workers > 1 else ""
    return (
        f"{n} referee{'' if n == 1 else 's'} to train{cached}: about"
        f" {duration(estimate.processor_seconds)} of processor time{together}"
    )


def duration(seconds: float) -> str:
    """In seconds or minutes below 100 of them, else in hours."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
