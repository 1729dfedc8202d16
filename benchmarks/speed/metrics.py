"""What fidelity metrics cost beside their network's forward passes and the distance.

Inception has random weights and the images are random bytes: neither moves a time. Its row is of the
classifier's score: the Fréchet distance on 2048 features has a question of its own, `frechet`. The bare loop
passes images through the network in chunks of the same size, keeps all features and logits, and computes each
figure by its formula at once. The cache of real features is empty at every call.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from fresh_referees import empty_cache
from gpu_rows.measurements import random_inception

from gancross.data.order import content_sha256
from gancross.evaluator.fidelity.classifier_score import SPLITS
from gancross.evaluator.fidelity.extractor import DIGITS_SHAPE, Extractor, load_extractor
from gancross.evaluator.fidelity.frechet import Statistics, frechet_distance
from gancross.evaluator.fidelity.measurement import Fidelity
from gancross.evaluator.fidelity.plan import Plan, check
from gancross.evaluator.protocol import CHUNK
from speed.timing import Row, interleaved, record

IMAGE_SHAPE = (3, 32, 32)
CONTESTANT = "contestant"
CPU = torch.device("cpu")
MOST = 1.10


@dataclass(frozen=True, kw_only=True)
class Case:
    """The metrics of n samples of one shape, and n reals; rounds at least, and share of the time."""

    metrics: tuple[str, ...]
    n: int
    rounds: int
    share: float


CASES = {
    DIGITS_SHAPE: Case(metrics=("fid", "is"), n=20_000, rounds=3, share=0.2),
    IMAGE_SHAPE: Case(metrics=("is",), n=20, rounds=3, share=0.5),
}
NAMES = {"fid": "Fréchet distance", "is": "classifier score"}


def random_bytes(shape: tuple[int, ...], n: int, seed: int) -> torch.Tensor:
    """uint8 (n, C, H, W)."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (n, *shape), dtype=torch.uint8, generator=generator)


def product(
    plan: Plan, extractor: Extractor, reals: torch.Tensor, samples: torch.Tensor
) -> Callable[[], object]:
    """One contestant's metrics, from the images to the figures."""
    counts = {None: len(reals), CONTESTANT: len(samples)}
    digest = content_sha256(reals, ordered=True)

    def run() -> object:
        with empty_cache(), Fidelity(plan, extractor, counts=counts, data_sha256=digest) as fidelity:
            for label, images in ((None, reals), (CONTESTANT, samples)):
                if fidelity.wants(label):
                    for chunk in torch.split(images, CHUNK):
                        fidelity.add(label, fidelity.measured(chunk, len(chunk)))
                    fidelity.finish_source(label)
            return fidelity.finish()

    return run


def bare(
    plan: Plan, extractor: Extractor, reals: torch.Tensor, samples: torch.Tensor
) -> Callable[[], list[float]]:
    """The forward passes and the formulas of the same figures."""
    sources = [samples, reals] if "fid" in plan.metrics else [samples]

    def run() -> list[float]:
        with torch.no_grad():
            outputs = [outputs_of(extractor, images) for images in sources]
        figures = [inception_score(outputs[0][1])]
        if "fid" in plan.metrics:
            fake, real = (
                Statistics(n=len(features), mean=features.mean(0), covariance=np.cov(features, rowvar=False))
                for features in (features.double().numpy() for features, _ in outputs)
            )
            figures.append(frechet_distance(fake=fake, real=real))
        return figures

    return run


def outputs_of(extractor: Extractor, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Features (N, D) and logits (N, classes)."""
    features, logits = [], []
    for chunk in torch.split(images, CHUNK):
        of_chunk, scores = extractor.apply(chunk)
        assert scores is not None
        features.append(of_chunk)
        logits.append(scores)
    return torch.cat(features), torch.cat(logits)


def inception_score(logits: torch.Tensor) -> float:
    """exp(E[KL(p(y|x) ‖ p(y))]), the mean over splits, in the order of the samples."""
    scores = []
    for part in torch.tensor_split(logits.double(), SPLITS):
        log_p = part.log_softmax(1)
        p = log_p.exp()
        scores.append(float((p * (log_p - p.mean(0).log())).sum(1).mean().exp()))
    return float(np.mean(scores))


def row(shape: tuple[int, ...], case: Case) -> Row:
    """A contestant's metrics on its extractor / the bare loop."""
    metrics, n = case.metrics, case.n
    reals, samples = (random_bytes(shape, n, seed) for seed in (0, 1))
    with TemporaryDirectory() as folder:
        weights = None if shape == DIGITS_SHAPE else random_inception(Path(folder))
        plan = check(metrics, shape=shape, counts={None: n, CONTESTANT: n}, weights=weights)
        extractor = load_extractor(plan.extractor, shape=shape, weights=plan.weights, device=CPU)
    variants = {
        "metrics": product(plan, extractor, reals, samples), "bare": bare(plan, extractor, reals, samples)
    }  # fmt: skip
    times = interleaved(variants, rounds=case.rounds, threads=1, share=case.share)
    names = " and ".join(NAMES[metric] for metric in metrics)
    return times.row(
        f"{names} on `{plan.extractor}`, n = {n:,} / bare loop of its forward passes and formulas", "metrics",
        "bare", predicted=1.0, goal=MOST,
    )  # fmt: skip


def rows() -> list[Row]:
    """At one thread."""
    return [row(shape, case) for shape, case in CASES.items()]


if __name__ == "__main__":
    record("metrics", rows)
