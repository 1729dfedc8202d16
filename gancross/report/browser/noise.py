"""What the levels of noise look like: a few samples under the noise of the referees' ladder, as pictures.

Shape suffixes: N samples, D numbers of a sample.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence

import torch

from gancross.checkpoint.contestant import Contestant
from gancross.data.sets import DataSet
from gancross.machine.garbage import cycles_collected
from gancross.pictures import draw_points, image_grid
from gancross.random_streams import Stream
from gancross.report.browser.sample_pictures import POINTS, evenly_spaced, judged_samples
from gancross.report.browser.samples import Sample, sample, shown_sigmas
from gancross.report.formatting import REAL, noise_level
from gancross.report.text.referee_texts import GREY_LEVELS

ROWS = 3  # images
LARGE = 96  # pixels of a side, from which one image is enough


def noise_pictures(
    contestants: Sequence[Contestant], reals: DataSet, sigmas: Sequence[float], *, num_samples: int,
    seed: int, device: torch.device, chunk: int | None = None,
) -> list[Sample]:  # fmt: skip
    """Samples under the noise of `shown_sigmas`, a column each: of the test data, then of every contestant.

    The noise is the same in every column and for everybody, but for σ. Of vectors there is one picture, of
    the test data; none of those that are not 3-dimensional.

    Args:
        sigmas: of the ladder, rising; images are x + σε with x in [−1, 1], clipped; vectors x + σε with x
            standardised by the test data.
        num_samples, seed, chunk: of the cross-test.
    """
    levels = shown_sigmas(sigmas, reals.shape)
    if not levels:
        return []
    test = reals.held_out(num_samples)
    if len(reals.shape) == 1:
        points = evenly_spaced(test, min(POINTS, num_samples))
        return [sample(REAL, _scatters(points, levels, std=test.std(0), seed=seed), "noise")]
    count = min(1 if max(reals.shape[1:]) >= LARGE else ROWS, num_samples)
    pictures = [_strip(REAL, evenly_spaced(test, count), levels, seed=seed)]
    drawn = judged_samples(contestants, reals, count, seed=seed, device=device, chunk=chunk)
    pictures += [_strip(name, samples, levels, seed=seed) for name, samples in drawn]
    return pictures


def noisy_images(images: torch.Tensor, sigma: float, *, seed: int) -> torch.Tensor:
    """uint8 images (N, C, H, W) as uint8 images of x + σε, x in [−1, 1], clipped."""
    noise = _noise(images, seed=seed)
    return (images + GREY_LEVELS * sigma * noise).round().clamp(0, 255).to(torch.uint8)


def _noise(samples: torch.Tensor, *, seed: int) -> torch.Tensor:
    """ε, float64 and the same for equal shapes."""
    width = math.prod(samples.shape[1:])
    noise_ND = Stream(seed, "referee", "pictures").normals(0, len(samples), width)
    return torch.from_numpy(noise_ND).reshape(samples.shape)


def _strip(label: str, images: torch.Tensor, sigmas: Sequence[float], *, seed: int) -> Sample:
    columns = torch.stack([noisy_images(images, sigma, seed=seed) for sigma in sigmas], dim=1)
    return sample(label, image_grid(columns.flatten(0, 1), columns=len(sigmas)), "noise")


@cycles_collected()
def _scatters(points: torch.Tensor, sigmas: Sequence[float], *, std: torch.Tensor, seed: int) -> bytes:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(2.6 * len(sigmas), 2.7), dpi=100)
    noise = _noise(points, seed=seed)
    for number, sigma in enumerate(sigmas):
        left = number / len(sigmas)
        axes = figure.add_axes((left, 0.0, 1 / len(sigmas), 0.92), projection="3d")
        draw_points(axes, points + sigma * std * noise, limits=None, size=3, zoom=0.9)
        axes.tick_params(labelsize=5, pad=-3)
        axes.set_title(f"σ = {noise_level(sigma)}", fontsize=9)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()
