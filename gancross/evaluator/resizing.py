"""Contestants and data of different sizes brought together, on request and never silently.

All that is judged, reals, given samples and generated images alike, is brought to one side, 8-bit levels to
8-bit levels; images that have it stay bit for bit. A discriminator takes one size: one that was trained on
another sees all of these images, its own generator's too, resized to the side of its own generator's images.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch

from gancross.checkpoint.contestant import Contestant
from gancross.data.resizing import Resize, Resizing, resized
from gancross.data.sets import WHOLE, DataSet, FiniteReals, Reals
from gancross.errors import UsageError
from gancross.evaluator.judging.sampling import probe_samples
from gancross.evaluator.judging.scoring import evaluating
from gancross.evaluator.protocol import Protocol, chunk_length
from gancross.machine.devices import resolve_device
from gancross.machine.distributed import current


@dataclass(frozen=True, kw_only=True)
class ResizedReals:
    """Training images that are read on demand, resized batch by batch."""

    reals: Reals
    resize: Resize

    @property
    def size(self) -> int | None:
        """As of `Reals`."""
        return self.reals.size

    def batches(
        self, *, seed: int, batch_size: int, start: int, share: slice = WHOLE
    ) -> Iterator[torch.Tensor]:
        """As of `Reals`."""
        for batch in self.reals.batches(seed=seed, batch_size=batch_size, start=start, share=share):
            yield resized(batch, self.resize)


def with_resizing(
    contestants: Sequence[Contestant], reals: DataSet, protocol: Protocol, *, device: str
) -> tuple[list[Contestant], DataSet, Protocol]:
    """Contestants and data of one size where `protocol.resize` asks for it; without it as they are.

    Notes of the data say what was done. The chunk, where none is given, is that of the largest images that a
    network makes or takes.

    Raises:
        UsageError: vectors, or images that are not square; or a generator fails.
    """
    resize = protocol.resize
    if resize is None:
        return list(contestants), reals, protocol
    test_side = reals.shape[-1]
    reals = resized_data(reals, protocol)
    brought = [_resized_contestant(contestant, resize, device) for contestant in contestants]
    notes = (*reals.notes, *resizing_notes(brought, resize, test_side=test_side))
    side = max([resize.side, *(c.resizing.native for c in brought if c.networks and c.resizing is not None)])
    chunk = chunk_length((reals.shape[0], side, side), protocol.chunk)
    if chunk != chunk_length(reals.shape):
        protocol = replace(protocol, chunk=chunk)
    return brought, replace(reals, notes=notes), protocol


def resizing_notes(contestants: Sequence[Contestant], resize: Resize, *, test_side: int) -> Iterator[str]:
    """What `with_resizing` did to the test data, which had this side, and to contestants that it gave."""
    natives = [c.resizing.native for c in contestants if c.resizing is not None]
    if test_side != resize.side:
        yield f"the test data: {_from_to(test_side, resize)}"
    if any(side != resize.side for side in (test_side, *natives)):
        for contestant in contestants:
            yield from _notes(contestant, resize)


def resized_data(reals: DataSet, protocol: Protocol) -> DataSet:
    """Data in the size that `protocol.resize` asks for, test and training samples.

    Raises:
        UsageError: vectors, or images that are not square.
    """
    resize = protocol.resize
    if resize is None:
        return reals
    shape = common_shape(reals, protocol)
    if reals.shape == shape:
        return reals
    train = reals.train
    if isinstance(train, FiniteReals):
        train = FiniteReals(array=resized(train.array, resize))
    elif train is not None:
        train = ResizedReals(reals=train, resize=resize)

    @functools.cache
    def held_out() -> torch.Tensor:
        return resized(reals.held_out(protocol.num_samples), resize)

    return replace(reals, shape=shape, train=train, held_out=lambda _: held_out())


def common_shape(reals: DataSet, protocol: Protocol) -> tuple[int, ...]:
    """The shape of a sample as it will be judged.

    Raises:
        UsageError: as of `resized_data`.
    """
    if protocol.resize is None:
        return reals.shape
    _check_square(reals.shape, f"data '{reals.name}'")
    return (reals.shape[0], protocol.resize.side, protocol.resize.side)


def resized_images(
    images_NCHW: torch.Tensor, resize: Resize | None, who: str
) -> tuple[torch.Tensor, tuple[str, ...]]:
    """Further images that are judged, and a note where they were resized; as they are without `resize`.

    Raises:
        UsageError: images that are not square.
    """
    if resize is None:
        return images_NCHW, ()
    _check_square(tuple(images_NCHW.shape[1:]), who)
    side = images_NCHW.shape[-1]
    notes = () if side == resize.side else (f"{who}: {_from_to(side, resize)}",)
    return resized(images_NCHW, resize), notes


def _resized_contestant(contestant: Contestant, resize: Resize, device: str) -> Contestant:
    samples = contestant.samples
    who = f"contestant '{contestant.name}'"
    if samples is not None:
        _check_square(tuple(samples.shape[1:]), who)
        return replace(
            contestant, samples=resized(samples, resize),
            resizing=Resizing(native=samples.shape[-1], common=resize),
        )  # fmt: skip
    target = current().device(resolve_device(device))
    with evaluating(contestant.networks, target):
        shape = tuple(probe_samples(contestant, target).shape[1:])
    _check_square(shape, who)
    return replace(contestant, resizing=Resizing(native=shape[-1], common=resize))


def _check_square(shape: tuple[int, ...], who: str) -> None:
    if len(shape) != 3:
        raise UsageError(f"{who}: samples of shape {shape} are no images (C, H, W): leave out resize")
    if shape[1] != shape[2]:
        raise UsageError(
            f"{who}: images of {shape[1]}×{shape[2]} are not square, which resize makes them: crop them first"
        )


def _notes(contestant: Contestant, resize: Resize) -> Iterator[str]:
    """What a call did to a contestant's images, and to those that its discriminator judged."""
    assert contestant.resizing is not None
    name, native = contestant.name, contestant.resizing.native
    judges = contestant.discriminator is not None
    if native != resize.side:
        again = (
            f"; its discriminator judged all images resized to {native}×{native} again, which it was not"
            " trained on" if judges else ""
        )  # fmt: skip
        yield f"'{name}': {_from_to(native, resize)}{again}"
    elif judges:
        yield f"'{name}': its discriminator judged images that were resized, which it was not trained on"


def _from_to(side: int, resize: Resize) -> str:
    return f"{side}×{side} images were resized to {resize.side}×{resize.side} ({resize.filter}, antialiased)"
