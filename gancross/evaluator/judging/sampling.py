"""Samples of every contestant and of the data, in the fixed chunks of the protocol.

Networks see exactly `Source.chunk` samples at a time, the last chunk padded, because their outputs change in
the last bits with the length of a batch. How many chunks are moved to the device at a time changes no figure.
"""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from gancross.checkpoint.contestant import MISSING, Contestant, applied
from gancross.checkpoint.outputs import sample_tensor
from gancross.checkpoint.replicas import Within, as_it_is
from gancross.data.order import content_order
from gancross.data.resizing import to_common
from gancross.data.sets import num_clipped, to_canonical, to_network
from gancross.data.views import Reordered, Samples
from gancross.errors import DivergenceError, UsageError
from gancross.evaluator.judging.controls import Reference
from gancross.evaluator.judging.label_streams import probe_labels, sample_labels
from gancross.evaluator.protocol import CHUNK
from gancross.machine.devices import moved
from gancross.random_streams import Stream, latents

Label = str | Reference | None  # a contestant's samples, samples that no contestant made, the test data


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where samples come from: n canonical samples on the CPU, or a contestant that makes them.

    Attributes:
        chunk: samples that networks see at a time.
        labels: of the n samples, int64 (n,); None: they have none.
        drawn: labels that conditional judges are given where samples have none, int64 (n,).
    """

    label: Label
    n: int
    array: Samples | None = None
    contestant: Contestant | None = None
    chunk: int = CHUNK
    labels: torch.Tensor | None = None
    drawn: torch.Tensor | None = None

    @property
    def chunks(self) -> range:
        """The numbers of its chunks."""
        return range(-(-self.n // self.chunk))


def title(label: Label) -> str:
    """A label for people."""
    if label is None:
        return "test data"
    return label.title if isinstance(label, Reference) else label


def fake_source(
    contestant: Contestant, *, num_samples: int, seed: int = 0, purpose: str = "crosstest", chunk: int = CHUNK
) -> Source:
    """n samples of a generator; of given samples a seeded choice of n, or all where there are no more.

    Given samples come in a seeded order of their content, since they may be sorted.
    """
    if contestant.samples is None:
        labels = sample_labels(contestant, 0, num_samples, seed=seed, purpose=purpose)
        return Source(
            label=contestant.name, n=num_samples, contestant=contestant, chunk=chunk, labels=labels
        )  # fmt: skip
    array, labels = contestant.samples, contestant.labels
    chosen = sample_choice(len(array), num_samples, name=contestant.name, seed=seed, purpose=purpose)
    order = content_order(
        Reordered(array=array, index=chosen), stream=Stream(seed, "order", contestant.name, purpose),
        labels=None if labels is None else labels[chosen],
    )  # fmt: skip
    rows = chosen[order.index]
    return Source(
        label=contestant.name, n=len(rows), array=Reordered(array=array, index=rows), chunk=chunk,
        labels=None if labels is None else labels[rows],
    )  # fmt: skip


def sample_choice(total: int, n: int, *, name: str, seed: int, purpose: str) -> NDArray[np.int64]:
    """Which n of a contestant's given samples are used, rising: a function of these arguments alone.

    Given samples may be sorted, by class for example, so that the first n would be a biased choice.
    """
    if n >= total:
        return np.arange(total)
    return np.sort(Stream(seed, "samples", name, purpose).permutation(total)[:n])


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
    clipped: MutableMapping[int, torch.Tensor] | None = None,
    finite: list[torch.Tensor] | None = None,
) -> Iterator[torch.Tensor]:
    """The source's samples in canonical form on `device`, `source.chunk` at a time, padded at the end.

    Args:
        shape: of one sample of the data, which every source must match; None: there are no data.
        group: chunks that are moved to the device at a time.
        quantize: round generated images to 8 bits.
        purpose: of the samples; other words give independent latents.
        numbers: which chunks; all by default. A chunk is the same whichever others are made.
        clipped: takes for each chunk of generated images how many of its values were clipped, padding left
            out; () int64 on `device`.
        finite: takes whether all values were finite, () bool on `device`, for `check_finite`; None: they are
            checked at the end.

    Raises:
        UsageError: the samples have another shape than the data.
        DivergenceError: a generator made NaN or infinite values.
    """
    length = source.chunk
    chosen = list(source.chunks if numbers is None else numbers)
    groups = [chosen[first : first + group] for first in range(0, len(chosen), group)]
    if source.array is not None:
        check_shape(source.label, tuple(source.array.shape[1:]), shape)
        for part in groups:
            rows = _rows(source.array, part, length)
            yield from torch.split(moved(rows, device), length)
        return
    contestant = source.contestant
    assert contestant is not None and contestant.generator is not None
    words = ("latents", contestant.name, purpose)
    noise = Stream(seed, "network-noise", contestant.name, purpose)
    looks = [] if finite is None else finite
    for part in groups:
        parts = [_latents(contestant, seed, words, number * length, length) for number in part]
        latents_ND = moved(torch.cat(parts), device)
        for number, chunk in zip(part, torch.split(latents_ND, length), strict=True):
            labels = sample_labels(contestant, number * length, length, seed=seed, purpose=purpose)
            samples = generated(contestant, chunk, seed=noise.integer(number), labels=labels)
            extremes = samples.amin(), samples.amax()  # NaN if any sample is
            looks += [end.isfinite() for end in extremes]
            if clipped is not None and quantize and samples.ndim == 4:
                own = samples[: source.n - number * length]
                clipped[number] = num_clipped(own, contestant.data_range, extremes=extremes)
            canonical = to_canonical(samples, contestant.data_range, quantize=quantize)
            canonical = to_common(canonical, contestant.resizing)
            check_shape(contestant.name, tuple(canonical.shape[1:]), shape)
            yield canonical
    if finite is None:
        check_finite(source, looks)


def check_finite(source: Source, finite: Sequence[torch.Tensor]) -> None:
    """A `DivergenceError` where a generator made other values; one look at the device for all chunks."""
    if source.contestant is not None and finite and not bool(torch.stack(list(finite)).all()):
        who = f"contestant '{source.contestant.name}'"
        raise DivergenceError(f"{who}: its generator makes NaN or infinite values")


def probe_samples(contestant: Contestant, device: torch.device) -> torch.Tensor:
    """Two samples of a generator, to look at and throw away."""
    labels = probe_labels(contestant, 2)
    return generated(contestant, probe_latents(contestant, 2).to(device), seed=0, labels=labels)


def probe_latents(contestant: Contestant, n: int) -> torch.Tensor:
    """n latents that no cross-test uses; of several inputs all numbers side by side, (n, D)."""
    return _latents(contestant, 0, ("probe",), 0, n)


def generated(
    contestant: Contestant, latents_ND: torch.Tensor, *, seed: int, labels: torch.Tensor | None = None,
    within: Within = as_it_is,
) -> torch.Tensor:  # fmt: skip
    """The samples that a contestant's generator makes of latents; images in its `data_range`.

    Args:
        seed: of the noise that the generator may draw beside its latents.
        labels: of the samples, int64 (N,), where it is conditional.
        within: as of `applied`.

    Raises:
        UsageError: it fails on such latents, or does not return a tensor with one sample for each, or these
            have an axis of length 0.
    """
    assert contestant.generator is not None
    who = f"contestant '{contestant.name}': its generator"
    inputs = "latents" if labels is None else "labels, int64 (N,), and latents"
    labels = None if labels is None else moved(labels, latents_ND.device)
    try:
        output = applied(
            contestant.generator, latents_ND, refusal=f"{who} cannot take {inputs}", seed=seed,
            labels=labels, split=contestant.inputs, within=within,
        )  # fmt: skip
    except UsageError as error:
        if contestant.inputs:
            raise UsageError(
                f"{error}; another shape is written as in {contestant.inputs[0].name}:128x1x1"
            ) from error
        if contestant.latent_shape is not None or contestant.latent_dim is None or MISSING in str(error):
            raise
        raise UsageError(_latent_shape_hint(contestant, latents_ND, labels, str(error), seed)) from error
    samples = sample_tensor(output, contestant.generate, who=who)
    n = len(samples) if samples.ndim else 1
    if n != len(latents_ND):
        raise UsageError(f"{who} made {n} samples from {len(latents_ND)} latents")
    if samples.numel() == 0:
        shape = tuple(samples.shape[1:])
        raise UsageError(f"{who} makes samples of shape {shape}: each axis must be at least 1 long")
    if samples.dtype == torch.uint8 and samples.ndim == 4:  # levels, whatever the discriminator takes
        return to_network(samples, contestant.data_range)
    return samples


def _latent_shape_hint(
    contestant: Contestant, latents_ND: torch.Tensor, labels: torch.Tensor | None, refusal: str, seed: int
) -> str:
    """What to type where a generator does not take vectors: the shape of DCGANs, if it takes that."""
    assert contestant.generator is not None
    shape = (contestant.latent_dim, 1, 1)
    with suppress(UsageError):
        applied(contestant.generator, latents_ND[:, :, None, None], refusal="", seed=seed, labels=labels)
        who = f"contestant '{contestant.name}'"
        return f"{who}: its generator takes latents with two more axes: give latent_shape={shape}"
    return f"{refusal}; if it takes latents of another shape, give that, as in latent_shape={shape}"


def _latents(contestant: Contestant, seed: int, words: tuple[str, ...], start: int, n: int) -> torch.Tensor:
    """Latents of the stream of these words; of several inputs each of a stream of its own, side by side."""
    if contestant.inputs:
        inputs = [(each, Stream(seed, *words, each.name)) for each in contestant.inputs]
        return torch.cat([each.drawn(stream, start, n).flatten(1) for each, stream in inputs], dim=1)
    assert contestant.latent_dim is not None
    return latents(
        Stream(seed, *words), start, n, dim=contestant.latent_dim, prior=contestant.latent,
        shape=contestant.latent_shape,
    )  # fmt: skip


def _rows(array: Samples, numbers: Sequence[int], length: int) -> torch.Tensor:
    """These chunks, a view where they are adjacent; beyond its end the array begins again."""
    start, stop = numbers[0] * length, (numbers[-1] + 1) * length
    if stop <= len(array) and stop - start == len(numbers) * length:
        return array[start:stop]
    index = torch.cat([torch.arange(length) + number * length for number in numbers]) % len(array)
    return array[index]


def check_shape(label: Label, got: tuple[int, ...], expected: tuple[int, ...] | None) -> None:
    """A `UsageError` where samples have another shape than the data."""
    if expected is not None and got != expected:
        who = f"contestant '{label}'" if isinstance(label, str) else f"the {title(label)}"
        remedy = (
            "contestants and data must agree: --resize N, or resize=N, brings all images to one size;"
            " --image-size a folder of data alone"
        )
        if len(got) == 3 and (got[2], *got[:2]) == expected:
            remedy = (
                "channels come last: say generate='nhwc', on the command line --describe NAME=generate=nhwc"
            )
        raise UsageError(f"{who}: samples of shape {got}, but the data have shape {expected}; {remedy}")
