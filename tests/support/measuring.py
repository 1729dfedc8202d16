"""Fidelity of sample sets in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from gancross.data import digits
from gancross.evaluator.estimates import Missing
from gancross.evaluator.fidelity.extractor import load_extractor
from gancross.evaluator.fidelity.figures import MeasuredFidelity
from gancross.evaluator.fidelity.frechet import Statistics
from gancross.evaluator.fidelity.measurement import Fidelity
from gancross.evaluator.fidelity.metrics import METRICS
from gancross.evaluator.fidelity.plan import check
from gancross.evaluator.judging.controls import uniform_noise

CPU = torch.device("cpu")


def vectors(seed: int, n: int = 120, d: int = 5) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed)) + 0.2 * seed


def digits_of(kind: str, n: int = 400) -> torch.Tensor:
    """Held-out digits, training digits, or noise in their form."""
    train, test = digits.images()
    return {"test": test, "train": train[:n], "noise": uniform_noise(test, n, seed=0)}[kind]


def sha256(data: torch.Tensor) -> str:
    return hashlib.sha256(data.numpy().tobytes()).hexdigest()


def measure(
    data: torch.Tensor, fakes: Mapping[str, torch.Tensor], *, metrics: Sequence[str] = tuple(METRICS),
    chunk: int = 500, weights: Path | None = None, statistics: Statistics | None = None,
    kid_subset_size: int = 32, save_to: Path | None = None,
    on_features: Callable[[torch.Tensor], object] | None = None,
) -> MeasuredFidelity:  # fmt: skip
    """Fidelity of every array in `fakes`; `on_features` is called with all features."""
    shape = tuple(data.shape[1:])
    arrays: dict[str | None, torch.Tensor] = {None: data}
    for name, samples in fakes.items():
        arrays[name] = samples
    counts = {label: len(samples) for label, samples in arrays.items()}
    plan = check(
        metrics, shape=shape, counts=counts, weights=weights, statistics=statistics,
        kid_subset_size=kid_subset_size,
    )  # fmt: skip
    extractor = load_extractor(plan.extractor, shape=shape, weights=plan.weights, device=CPU)
    if on_features is not None:
        apply, callback = extractor.apply, on_features

        def observed(samples: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
            features, logits = apply(samples)
            callback(features)
            return features, logits

        extractor = replace(extractor, apply=observed)
    with Fidelity(
        plan, extractor, counts=counts, data_sha256=sha256(data), statistics=statistics, save_to=save_to
    ) as fidelity:
        for label, samples in arrays.items():
            for part in torch.split(samples, chunk):
                fidelity.add(label, fidelity.measured(part, len(part)))
        measured = fidelity.finish()
    assert measured is not None
    return measured


def numbers(measured: MeasuredFidelity, name: str) -> dict[str, float]:
    """A contestant's figures that exist."""
    figures = measured.figures[name].figures
    return {key: figure.value for key, figure in figures.items() if not isinstance(figure, Missing)}
