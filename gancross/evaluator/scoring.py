"""Every judge on every sample set: raw scores, normalised once so that high means real."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from gancross.contestant import Contestant
from gancross.errors import DivergenceError, UsageError
from gancross.evaluator.sampling import CHUNK, Source, as_seen_by, chunks

CLIP = 2.0**-24  # probabilities are clipped to [2⁻²⁴, 1−2⁻²⁴] before they become logits

Scores = dict[str, dict[str | None, NDArray[np.float64]]]


@dataclass(frozen=True, kw_only=True)
class Judged:
    """Scores of each judge on each source (None: the data), and how many probabilities were clipped."""

    scores: Scores
    clipped: dict[str, int]


def score_all(
    sources: Iterable[Source],
    judges: list[Contestant],
    *,
    seed: int,
    shape: tuple[int, ...],
    device: torch.device,
    batch_size: int,
    progress: Callable[[str, int, int], None] | None = None,
) -> Judged:
    """Each source is sampled once; every judge sees each chunk, then the chunk is dropped.

    Raises:
        UsageError: shapes that do not fit, or a discriminator that fails on the data.
        DivergenceError: a sample or a score is NaN or infinite; the contestant is named.
    """
    group = -(-batch_size // CHUNK)
    raw: dict[str, dict[str | None, torch.Tensor]] = {judge.name: {} for judge in judges}
    for source in sources:
        scored: dict[str, list[torch.Tensor]] = {judge.name: [] for judge in judges}
        done = 0
        for chunk in chunks(source, seed=seed, shape=shape, device=device, group=group):
            for judge in judges:
                scored[judge.name].append(_scores(judge, chunk))
            done = min(done + CHUNK, source.n)
            if progress is not None:
                progress(source.label or "test data", done, source.n)
        for judge in judges:
            raw[judge.name][source.label] = torch.cat(scored[judge.name])[: source.n].double().cpu()
    return _normalised(raw, judges)


def real_high(scores: NDArray[np.float64], judge: Contestant) -> NDArray[np.float64]:
    """Scores as logits where they were probabilities, turned so that a high score means real."""
    if judge.score_kind == "probability":
        clipped = np.clip(scores, CLIP, 1 - CLIP)
        scores = np.log(clipped) - np.log1p(-clipped)
    return -scores if judge.orientation == "fake_high" else scores


def real_high_threshold(judge: Contestant) -> float | None:
    """τ in the orientation of `real_high`."""
    if judge.threshold is None or judge.orientation == "real_high":
        return judge.threshold
    return -judge.threshold


@contextmanager
def evaluating(modules: list[nn.Module], device: torch.device) -> Iterator[None]:
    """Inside, the modules are on `device` in evaluation mode; afterwards they are as they were."""
    modes = [(part, part.training) for module in modules for part in module.modules()]
    homes = [next((tensor.device for tensor in module.parameters()), device) for module in modules]
    for module in modules:
        module.to(device).eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        for module, home in zip(modules, homes, strict=True):
            module.to(home)
        for part, training in modes:
            part.training = training


def _scores(judge: Contestant, chunk: torch.Tensor) -> torch.Tensor:
    assert judge.discriminator is not None
    try:
        scores = judge.discriminator(as_seen_by(judge, chunk))
    except RuntimeError as error:
        first = (str(error).strip().splitlines() or ["no reason given"])[0]
        raise UsageError(
            f"contestant '{judge.name}': its discriminator cannot judge samples of shape"
            f" {tuple(chunk.shape[1:])}: {first}"
        ) from error
    if not isinstance(scores, torch.Tensor) or scores.shape not in ((CHUNK,), (CHUNK, 1)):
        got = tuple(scores.shape) if isinstance(scores, torch.Tensor) else type(scores).__name__
        raise UsageError(
            f"contestant '{judge.name}': its discriminator must return one score per sample,"
            f" ({CHUNK},) or ({CHUNK}, 1), got {got}"
        )
    return scores.flatten()


def _normalised(raw: dict[str, dict[str | None, torch.Tensor]], judges: list[Contestant]) -> Judged:
    scores: Scores = {}
    clipped: dict[str, int] = {}
    for judge in judges:
        arrays = {label: values.numpy() for label, values in raw[judge.name].items()}
        for label, values in arrays.items():
            bad = int((~np.isfinite(values)).sum())
            if bad:
                where = "the test data" if label is None else f"samples of '{label}'"
                raise DivergenceError(
                    f"contestant '{judge.name}': {bad} of its {len(values)} scores on {where} are NaN or"
                    " infinite; nothing was counted"
                )
        if judge.score_kind == "probability":
            everything = np.concatenate(list(arrays.values()))
            if everything.min() < 0 or everything.max() > 1:
                raise UsageError(
                    f"contestant '{judge.name}': score_kind is 'probability' but scores reach from"
                    f" {everything.min():g} to {everything.max():g}"
                )
            clipped[judge.name] = int(((everything < CLIP) | (everything > 1 - CLIP)).sum())
        scores[judge.name] = {label: real_high(values, judge) for label, values in arrays.items()}
    return Judged(scores=scores, clipped=clipped)
