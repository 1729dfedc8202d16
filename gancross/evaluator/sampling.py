"""Samples of every contestant and of the data, in the fixed chunks of the protocol.

Networks see exactly `CHUNK` samples at a time, the last chunk padded, because their outputs move in the
last bits with the length of a batch. Whatever is grouped around a chunk changes no figure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from gancross.contestant import Contestant
from gancross.data.sets import to_canonical
from gancross.errors import DivergenceError, UsageError, first_line
from gancross.evaluator.controls import Control
from gancross.latents import Stream, latents

CHUNK = 500


Label = str | Control | None  # a contestant's samples, a control, the test data


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where samples come from: n canonical samples on the CPU, or a contestant that makes them."""

    label: Label
    n: int
    array: torch.Tensor | None = None
    contestant: Contestant | None = None

    @property
    def chunks(self) -> range:
        """The numbers of its chunks."""
        return range(-(-self.n // CHUNK))


def shown(label: Label) -> str:
    """A label for people."""
    if label is None:
        return "test data"
    return {Control.NOISE: "uniform noise", Control.BLURRED: "blurred test data",
            Control.TRAINING: "training data"}[label] if isinstance(label, Control) else label  # fmt: skip


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
    quantize: bool = True,
    purpose: str = "crosstest",
    numbers: Sequence[int] | None = None,
) -> Iterator[torch.Tensor]:
    """The source's samples in canonical form on `device`, `CHUNK` at a time, padded at the end.

    Args:
        shape: of one sample of the data, which every source must match; None: there are no data.
        group: chunks that are moved to the device at a time.
        quantize: round generated images to 8 bits.
        purpose: of the samples; other words give independent latents.
        numbers: which chunks; all by default. A chunk is the same whichever others are made.

    Raises:
        UsageError: the samples have another shape than the data.
        DivergenceError: a generator made NaN or infinite values.
    """
    wanted = list(source.chunks if numbers is None else numbers)
    groups = [wanted[first : first + group] for first in range(0, len(wanted), group)]
    if source.array is not None:
        _check_shape(source.label, tuple(source.array.shape[1:]), shape)
        for these in groups:
            index = torch.cat([torch.arange(CHUNK) + number * CHUNK for number in these]) % source.n
            yield from torch.split(source.array[index].to(device, non_blocking=True), CHUNK)
        return
    contestant = source.contestant
    assert contestant is not None and contestant.generator is not None and contestant.latent_dim is not None
    stream = Stream(seed, "latents", contestant.name, purpose)
    finite = torch.ones((), dtype=torch.bool, device=device)
    for these in groups:
        drawn = [
            latents(
                stream, number * CHUNK, CHUNK, dim=contestant.latent_dim, prior=contestant.latent,
                shape=contestant.latent_shape,
            )
            for number in these
        ]  # fmt: skip
        latents_ND = torch.cat(drawn).to(device, non_blocking=True)
        for chunk in torch.split(latents_ND, CHUNK):
            samples = contestant.generator(chunk)
            if len(samples) != CHUNK:
                raise UsageError(
                    f"contestant '{contestant.name}': its generator made {len(samples)} samples"
                    f" from {CHUNK} latents"
                )
            _check_shape(contestant.name, tuple(samples.shape[1:]), shape)
            finite &= samples.isfinite().all()
            yield to_canonical(samples, contestant.data_range, quantize=quantize)
    if not bool(finite):  # one look at the device per source, not one per chunk
        raise DivergenceError(f"contestant '{contestant.name}': its generator makes NaN or infinite values")


def check_fit(contestants: Sequence[Contestant], *, shape: tuple[int, ...], device: torch.device) -> None:
    """Before long work: every contestant's samples have the shape of the data.

    Two samples of each generator are looked at and thrown away.

    Raises:
        UsageError: one has another shape, or a generator that cannot take its own latents.
    """
    for contestant in contestants:
        if contestant.samples is not None:
            _check_shape(contestant.name, tuple(contestant.samples.shape[1:]), shape)
            continue
        assert contestant.generator is not None and contestant.latent_dim is not None
        few = latents(
            Stream(0, "probe"), 0, 2, dim=contestant.latent_dim, prior=contestant.latent,
            shape=contestant.latent_shape,
        ).to(device)  # fmt: skip
        try:
            samples = contestant.generator(few)
        except RuntimeError as error:
            raise UsageError(
                f"contestant '{contestant.name}': its generator cannot take latents of shape"
                f" {tuple(few.shape[1:])}: {first_line(error)}"
            ) from error
        _check_shape(contestant.name, tuple(samples.shape[1:]), shape)


def _check_shape(label: Label, got: tuple[int, ...], expected: tuple[int, ...] | None) -> None:
    if expected is not None and got != expected:
        who = f"contestant '{label}'" if isinstance(label, str) else f"the {shown(label)}"
        raise UsageError(
            f"{who}: samples of shape {got}, but the data have shape {expected};"
            " contestants and data must agree, nothing is resized"
        )
