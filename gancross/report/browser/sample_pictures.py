"""Sample grids, drawn: the first samples of every generator, and evenly spaced ones of the test data.

`gancross.report.browser.samples` writes them beside a record and reads them without torch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from gancross.checkpoint.contestant import Contestant
from gancross.data.sets import DataSet
from gancross.evaluator.judging.scoring import canonical_samples
from gancross.evaluator.protocol import chunk_length
from gancross.pictures import MIXTURE_CUBE, image_grid, scatter
from gancross.report.browser.samples import WIDEST, Sample, sample
from gancross.report.formatting import REAL

MOST_COLUMNS = 8
POINTS = 500  # of a scatter: the whole first chunk


def sample_pictures(
    contestants: Sequence[Contestant],
    reals: DataSet,
    *,
    num_samples: int,
    seed: int,
    device: torch.device,
    chunk: int | None = None,
) -> list[Sample]:
    """The test data's picture, then every contestant's; none of vectors that are not 3-dimensional.

    Args:
        reals: the data of the cross-test.
        num_samples, seed, chunk: of the cross-test; at most its first 64 images or 500 points are shown.
    """
    if len(reals.shape) == 1 and reals.shape[0] != 3:
        return []
    count = min(_columns(reals.shape) ** 2 if len(reals.shape) == 3 else POINTS, num_samples)
    test = evenly_spaced(reals.held_out(num_samples), count)
    limits = MIXTURE_CUBE if reals.name == "mixture" else None
    if limits is None and test.ndim == 2:
        spread = float(test.max() - test.min()) / 10 or 1.0
        limits = float(test.min()) - spread, float(test.max()) + spread
    pictures = [_grid(REAL, test, limits)]
    drawn = judged_samples(contestants, reals, count, seed=seed, device=device, chunk=chunk)
    pictures += [_grid(name, samples, limits) for name, samples in drawn]
    return pictures


def judged_samples(
    contestants: Sequence[Contestant], reals: DataSet, count: int, *, seed: int, device: torch.device,
    chunk: int | None,
) -> Iterator[tuple[str, torch.Tensor]]:  # fmt: skip
    """Every contestant's name and the first `count` samples of those that a cross-test judges."""
    length = chunk_length(reals.shape, chunk)
    for contestant in contestants:
        yield (
            contestant.name,
            canonical_samples(
                contestant, num_samples=count, seed=seed, purpose="crosstest", device=device, chunk=length
            ),
        )


def _columns(shape: tuple[int, ...]) -> int:
    return max(2, min(MOST_COLUMNS, WIDEST // (max(shape[1:]) + 2)))


def evenly_spaced(samples: torch.Tensor, count: int) -> torch.Tensor:
    """At most so many. Files often come sorted by class; the first ones would all be alike."""
    return samples[torch.linspace(0, len(samples) - 1, min(count, len(samples))).round().long()]


def _grid(label: str, samples: torch.Tensor, limits: tuple[float, float] | None) -> Sample:
    return sample(label, image_grid(samples) if samples.ndim == 4 else scatter(samples, limits=limits))
