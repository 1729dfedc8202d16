"""One judge on one sample set: chunk by chunk, or in groups of its training batch size.

With `--norm batch` batch norm sees groups of the judge's own training batch size, pure real or pure fake, in
the order of the samples, which is random; the last group is filled by wrap-around and only its new items
count. A judge whose score of a sample depends on the samples beside it sees such groups in both modes, and
so does one that takes no other batches than whole ones of training. Groups need not divide the chunk.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from functools import partial

import torch

from gancross.checkpoint.contestant import Contestant
from gancross.checkpoint.replicas import Within, as_it_is
from gancross.errors import UsageError
from gancross.evaluator.judging.judge_calls import scores_or_remedy
from gancross.evaluator.judging.shared_inputs import SharedInputs
from gancross.evaluator.protocol import NORMS, Norm, Protocol
from gancross.machine.crew import Crew, Piece
from gancross.models.batch_norm import averaging_layers, batch_statistics, divisible, group_statistics
from gancross.random_streams import Stream

AGREE = 1e-3  # of the largest score: rounding, far below what statistics of other samples move


class ChunkPass:
    """Scores of the chunks `scored` of n samples, which arrive padded to one length.

    Args:
        labels: of the n samples, of a judge that takes them.
    """

    def __init__(
        self, judge: Contestant, n: int, *, scored: range, chunk: int, noise: Stream,
        labels: torch.Tensor | None = None,
    ) -> None:  # fmt: skip
        self._judge, self._scored, self._noise, self._labels = judge, scored, noise, labels
        self._count = max(0, min(scored.stop * chunk, n) - scored.start * chunk)
        self._scores: list[torch.Tensor] = []

    def needed(self) -> set[int]:
        """The numbers of the chunks that it must see."""
        return set(self._scored)

    def scored(
        self, number: int, chunk: torch.Tensor, shared: SharedInputs | None = None
    ) -> torch.Tensor | None:
        """The scores of chunk `number`, in any thread; None if they are not wanted, or made otherwise.

        Args:
            shared: what judges take of the chunk.
        """
        if number not in self._scored:
            return None
        labels = _cyclic(self._labels, number * len(chunk), len(chunk))
        return scores_or_remedy(
            self._judge, chunk, seed=self._noise.integer(number), labels=labels,
            inputs=None if shared is None else shared.of(self._judge),
        )  # fmt: skip

    def add(self, number: int, chunk: torch.Tensor, scores: torch.Tensor | None) -> None:
        """Takes chunk `number`, in rising order, and what `scored` made of it."""
        if scores is not None:
            self._scores.append(scores)

    def finish(self) -> torch.Tensor:
        """The scores of the wanted chunks' samples, in their order, on the device."""
        return _concatenated(self._scores)[: self._count]


class GroupPass:
    """Scores of groups of the judge's training batch size, made of the chunks, in a mode of normalisation.

    Groups straddle chunks. As many of them as a chunk holds are scored at a time where batch norm alone joins
    samples. Those that begin in the wanted chunks are scored, so that the passes of several processes make up
    one, and the chunks into which the last of them reaches are needed too.
    """

    def __init__(
        self, judge: Contestant, n: int, *, scored: range, chunk: int, noise: Stream, norm: Norm,
        grouped: bool, workers: Crew, at_once: MutableMapping[str, bool], labels: torch.Tensor | None = None,
    ) -> None:  # fmt: skip
        self._judge, self._n, self._chunk, self._norm = judge, n, chunk, norm
        self._size, self._noise, self._workers, self._labels = judge.batch_size, noise, workers, labels
        assert judge.discriminator is not None
        divided = norm == "batch" and not grouped and divisible(judge.discriminator)
        self._unit = self._size * (max(1, chunk // self._size) if divided else 1)
        self._at_once = at_once
        first, last = (-(-min(bound * chunk, n) // self._unit) for bound in (scored.start, scored.stop))
        self._next = first * self._unit  # positions; the end may be beyond n
        self._end = max(self._next, min(last * self._unit, -(-n // self._size) * self._size))
        self._fill = max(0, self._end - n) if self._end > self._next else 0  # samples that wrap around
        self._scores: list[Piece[torch.Tensor]] = []
        self._first: torch.Tensor | None = None
        self._waiting: torch.Tensor | None = None

    def needed(self) -> set[int]:
        """As `ChunkPass.needed`."""
        if self._next == self._end:
            return set()
        new = range(self._next // self._chunk, -(-min(self._end, self._n) // self._chunk))
        return {*new, *range(-(-min(self._fill, self._n) // self._chunk))}

    def scored(self, number: int, chunk: torch.Tensor, shared: SharedInputs | None = None) -> None:
        """Nothing: groups straddle chunks."""

    def add(self, number: int, chunk: torch.Tensor, scores: torch.Tensor | None) -> None:
        """Takes chunk `number`, in rising order, without its padding; begins the groups that are complete."""
        if self._next == self._end:
            return
        begin = number * self._chunk
        new = chunk[: self._n - begin]
        if begin < self._fill:
            self._first = _appended(self._first, new)[: self._fill].clone()
        waiting = 0 if self._waiting is None else len(self._waiting)
        self._waiting = _appended(self._waiting, new[max(0, self._next + waiting - begin) :])
        while self._next < self._end and len(self._waiting) >= min(self._unit, self._end - self._next):
            length = min(self._unit, self._end - self._next)
            self._begin(self._waiting[:length].clone(), count=length)
            self._waiting = self._waiting[length:]
        self._waiting = self._waiting.clone()  # a view would keep the whole chunk, once for every judge

    def finish(self) -> torch.Tensor:
        """The scores of the groups that begin in the wanted chunks, in their order, on the device."""
        if self._next < self._end:
            assert self._first is not None and self._waiting is not None
            index = torch.arange(self._fill, device=self._first.device)
            fill = self._first[index % len(self._first)]
            self._begin(torch.cat([self._waiting, fill]), count=len(self._waiting))
        return _concatenated([scores.result() for scores in self._scores])

    def _begin(self, samples: torch.Tensor, *, count: int) -> None:
        number = self._next // self._size
        name = self._judge.name
        if self._unit > self._size and name not in self._at_once:
            self._at_once[name] = self._workers.submit(self._agree, samples, number).result()
        at_once = self._unit > self._size and self._at_once[name]
        self._scores.append(self._workers.submit(self._score, samples, number, count, at_once))
        self._next += len(samples)

    def _score(self, samples: torch.Tensor, number: int, count: int, at_once: bool) -> torch.Tensor:
        """The first `count` scores of samples that make up groups `number`, `number` + 1, …"""
        size = len(samples) if at_once else self._size
        within: Within = as_it_is
        if self._norm == "batch":
            within = partial(group_statistics, groups=size // self._size) if at_once else batch_statistics
        parts = []
        for start in range(0, len(samples), size):
            first = number + start // self._size
            parts.append(scores_or_remedy(
                self._judge, samples[start : start + size], seed=self._noise.integer(first), within=within,
                labels=_cyclic(self._labels, first * self._size, size),
            ))  # fmt: skip
        return torch.cat(parts)[:count]

    def _agree(self, samples: torch.Tensor, number: int) -> bool:
        """Whether all groups at once have the scores that they have one by one; other axes may be first."""
        one_by_one = self._score(samples, number, len(samples), False).double()
        try:
            at_once = self._score(samples, number, len(samples), True).double()
        except UsageError:
            return False
        return float((at_once - one_by_one).abs().max()) <= AGREE * float(one_by_one.abs().max())


def group_size(judge: Contestant, norm: Norm, *, coupled: bool, switchable: bool) -> int:
    """How many samples a judge sees at a time that may move each other's scores; 1: they do not.

    Args:
        coupled: whether its scores depend on the samples beside them in evaluation mode too.
        switchable: whether it has two modes of normalisation.
    """
    return judge.batch_size if coupled or (norm == "batch" and switchable) else 1


def scoring_pass(
    judge: Contestant, n: int, *, scored: range, chunk: int, noise: Stream, norm: Norm, grouped: bool,
    switchable: bool, workers: Crew, at_once: MutableMapping[str, bool], labels: torch.Tensor | None = None,
) -> ChunkPass | GroupPass:  # fmt: skip
    """The pass of a judge over n samples in a mode of normalisation.

    Args:
        workers: score groups.
        at_once: takes by judge whether several groups at once have the scores that they have one by one,
            which is tried once.
        noise: gives the seed of each call of the judge, which may draw noise of its own.
        grouped: whether it sees whole training batches in evaluation mode too: its scores depend on the
            samples beside them, or it takes no other batches.
        switchable: as of `group_size`.
        labels: of the n samples, int64 (n,), which only a judge that takes labels sees.
    """
    labels = labels if judge.judge_labels else None
    if not grouped and not (norm == "batch" and switchable):
        return ChunkPass(judge, n, scored=scored, chunk=chunk, noise=noise, labels=labels)
    return GroupPass(
        judge, n, scored=scored, chunk=chunk, noise=noise, norm=norm, grouped=grouped, workers=workers,
        at_once=at_once, labels=labels,
    )  # fmt: skip


def has_batch_norm(judge: Contestant) -> bool:
    """Whether a judge has batch norm with running averages, and so two ways to judge.

    One that trained on batches of one is judged with running averages alone, and flagged: over vectors a
    single sample has no variance.
    """
    network = judge.discriminator
    return network is not None and judge.batch_size > 1 and bool(averaging_layers(network))


def norms(protocol: Protocol, *, switchable: bool) -> tuple[Norm, ...]:
    """The modes a judge is scored in: without batch norm there is one, and it is the same in both."""
    if not switchable:
        return ("eval",)
    return NORMS if protocol.norm_check else (protocol.norm,)


def _concatenated(scores: list[torch.Tensor]) -> torch.Tensor:
    return torch.cat(scores) if scores else torch.empty(0)


def _appended(before: torch.Tensor | None, new: torch.Tensor) -> torch.Tensor:
    return new if before is None else torch.cat([before, new])


def _cyclic(labels: torch.Tensor | None, start: int, n: int) -> torch.Tensor | None:
    """Labels start…start+n−1; beyond their end they begin again, as samples do."""
    return None if labels is None else labels[(torch.arange(n) + start) % len(labels)]
