"""What a run tells of itself: lines of the log, pictures."""

from __future__ import annotations

import math
from typing import Any

import torch

from gancross.data.sets import to_network
from gancross.errors import DivergenceError
from gancross.pictures import picture
from gancross.trainer.monitors import collapsed, mixture_figures, spread
from gancross.trainer.state import DATA_RANGE, Run, generated
from gancross.trainer.step import Measured

MONITORED = 500  # samples of the generator that are looked at when a line is logged
TINY = 1e-12
PICTURE_IMAGES = 64
PICTURE_POINTS = 5120  # ten batches of 512, as the paper's pictures of the mixture hold


def log(run: Run, step: int, measured: Measured, *, samples_per_second: float) -> dict[str, float]:
    """Brings the figures of a step to the host, means over all processes, and checks them.

    The first process adds what it sees in samples, and writes them.
    """
    means = torch.stack([value.double() for value in measured.values()])
    run.processes.average([means])
    figures = dict(zip(measured, means.tolist(), strict=True))
    for name, value in figures.items():
        if not math.isfinite(value):
            raise DivergenceError(
                f"{run.folder.root}: diverged: {name} is {value} at step {step}; the last good checkpoint"
                " is kept. Try a lower learning_rate or a larger gamma"
            )
    if not run.processes.is_rank_zero:
        return figures
    made = generated(run, "monitor", MONITORED)
    figures["spread"] = float(spread(to_network(made, DATA_RANGE))) / max(figures.pop("spread_real"), TINY)
    if run.data.name == "mixture":
        figures |= mixture_figures(made)
    figures["collapsed"] = float(collapsed(figures))
    record: dict[str, Any] = {"step": step, "gamma": run.recipe.gamma_at(step), **figures}
    run.folder.append_log(record | {"samples_per_second": round(samples_per_second, 1)})
    return figures


def draw(run: Run, step: int) -> None:
    """A picture of samples at fixed latents, for people who watch the run."""
    count = PICTURE_POINTS if len(run.data.shape) == 1 else PICTURE_IMAGES
    drawn = picture(generated(run, "pictures", count), title=f"step {step:,}")
    if drawn is not None:
        run.folder.save_picture(step, drawn)
