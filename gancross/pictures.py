"""Samples as PNG pictures: grids of images, scatters of points.

Shape suffixes: N samples, C channels, H height, W width, D dimensions, K kernels.
"""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gancross.errors import UsageError
from gancross.machine.garbage import cycles_collected

if TYPE_CHECKING:
    import torch

GAP = 2
WHITE = 255
SMALLEST_SIDE = 32  # pixels; smaller images are enlarged by a whole factor

MIXTURE_CUBE = (-0.7, 1.85)  # of all three axes; the mixture lies about (1, 1, 1)/√3 with radius 1
COLOURS = "viridis"
VIEW = {"elev": 22.0, "azim": 12.0}  # shows the ring of modes open and tilted
MAX_KERNELS = 5120  # the number of points in a picture of the paper; more points are drawn without kernels
BLOCK = 1024
BANDS = 12  # of density, plotted from sparse to dense
FLOAT32_RESOLUTION = 1e-6  # of the largest coordinate: ten units in the last place


def image_grid(images_NCHW: torch.Tensor, *, columns: int | None = None) -> bytes:
    """`grid_pixels` as PNG."""
    buffer = io.BytesIO()
    Image.fromarray(grid_pixels(images_NCHW, columns=columns)).save(buffer, format="png")
    return buffer.getvalue()


def grid_pixels(images_NCHW: torch.Tensor, *, columns: int | None = None) -> NDArray[np.uint8]:
    """uint8 images side by side, row by row: RGB, uint8 of shape (rows, columns, 3), white between them.

    Args:
        columns: images per row; by default a square grid.

    Raises:
        UsageError: the images are neither grey nor RGB, or there are none.
    """
    n, channels = images_NCHW.shape[:2]
    if channels not in (1, 3) or n == 0:
        raise UsageError(f"a grid needs one or more grey or RGB images, got shape {tuple(images_NCHW.shape)}")
    columns = min(columns or math.ceil(math.sqrt(n)), n)
    factor = max(1, SMALLEST_SIDE // max(images_NCHW.shape[2:]))
    images = images_NCHW.cpu().permute(0, 2, 3, 1).numpy().repeat(factor, 1).repeat(factor, 2)
    height, width = images.shape[1] + GAP, images.shape[2] + GAP
    grid = np.full((math.ceil(n / columns) * height + GAP, columns * width + GAP, 3), WHITE, np.uint8)
    for number, image in enumerate(images):
        row, column = divmod(number, columns)
        top, left = row * height + GAP, column * width + GAP
        grid[top : top + image.shape[0], left : left + image.shape[1]] = image
    return grid


def kernel_density(points_ND: NDArray[np.float64]) -> NDArray[np.float64]:
    """A Gaussian KDE with Scott's rule, evaluated at its own points.

    p(x) = 1/K Σ_k N(x; x_k, h²C), h = K^(−1/(D+4)), C the covariance of the K points x_k (divides by K−1).

    Directions in which the points are thinner than the resolution of float32 have no density; the estimate
    is then that in the D' < D remaining ones. Kernels stand on the first 5,120 points. Squared distances
    come from one float32 matrix product per block, so 5,120 points take a tenth of a second; the relative
    error of densities is about 1e-5, at far outliers 1e-3.

    Args:
        points_ND: finite.

    Returns:
        Density per unit of the remaining volume, (N,); zeros where no direction remains.

    Source: Scott 1992; the colours of the paper's Figs. 1, 5 and 6.
    """
    import torch

    kernels_KD = points_ND[:MAX_KERNELS]
    count = len(kernels_KD)
    if count < 2:
        return np.zeros(len(points_ND))
    variances, directions = np.linalg.eigh(np.cov(kernels_KD.T).reshape((points_ND.shape[1],) * 2))
    resolved = np.sqrt(np.maximum(variances, 0.0)) > FLOAT32_RESOLUTION * np.abs(points_ND).max()
    dim = int(resolved.sum())
    if dim == 0:
        return np.zeros(len(points_ND))
    widths = count ** (-1 / (dim + 4)) * np.sqrt(variances[resolved])
    whitened = ((points_ND - kernels_KD.mean(axis=0)) @ directions[:, resolved] / widths).astype(np.float32)
    white_ND = torch.from_numpy(whitened)
    exponents_N = -0.5 * white_ND.square().sum(dim=1)
    sums = [
        torch.addmm(exponents_N[:count], block, white_ND[:count].T).add_(exponent[:, None]).exp_().sum(dim=1)
        for block, exponent in zip(torch.split(white_ND, BLOCK), torch.split(exponents_N, BLOCK), strict=True)
    ]
    volume = count * (2 * math.pi) ** (dim / 2) * widths.prod()
    density: NDArray[np.float64] = torch.cat(sums).numpy().astype(np.float64) / volume
    return density


def draw_points(
    axes: Any, points_N3: torch.Tensor, *, limits: tuple[float, float] | None, size: float, zoom: float
) -> None:
    """Plots points on matplotlib's 3-d axes, coloured by their density, in the same view in every picture.

    Points that are not finite or lie outside the cube are omitted; a text in a corner counts them.

    Args:
        limits: of all three axes; None: the cube around all points, with a margin of a twentieth.
        size: of a dot, in points squared.
        zoom: of the cube within its axes; 1 leaves space for tick labels.
    """
    points = points_N3.double().cpu().numpy()
    points = points[np.isfinite(points).all(axis=1)]
    if limits is None and len(points):
        margin = float(np.ptp(points)) / 20 or 1.0
        limits = float(points.min()) - margin, float(points.max()) + margin
    low, high = limits or (-1.0, 1.0)
    inside = ((points >= low) & (points <= high)).all(axis=1)
    density = kernel_density(points)[inside]
    # Sorted by depth alone, the sparse dots around a mode would hide its dense core.
    axes.computed_zorder = False
    bands = np.array_split(density.argsort(kind="stable"), BANDS)
    for height, band in enumerate(bands):
        axes.scatter(
            *points[inside][band].T, c=density[band], s=size, cmap=COLOURS, vmin=density.min(initial=0.0),
            vmax=density.max(initial=0.0), depthshade=False, linewidths=0, zorder=3 + height,
            rasterized=True,  # as paths, 5,120 dots a panel would make vector files of tens of megabytes
        )  # fmt: skip
    axes.set(xlim=(low, high), ylim=(low, high), zlim=(low, high))
    axes.set_box_aspect((1, 1, 1), zoom=zoom)
    axes.view_init(**VIEW)
    omitted = len(points_N3) - int(inside.sum())
    if omitted:
        axes.text2D(0.02, 0.02, f"{omitted:,} outside", transform=axes.transAxes, fontsize=9)


@cycles_collected()
def scatter(
    points_N3: torch.Tensor, *, title: str = "", limits: tuple[float, float] | None = MIXTURE_CUBE
) -> bytes:
    """`draw_points` as PNG: coloured by a Gaussian KDE with Scott's rule as in the paper's Figs. 1, 5, 6."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.2, 5.2), dpi=100)
    axes: Any = figure.add_axes((0.0, 0.03, 0.94, 0.91), projection="3d")
    draw_points(axes, points_N3, limits=limits, size=4, zoom=1.04)
    axes.tick_params(labelsize=8)
    axes.set_title(title, fontsize=12, parse_math=False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def picture(samples: torch.Tensor, *, title: str = "", columns: int | None = None) -> bytes | None:
    """A grid of images or a scatter of 3-d vectors as PNG; None for other vectors.

    Args:
        columns: as of `grid_pixels`.
    """
    import torch

    if samples.dtype == torch.uint8:
        return image_grid(samples, columns=columns)
    return scatter(samples, title=title) if samples.shape[1] == 3 else None
