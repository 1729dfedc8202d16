"""Samples of every contestant and of the data, in the fixed chunks of the protocol.

Networks see exactly `CHUNK` samples at a time, the last chunk padded, because their outputs move in the
last bits with the length of a batch. Whatever is grouped around a chunk changes no figure.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from gancross.contestant import Contestant
from gancross.data.sets import to_canonical, to_network
from gancross.errors import DivergenceError, UsageError
from gancross.latents import Stream, latents

CHUNK = 500


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where samples come from: n canonical samples on the CPU, or a contestant that makes them.

    `label` is None for the data and the contestant's name otherwise.
    """

    label: str | None
    n: int
    array: torch.Tensor | None = None
    contestant: Contestant | None = None


def fake_source(contestant: Contestant, *, num_samples: int) -> Source:
    """n samples of a generator, or all that a contestant without one has, up to n."""
    if contestant.samples is None:
        return Source(label=contestant.name, n=num_samples, contestant=contestant)
    array = contestant.samples[:num_samples]
    return Source(label=contestant.name, n=len(array), array=array)


def chunks(
    source: Source,
    *,
    seed: int,
    shape: tuple[int, ...] | None,
    device: torch.device,
    group: int,
    purpose: str = "crosstest",
) -> Iterator[torch.Tensor]:
    """The source's samples in canonical form on `device`, `CHUNK` at a time, padded at the end.

    Args:
        shape: of one sample of the data, which every source must match; None: there are no data.
        group: chunks that are moved to the device at a time.
        purpose: of the samples; other words give independent latents.

    Raises:
        UsageError: the samples have another shape than the data.
        DivergenceError: a generator made NaN or infinite values.
    """
    starts = range(0, source.n, CHUNK)
    if source.array is not None:
        _check_shape(source.label, tuple(source.array.shape[1:]), shape)
        for first in range(0, len(starts), group):
            last = min(first + group, len(starts))
            index = torch.arange(first * CHUNK, last * CHUNK) % source.n
            yield from torch.split(source.array[index].to(device, non_blocking=True), CHUNK)
        return
    contestant = source.contestant
    assert contestant is not None and contestant.generator is not None and contestant.latent_dim is not None
    stream = Stream(seed, "latents", contestant.name, purpose)
    finite = torch.ones((), dtype=torch.bool, device=device)
    for first in range(0, len(starts), group):
        count = min(group, len(starts) - first) * CHUNK
        latents_ND = latents(
            stream, first * CHUNK, count, dim=contestant.latent_dim, prior=contestant.latent,
            shape=contestant.latent_shape,
        ).to(device, non_blocking=True)  # fmt: skip
        for chunk in torch.split(latents_ND, CHUNK):
            samples = contestant.generator(chunk)
            if len(samples) != CHUNK:
                raise UsageError(
                    f"contestant '{contestant.name}': its generator made {len(samples)} samples"
                    f" from {CHUNK} latents"
                )
            _check_shape(contestant.name, tuple(samples.shape[1:]), shape)
            finite &= samples.isfinite().all()
            yield to_canonical(samples, contestant.data_range)
    if not bool(finite):  # one look at the device per source, not one per chunk
        raise DivergenceError(f"contestant '{contestant.name}': its generator makes NaN or infinite values")


def as_seen_by(judge: Contestant, chunk: torch.Tensor) -> torch.Tensor:
    """A canonical chunk in the value range of the judge's own training data."""
    return to_network(chunk, judge.data_range)


def _check_shape(label: str | None, got: tuple[int, ...], expected: tuple[int, ...] | None) -> None:
    if expected is not None and got != expected:
        who = "the test data" if label is None else f"contestant '{label}'"
        raise UsageError(
            f"{who}: samples of shape {got}, but the data have shape {expected};"
            " contestants and data must agree, nothing is resized"
        )
