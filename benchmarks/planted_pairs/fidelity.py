"""Fréchet and kernel distances on the features at hand: vectors themselves, the digits' CNN, thumbnails."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch.nn import functional

from gancross.data.order import content_sha256
from gancross.evaluator.estimates import Measurement
from gancross.evaluator.fidelity.extractor import INCEPTION, Extractor, extractor_for, load_extractor
from gancross.evaluator.fidelity.measurement import Fidelity
from gancross.evaluator.fidelity.metrics import METRICS
from gancross.evaluator.fidelity.plan import Plan
from gancross.evaluator.protocol import CHUNK

THUMBNAIL = 8  # pixels a side
KID_SUBSET_SIZE = 500
RULES = {"Fréchet distance": "fid", "KID": "kid"}


def fidelity_figures(samples: torch.Tensor, reals: torch.Tensor) -> Mapping[str, float]:
    """By rule, a distance of samples from reals; lower is nearer."""
    extractor = feature_extractor(tuple(reals.shape[1:]))
    plan = Plan(
        metrics=tuple(RULES.values()), extractor=extractor.name, weights=None,
        kid_subset_size=min(KID_SUBSET_SIZE, len(samples), len(reals)),
    )  # fmt: skip
    counts = {None: len(reals), "samples": len(samples)}
    with Fidelity(
        plan, extractor, counts=counts, data_sha256=content_sha256(reals, ordered=True)
    ) as measuring:
        for label, array in ((None, reals), ("samples", samples)):
            for chunk in torch.split(array, CHUNK):
                measuring.add(label, measuring.measured(chunk, len(chunk)))
            measuring.finish_source(label)
        measured = measuring.finish()
    assert measured is not None
    figures = {}
    for rule, metric in RULES.items():
        figure = measured.figures["samples"].of(METRICS[metric].keys(extractor.name)[0])
        assert isinstance(figure, Measurement)
        figures[rule] = figure.value
    return figures


def feature_extractor(shape: tuple[int, ...]) -> Extractor:
    """That of the evaluator; in Inception's place, which needs weights from elsewhere, 8×8 thumbnails."""
    device, name = torch.device("cpu"), extractor_for(shape)
    if name != INCEPTION:
        return load_extractor(name, shape=shape, weights=None, device=device)
    return Extractor(
        name=f"thumbnails-{THUMBNAIL}x{THUMBNAIL}", dimension=shape[0] * THUMBNAIL**2, classes=None,
        apply=lambda images: (thumbnails(images), None), device=device, versions=f"torch {torch.__version__}",
    )  # fmt: skip


def thumbnails(images: torch.Tensor) -> torch.Tensor:
    """uint8 images (N, C, H, W) → means over the cells of an 8×8 grid, in [0, 1], (N, 64·C)."""
    return functional.adaptive_avg_pool2d(images.float() / 255, THUMBNAIL).flatten(1)
