"""The Fréchet distance against torch-fidelity's function, on the same statistics of 2048 dimensions.

Features are random with a covariance that falls off as Inception's does; the real half, its factor, is known
as it is from the cache.
"""

from __future__ import annotations

import numpy as np
from torch_fidelity.metric_fid import fid_statistics_to_metric

from gancross.evaluator.fidelity.frechet import Moments, Statistics, covariance_factor, frechet_distance
from speed.timing import Row, interleaved, record

DIMENSION = 2048
N = 10_000
CHUNK = 500
ROUNDS = 3
AGREE = 1e-6  # relative


def statistics(seed: int) -> Statistics:
    """Of N features x = |z|·k^(−½) mixed by a random matrix, k the number of the dimension."""
    generator = np.random.default_rng(seed)
    decay = np.arange(1, DIMENSION + 1) ** -0.5
    mixing = np.random.default_rng(0).normal(size=(DIMENSION, DIMENSION)) / DIMENSION**0.5
    moments = Moments(DIMENSION)
    for _ in range(N // CHUNK):
        features = np.abs(generator.normal(0.1 * seed, 1, size=(CHUNK, DIMENSION))) * decay @ mixing
        moments.add(features.astype(np.float32))
    return moments.statistics()


def rows() -> list[Row]:
    """At one thread; the two figures agree."""
    fake, real = statistics(1), statistics(2)
    factor = covariance_factor(real.covariance)
    sides = [{"mu": side.mean, "sigma": side.covariance} for side in (fake, real)]
    distances: dict[str, float] = {}

    def ours() -> None:
        distances["ours"] = frechet_distance(fake=fake, real=real, real_factor=factor)

    def reference() -> None:
        figures = fid_statistics_to_metric(*sides, verbose=False)
        distances["torch-fidelity"] = float(figures["frechet_inception_distance"])

    variants = {"ours": ours, "torch-fidelity": reference}
    times = interleaved(variants, rounds=ROUNDS, threads=1, warmup=0, share=0.8)
    np.testing.assert_allclose(distances["ours"], distances["torch-fidelity"], rtol=AGREE)
    work = "Fréchet distance at 2048 dimensions, real half cached / torch-fidelity's function"
    return [times.row(work, "ours", "torch-fidelity", goal=0.25, figures=distances)]


if __name__ == "__main__":
    record("frechet", rows)
