"""The submanifold mixture against the authors' numbers and its own definition."""

from __future__ import annotations

import numpy as np
import torch
from data_sets import training_batches

from gancross.data import catalogue, mixture
from gancross.random_streams import Stream

# Roth et al.'s own program, float32: the component means in the order of the angles 2πk/7.
AUTHORS_MEANS = [
    [0.43090367317199707, 1.430903673171997, 0.07735028862953186],
    [1.1533772945404053, 0.9950355291366577, -0.12531030178070068],
    [1.4420907497406006, 0.24464187026023865, 0.20114678144454956],
    [1.079637050628662, -0.255215585231781, 0.8108928203582764],
    [0.33895114064216614, -0.12813395261764526, 1.2447764873504639],
    [-0.22221535444259644, 0.5301916599273682, 1.1760746240615845],
    [-0.18129265308380127, 1.2240287065505981, 0.6565210819244385],
]


def test_the_seven_means_are_the_authors() -> None:
    np.testing.assert_allclose(mixture.means(), AUTHORS_MEANS, atol=1e-6, rtol=0)


def test_samples_lie_around_the_means_in_equal_shares_and_in_the_plane() -> None:
    n = 70_000
    samples = mixture.samples(Stream(0, "test"), 0, n).double().numpy()
    distances = np.linalg.norm(samples[:, None] - mixture.means(), axis=2)
    nearest = distances.argmin(1)
    shares = np.bincount(nearest, minlength=7) / n
    assert np.abs(shares - 1 / 7).max() < 5 * np.sqrt(6 / 49 / n)
    # In the plane the squared distance to the mean is 2·std²·Exp(1).
    assert abs((distances.min(1) ** 2).mean() / (2 * mixture.STD**2) - 1) < 5 / np.sqrt(n)
    off_plane = (samples - mixture.CENTRE) @ mixture.PLANE_NORMAL
    assert np.abs(off_plane).max() < 1e-6


def test_sample_i_is_a_function_of_i() -> None:
    stream = Stream(4, "test")
    whole = mixture.samples(stream, 0, 100)
    assert torch.equal(mixture.samples(stream, 37, 20), whole[37:57])


def test_held_out_samples_are_not_the_training_ones() -> None:
    data = catalogue.load("mixture", test_seed=0)
    train = torch.cat(training_batches(data, 4, batch_size=512))
    held_out = data.held_out(2048)
    assert held_out.shape == train.shape == (2048, 3)
    assert not set(map(tuple, train.tolist())) & set(map(tuple, held_out.tolist()))
    assert not torch.equal(held_out, catalogue.load("mixture", test_seed=1).held_out(2048))


def test_training_resumes_at_any_batch_and_never_repeats() -> None:
    data = catalogue.load("mixture")
    whole = training_batches(data, 6, seed=3, batch_size=32)
    assert torch.equal(training_batches(data, 1, seed=3, batch_size=32, start=5)[0], whole[5])
    assert len(set(map(tuple, torch.cat(whole).tolist()))) == 6 * 32
