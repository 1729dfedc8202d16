"""scikit-learn's digits: the split is complete, disjoint and stratified."""

from __future__ import annotations

import numpy as np
import torch
from data_sets import as_rows, training_batches
from sklearn.datasets import load_digits

from gancross.data import catalogue, digits


def test_both_sides_together_are_the_set_each_image_once() -> None:
    train, test = digits.images()
    library = np.rint(load_digits().images * 255 / 16).astype(np.uint8)
    assert (len(train), len(test)) == (1201, 596)
    assert sorted(as_rows(train) + as_rows(test)) == sorted(image.tobytes() for image in library)
    assert not set(as_rows(train)) & set(as_rows(test))


def test_a_third_of_every_class_is_held_out() -> None:
    pixels, labels = load_digits(return_X_y=True)
    of_image = {
        np.rint(image * 255 / 16).astype(np.uint8).tobytes(): label
        for image, label in zip(pixels, labels, strict=True)
    }
    _, test = digits.images()
    held_out = np.bincount([of_image[row] for row in as_rows(test)], minlength=10)
    np.testing.assert_array_equal(held_out, np.bincount(labels) // 3)


def test_the_data_set_has_the_documented_form() -> None:
    data = catalogue.load("digits")
    (batch,) = training_batches(data, 1, batch_size=64)
    assert data.shape == (1, 8, 8)
    assert batch.dtype == torch.uint8
    assert (int(batch.min()), int(batch.max())) == (0, 255)
    assert len(data.held_out(5)) == 596
