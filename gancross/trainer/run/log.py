"""The log and the pictures of a run."""

from __future__ import annotations

import math
from typing import Any

import torch

from gancross.data.sets import to_network
from gancross.errors import DivergenceError
from gancross.pictures import picture
from gancross.trainer.monitors import MIXTURE, collapsed, mixture_figures, spread
from gancross.trainer.run.folder import RunFolder
from gancross.trainer.state import DATA_RANGE, Run, generated_samples
from gancross.trainer.update import StepMetrics

MONITORED = 500  # generated samples per line of the log
TINY = 1e-12
PICTURE_IMAGES = 64
MOST_COLUMNS = 16
PICTURE_POINTS = 5120  # ten batches of 512, as in the paper's pictures of the mixture


def write_log(
    run: Run, folder: RunFolder, step: int, metrics: StepMetrics, *, samples_per_second: float | None
) -> dict[str, float]:
    """Averages a step's metrics over all processes and checks them; rank 0 adds monitors and writes the line.

    Args:
        samples_per_second: None where the clock has not moved since the last rate.

    Raises:
        DivergenceError: a metric is not finite.
    """
    means = torch.stack([value.double() for value in metrics.values()])
    run.processes.average([means])
    figures = dict(zip(metrics, means.tolist(), strict=True))
    for name, value in figures.items():
        if not math.isfinite(value):
            raise DivergenceError(
                f"{folder.root}: diverged: {name} is {value} at step {step}; the last good checkpoint"
                " is kept. Try a lower learning_rate or a larger gamma"
            )
    if not run.processes.is_rank_zero:
        return figures
    samples = generated_samples(run, "monitor", MONITORED)
    figures["spread"] = float(spread(to_network(samples, DATA_RANGE))) / max(figures.pop("spread_real"), TINY)
    if run.data.name == MIXTURE:
        figures |= mixture_figures(samples)
    figures["collapsed"] = float(collapsed(figures))
    record: dict[str, Any] = {"step": step, "gamma": run.recipe.gamma_at(step), **figures}
    if run.recipe.schedule != "constant":
        record |= {"learning_rate": run.recipe.learning_rate_at(step, "generator")}
    rate = None if samples_per_second is None else round(samples_per_second, 1)
    folder.append_log(record | {"samples_per_second": rate})
    return figures


def save_sample_picture(run: Run, folder: RunFolder, step: int) -> None:
    """Saves a picture of samples at fixed latents; none for data that cannot be drawn.

    Images of a conditional generator have one class in each column, up to 16 of them.
    """
    vectors, columns, labels = len(run.data.shape) == 1, None, None
    count = PICTURE_POINTS if vectors else PICTURE_IMAGES
    if run.class_probabilities is not None and not vectors:
        columns = min(len(run.class_probabilities), MOST_COLUMNS)
        count = PICTURE_IMAGES // columns * columns
        labels = torch.arange(count) % columns
    samples = generated_samples(run, "pictures", count, labels=labels)
    png = picture(samples, title=f"step {step:,}", columns=columns)
    if png is not None:
        folder.save_picture(step, png)
