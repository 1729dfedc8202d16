"""Pictures: every pixel of a grid in its place, colours that are scipy's densities, odd samples."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
import torch
from left_objects import left_objects
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image
from scipy.stats import gaussian_kde

from gancross import pictures
from gancross.data import mixture
from gancross.errors import UsageError
from gancross.random_streams import Stream


def decoded(png: bytes) -> NDArray[np.uint8]:
    image = Image.open(io.BytesIO(png))
    image.verify()
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def points(n: int, thickness: float = 0.1) -> torch.Tensor:
    flat = mixture.samples(Stream(0, "pictures"), 0, n, std=0.1)
    return flat + thickness * torch.from_numpy(Stream(1, "thickness").normals(0, n, 3)).float()


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("n", "columns", "shape"), [(5, 3, (2, 3)), (5, None, (2, 3)), (1, None, (1, 1))])
def test_every_image_lies_in_its_cell(channels: int, n: int, columns: int, shape: tuple[int, int]) -> None:
    images = torch.randint(0, 256, (n, channels, 33, 40), dtype=torch.uint8)
    grid = decoded(pictures.image_grid(images, columns=columns))
    rows, across = shape
    assert grid.shape == (rows * 35 + 2, across * 42 + 2, 3)
    rest = np.ones(grid.shape[:2], bool)
    for number in range(n):
        top, left = number // across * 35 + 2, number % across * 42 + 2
        expected = np.broadcast_to(images[number].permute(1, 2, 0).numpy(), (33, 40, 3))
        assert (grid[top : top + 33, left : left + 40] == expected).all()
        rest[top : top + 33, left : left + 40] = False
    assert (grid[rest] == 255).all()


def test_small_images_are_enlarged_by_a_whole_factor() -> None:
    images = torch.arange(64, dtype=torch.uint8).reshape(1, 1, 8, 8)
    grid = decoded(pictures.image_grid(images))
    assert grid.shape == (36, 36, 3)
    assert (grid[2:-2, 2:-2, 0] == np.kron(images[0, 0].numpy(), np.ones((4, 4)))).all()
    assert decoded(pictures.image_grid(torch.zeros(1, 3, 2, 64, dtype=torch.uint8))).shape == (6, 68, 3)


def test_more_columns_than_images_leave_no_empty_columns() -> None:
    assert (
        decoded(pictures.image_grid(torch.zeros(2, 1, 32, 32, dtype=torch.uint8), columns=9)).shape[1] == 70
    )


@pytest.mark.parametrize("shape", [(0, 3, 8, 8), (4, 2, 8, 8), (4, 4, 8, 8)])
def test_no_grid_of_no_images_or_of_other_channels(shape: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match="grey or RGB"):
        pictures.image_grid(torch.zeros(shape, dtype=torch.uint8))


@pytest.mark.parametrize("thickness", [0.1, 1e-4])
def test_densities_are_those_of_scipy(thickness: float) -> None:
    sample = points(400, thickness).double().numpy()
    expected = gaussian_kde(sample.T, bw_method="scott")(sample.T)
    np.testing.assert_allclose(pictures.kernel_density(sample), expected, rtol=1e-4)


def test_points_in_a_plane_have_the_density_within_the_plane() -> None:
    """The target itself is flat but for rounding: scipy would divide by the size of rounding errors."""
    plane = Stream(2, "plane").normals(0, 300, 2)
    turned = (np.pad(plane, ((0, 0), (0, 1))) @ mixture.ROTATION + 0.6).astype(np.float32).astype(np.float64)
    expected = gaussian_kde(plane.T, bw_method="scott")(plane.T)
    np.testing.assert_allclose(pictures.kernel_density(turned), expected, rtol=1e-4)


def test_kernels_stand_on_the_first_5120_points_only() -> None:
    sample = points(5400).double().numpy()
    chosen = np.r_[0:50, 5350:5400]
    expected = gaussian_kde(sample[:5120].T, bw_method="scott")(sample[chosen].T)
    np.testing.assert_allclose(pictures.kernel_density(sample)[chosen], expected, rtol=1e-3)


ODD: dict[str, torch.Tensor] = {
    "identical": torch.full((50, 3), 0.5),
    "collinear": torch.linspace(0, 1, 50)[:, None] * torch.tensor([1.0, 0.5, 0.3]),
    "one": torch.zeros(1, 3),
    "two": torch.tensor([[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]]),
    "infinite": torch.tensor([[0.0, float("nan"), 0.0], [float("inf"), 0.0, 0.0], [0.1, 0.2, 0.3]]),
    "all outside": torch.full((9, 3), 1e6),
}


@pytest.mark.parametrize("kind", ODD)
def test_odd_points_make_a_picture(kind: str) -> None:
    assert decoded(pictures.scatter(ODD[kind], title="$ is no mathematics")).shape == (520, 520, 3)
    finite = ODD[kind][ODD[kind].isfinite().all(dim=1)].double().numpy()
    density = pictures.kernel_density(finite)
    assert density.shape == (len(finite),) and np.isfinite(density).all()


def axes_with_points(sample: torch.Tensor, limits: tuple[float, float] | None) -> Any:
    figure = Figure()
    FigureCanvasAgg(figure)
    axes = figure.add_subplot(projection="3d")
    pictures.draw_points(axes, sample, limits=limits, size=1, zoom=1)
    return axes


def test_every_point_is_drawn_in_the_colour_of_its_density() -> None:
    sample = points(200)
    axes = axes_with_points(sample, None)
    places = np.concatenate([np.stack(part._offsets3d, axis=1) for part in axes.collections])
    colours = np.concatenate([part.get_array() for part in axes.collections])
    assert (np.diff(colours) >= 0).all(), "the densest are drawn last"
    expected = gaussian_kde(sample.double().numpy().T)(places.T)
    np.testing.assert_allclose(colours, expected, rtol=1e-3)
    assert {part.get_clim() for part in axes.collections} == {(0.0, colours.max())}


def test_points_outside_the_cube_are_counted() -> None:
    sample = torch.cat([points(30, 0.0), torch.full((3, 3), 9.0)])
    axes = axes_with_points(sample, pictures.MIXTURE_CUBE)
    assert [text.get_text() for text in axes.texts] == ["3 outside"]
    assert sum(len(part.get_array()) for part in axes.collections) == 30
    assert axes.get_xlim() == axes.get_ylim() == axes.get_zlim() == pictures.MIXTURE_CUBE


def test_the_cube_of_the_mixture_holds_the_target_of_fig_5() -> None:
    target = mixture.samples(Stream(0, "target"), 0, 5120, std=0.1)
    low, high = pictures.MIXTURE_CUBE
    assert float(((target >= low) & (target <= high)).all(dim=1).float().mean()) > 0.999


def test_only_3_d_vectors_have_a_picture() -> None:
    assert pictures.picture(torch.zeros(5, 2)) is None
    assert pictures.picture(torch.zeros(4, 1, 8, 8, dtype=torch.uint8)) is not None


def test_pictures_leave_no_objects() -> None:
    drawn = points(50)
    assert left_objects(lambda: pictures.scatter(drawn)) < 200
