"""A source in pieces of whole chunks, each of which any thread samples and scores."""

from __future__ import annotations

import typing
from collections.abc import Collection, Iterable, Iterator, MutableMapping, Sequence
from functools import partial

import torch

from gancross.checkpoint.contestant import Contestant
from gancross.evaluator.judging.batch_norm_passes import scoring_pass
from gancross.evaluator.judging.sampling import Label, Source, check_finite, chunks, title
from gancross.evaluator.judging.shared_inputs import SharedInputs
from gancross.evaluator.protocol import Norm, Protocol
from gancross.machine.crew import Crew
from gancross.machine.distributed import current
from gancross.random_streams import Stream

# Number of a chunk, its samples, what each pass and the observer made of it.
Scored = tuple[int, torch.Tensor, list[torch.Tensor | None], torch.Tensor | None]


class ChunkObserver(typing.Protocol):
    """Sees the chunks that the judges see."""

    def wants(self, label: Label) -> bool:
        """Whether it has use for the chunks of this source."""

    def measured(self, chunk: torch.Tensor, count: int) -> torch.Tensor:
        """What it makes of one chunk, of which the first `count` samples are no padding, in any thread."""

    def add(self, label: Label, measured: torch.Tensor) -> None:
        """What it made of the next chunk of a source."""

    def finish_source(self, label: Label) -> None:
        """All of this process's chunks of the source were added."""


class SourcePart:
    """This process's part of a source, in pieces of whole chunks that any thread samples and scores."""

    def __init__(
        self, source: Source, modes: Sequence[tuple[Contestant, Norm]], protocol: Protocol, workers: Crew, *,
        shape: tuple[int, ...], device: torch.device, grouped: Collection[str], switchable: Collection[str],
        batch_size: int | None, observer: ChunkObserver | None, at_once: MutableMapping[str, bool],
        readers: Collection[str] = (),
    ) -> None:  # fmt: skip
        processes = current()
        self.source = source
        self._own = source.chunks[processes.share(len(source.chunks))]
        self.passes = [
            scoring_pass(
                judge, source.n, scored=self._own, chunk=source.chunk, norm=mode,
                grouped=judge.name in grouped,
                switchable=judge.name in switchable, workers=workers,
                labels=source.drawn if source.labels is None else source.labels,
                at_once=at_once,
                noise=Stream(protocol.seed, "network-noise", judge.name, mode, title(source.label)),
            ) for judge, mode in modes
        ]  # fmt: skip
        self._numbers = sorted(set(self._own).union(*(each.needed() for each in self.passes)))
        self._group = -(-(batch_size or source.chunk) // source.chunk)
        self._chunks = partial(
            chunks, source, seed=protocol.seed, shape=shape, device=device, group=self._group,
            quantize=protocol.quantize,
        )  # fmt: skip
        self._observer = observer if observer is not None and observer.wants(source.label) else None
        self._readers = readers
        self._clipped: dict[int, torch.Tensor] = {}
        self._finite: list[torch.Tensor] = []

    @property
    def length(self) -> int:
        """How many chunks this process takes."""
        return len(self._numbers)

    def pieces(self) -> list[list[int]]:
        """The numbers of the chunks of each piece; one piece without chunks where there are none."""
        group, numbers = self._group, self._numbers
        return [numbers[first : first + group] for first in range(0, len(numbers), group)] or [[]]

    def add(self, piece: Sequence[Scored]) -> None:
        """Takes what `scored` made of the next piece."""
        for number, samples, scores, measured in piece:
            for judge_pass, own in zip(self.passes, scores, strict=True):
                judge_pass.add(number, samples, own)
            if self._observer is not None and measured is not None:
                self._observer.add(self.source.label, measured)

    def check_finite(self) -> None:
        """A `DivergenceError` where a generator made other values."""
        check_finite(self.source, self._finite)

    def clipped(self) -> int:
        """How many values of its own chunks were clipped."""
        counts = [self._clipped[number] for number in self._own]  # on the device, which is looked at once
        return int(torch.stack(counts).sum()) if counts else 0

    def scored(self, numbers: Sequence[int]) -> list[Scored]:
        """Samples a piece and scores it, in any thread."""
        stream = self._chunks(numbers=numbers, clipped=self._clipped, finite=self._finite)
        piece = []
        for number, chunk in zip(numbers, stream, strict=True):
            samples = chunk.contiguous()  # a judge may call `view`
            measured = None
            shared = SharedInputs(samples, self._readers)
            scores = [judge_pass.scored(number, samples, shared) for judge_pass in self.passes]
            del shared  # before the next chunk is made
            if self._observer is not None and number in self._own:
                count = min(self.source.chunk, self.source.n - number * self.source.chunk)
                measured = self._observer.measured(samples, count)
            piece.append((number, samples, scores, measured))
        return piece


def done_in_order(parts: Iterable[SourcePart], workers: Crew) -> Iterator[tuple[SourcePart, int, bool]]:
    """Does the pieces of all parts, those of the next one begin before the last of one are done.

    Returns:
        After each piece its part, how many chunks of the part are done, and whether these are all.
    """
    done = 0
    for part, scored, is_last in workers.in_order(_scored_piece, _pieces(parts)):
        part.add(scored)
        done += len(scored)
        yield part, done, is_last
        if is_last:
            done = 0


def _pieces(parts: Iterable[SourcePart]) -> Iterator[tuple[SourcePart, list[int], bool]]:
    for part in parts:
        *first, last = part.pieces()
        yield from ((part, numbers, False) for numbers in first)
        yield part, last, True


def _scored_piece(piece: tuple[SourcePart, list[int], bool]) -> tuple[SourcePart, list[Scored], bool]:
    part, numbers, is_last = piece
    return part, part.scored(numbers), is_last
