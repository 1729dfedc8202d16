"""Samples under the referees' noise: x + σε, the same noise for everybody; where the pictures go."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from left_objects import left_objects
from PIL import Image
from reading_reports import Page
from report_documents import documents, image_model, images, vector_model

from gancross.data.sets import finite
from gancross.pictures import GAP
from gancross.report.browser.html import html_report
from gancross.report.browser.noise import noise_pictures, noisy_images
from gancross.report.browser.sample_pictures import sample_pictures
from gancross.report.browser.samples import read_samples, shown_sigmas, write_samples

CPU = torch.device("cpu")
SIGMAS = tuple(np.geomspace(1 / 255, 27.7, 12).tolist())


def greys(level: int, *, n: int = 200, side: int = 16) -> torch.Tensor:
    return torch.full((n, 1, side, side), level, dtype=torch.uint8)


def test_noise_has_the_standard_deviation_sigma_in_units_of_the_input() -> None:
    for sigma in (0.05, 0.2):
        noisy = noisy_images(greys(128), sigma, seed=0).double() / 127.5 - 1
        assert float(noisy.std()) == pytest.approx(sigma, rel=0.02)
        assert float(noisy.mean()) == pytest.approx(128 / 127.5 - 1, abs=0.01)
    assert (noisy_images(greys(128), 0.0, seed=0) == 128).all()


def test_what_lies_beyond_black_and_white_is_clipped() -> None:
    extreme = noisy_images(greys(255), 30.0, seed=0)
    assert {0, 255} <= set(extreme.flatten().tolist())
    assert float(((extreme == 0) | (extreme == 255)).double().mean()) > 0.95


def test_the_noise_is_the_same_at_every_level_but_for_sigma() -> None:
    image = torch.full((1, 3, 8, 8), 128, dtype=torch.uint8)
    first, second = (noisy_images(image, sigma, seed=3).double() - 128 for sigma in (0.1, 0.2))
    assert float((second - 2 * first).abs().max()) <= 1.5  # rounding
    assert not torch.equal(noisy_images(image, 0.1, seed=4), noisy_images(image, 0.1, seed=3))


@pytest.mark.parametrize(
    ("shape", "columns"),
    [
        ((3, 32, 32), 12),
        ((1, 8, 8), 12),
        ((3, 64, 64), 12),
        ((3, 128, 128), 6),
        ((3, 1024, 1024), 2),
        ((3,), 4),
    ],
)
def test_larger_images_are_shown_at_fewer_levels(shape: tuple[int, ...], columns: int) -> None:
    levels = shown_sigmas(SIGMAS, shape)
    assert len(levels) == columns and levels == sorted(levels)
    assert (levels[0], levels[-1]) == (SIGMAS[0], SIGMAS[-1])
    assert shown_sigmas(SIGMAS, (5,)) == []


def test_every_image_is_a_row_and_every_level_a_column() -> None:
    reals = finite("in memory", train=None, test=images(), split="given")
    contestants = [image_model("a", 0.3), image_model("b", -0.2)]
    pictures = noise_pictures(contestants, reals, SIGMAS, num_samples=50, seed=0, device=CPU)
    assert [picture.label for picture in pictures] == ["test data", "a", "b"]
    assert {picture.kind for picture in pictures} == {"noise"}
    grid = np.asarray(Image.open(io.BytesIO(pictures[0].content)))
    side = 32 + GAP  # 4×4 images are enlarged
    assert grid.shape == (3 * side + GAP, 12 * side + GAP, 3)
    test = reals.held_out(50)
    for row, place in enumerate((0, 30, 59)):  # evenly spaced, of 60
        first = grid[row * side + GAP : (row + 1) * side : 8, GAP:side:8, 0]
        assert np.abs(first.astype(int) - test[place, 0].numpy()).max() <= 2  # half a grey level of noise
    one = noise_pictures(contestants[:1], reals, SIGMAS, num_samples=1, seed=0, device=CPU)
    assert one[1].height == side + GAP


def test_of_vectors_the_test_data_are_scattered() -> None:
    reals = finite("in memory", train=None, test=torch.randn(60, 3), split="given")
    contestants = [vector_model("a", 3)]
    (picture,) = noise_pictures(contestants, reals, SIGMAS, num_samples=60, seed=0, device=CPU)
    assert picture.label == "test data" and picture.width > 3 * picture.height
    flat = finite("in memory", train=None, test=torch.randn(60, 5), split="given")
    assert noise_pictures([vector_model("a", 5)], flat, SIGMAS, num_samples=60, seed=0, device=CPU) == []


def test_scatters_leave_no_objects() -> None:
    reals = finite("in memory", train=None, test=torch.randn(60, 3), split="given")
    contestants = [vector_model("a", 3)]
    assert left_objects(
        lambda: noise_pictures(contestants, reals, SIGMAS[:2], num_samples=20, seed=0, device=CPU), calls=2
    ) < 200  # fmt: skip


def test_pictures_of_noise_lie_beside_the_grids_and_in_the_page(tmp_path: Path) -> None:
    result, record = documents()["refereed"], tmp_path / "result.json"
    reals = finite("in memory", train=None, test=images(), split="given")
    contestants = [image_model("plain", -0.4), image_model("regularized", 0.3, 0.1)]
    grids = sample_pictures(contestants, reals, num_samples=50, seed=0, device=CPU)
    noise = noise_pictures(contestants, reals, SIGMAS[::2], num_samples=50, seed=0, device=CPU)
    result.save(record)
    write_samples(record, [*grids, *noise])
    assert sorted(path.name for path in (tmp_path / "result-samples").iterdir()) == [
        "00-test-data.png", "01-plain.png", "02-regularized.png",
        "noise-00-test-data.png", "noise-01-plain.png", "noise-02-regularized.png",
    ]  # fmt: skip
    pictures = read_samples(record, result.names)
    assert pictures == [*grids, *noise]
    page = Page(html_report(result, pictures))
    alts = [picture["alt"] for picture in page.of("img")]
    assert sum("under rising noise" in alt for alt in alts) == 3 and len(alts) == 6
    assert "Columns from left to right: σ = 0.00392, " in page.words
    assert "No pictures of noise: none lie beside the record" in Page(html_report(result, grids)).words
    before = Page(html_report(documents()["two"], pictures))
    assert len(before.of("img")) == 3  # without referees no noise has a meaning
