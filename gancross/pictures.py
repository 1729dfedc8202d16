"""Samples as PNG pictures: grids of images, scatters of points."""

from __future__ import annotations

import io
import math

import numpy as np
import torch
from PIL import Image
from torchvision.utils import make_grid

GAP = 2
SMALLEST_SIDE = 32  # pixels; smaller images are enlarged by a whole factor so that a person can see them


def image_grid(images_NCHW: torch.Tensor, *, columns: int | None = None) -> bytes:
    """uint8 images side by side, row by row, as PNG.

    Args:
        columns: images per row; by default a square grid.
    """
    columns = columns or math.ceil(math.sqrt(len(images_NCHW)))
    factor = max(1, SMALLEST_SIDE // images_NCHW.shape[-1])
    enlarged = images_NCHW.repeat_interleave(factor, 2).repeat_interleave(factor, 3)
    grid_CHW = make_grid(enlarged.cpu(), nrow=columns, padding=GAP, pad_value=255)
    buffer = io.BytesIO()
    Image.fromarray(grid_CHW.permute(1, 2, 0).numpy()).save(buffer, format="png")
    return buffer.getvalue()


def scatter(points_N3: torch.Tensor, *, title: str = "") -> bytes:
    """Points in 3-D as PNG, coloured by a Gaussian KDE with Scott's rule as in the paper's Figs. 1, 5, 6.

    Points that coincide in some direction have no density estimate and are drawn in one colour.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from scipy.stats import gaussian_kde

    points = points_N3.double().cpu().numpy()
    try:
        density = gaussian_kde(points.T, bw_method="scott")(points.T)
    except (np.linalg.LinAlgError, ValueError):
        density = np.zeros(len(points))
    order = density.argsort()
    figure = Figure(figsize=(5, 5))
    FigureCanvasAgg(figure)
    axes = figure.add_subplot(projection="3d")
    axes.scatter(*points[order].T, c=density[order], s=4, cmap="viridis", depthshade=False)
    axes.set(xlim=(-1, 2), ylim=(-1, 2), zlim=(-1, 2), title=title)
    axes.set_box_aspect((1, 1, 1))
    axes.view_init(elev=25, azim=45)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100)
    return buffer.getvalue()


def picture(samples: torch.Tensor, *, title: str = "") -> bytes | None:
    """The fitting picture of canonical samples; None for vectors that are not 3-dimensional."""
    if samples.dtype == torch.uint8:
        return image_grid(samples)
    return scatter(samples, title=title) if samples.shape[1] == 3 else None
