"""One judge on one sample set: chunk by chunk, or in groups of its training batch size.

With `--norm batch` batch norm sees groups of the judge's own training batch size, pure real or pure fake, in
the order of the samples, which is random; the last group is filled by wrap-around and only its new items
count. A judge whose score of a sample depends on the samples beside it sees such groups in both modes.
"""

from __future__ import annotations

from contextlib import nullcontext

import torch

from gancross.checkpoint.contestant import Contestant, applied
from gancross.checkpoint.outputs import score_tensor
from gancross.data.sets import to_network
from gancross.evaluator.protocol import NORMS, Norm, Protocol
from gancross.models.batch_norm import averaging_layers, batch_statistics
from gancross.random_streams import Stream


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

    def add(self, number: int, chunk: torch.Tensor) -> None:
        """Takes chunk `number`, in rising order; scores it if it is wanted."""
        if number in self._scored:
            labels = _cyclic(self._labels, number * len(chunk), len(chunk))
            seed = self._noise.integer(number)
            self._scores.append(raw_scores(self._judge, chunk, seed=seed, labels=labels))

    def finish(self) -> torch.Tensor:
        """The scores of the wanted chunks' samples, in their order, on the device."""
        return _concatenated(self._scores)[: self._count]


class GroupPass:
    """Scores of groups of the judge's training batch size, made of the chunks, in a mode of normalisation.

    Groups straddle chunks. Those that begin in the wanted chunks are scored, so that the passes of several
    processes make up one, and the chunks into which the last of them reaches are needed too.
    """

    def __init__(
        self, judge: Contestant, n: int, *, scored: range, chunk: int, noise: Stream, norm: Norm,
        labels: torch.Tensor | None = None,
    ) -> None:  # fmt: skip
        self._labels = labels
        self._judge, self._n, self._size, self._chunk = judge, n, judge.batch_size, chunk
        self._noise, self._norm = noise, norm
        first, last = (-(-min(bound * chunk, n) // self._size) for bound in (scored.start, scored.stop))
        self._next, self._end = first * self._size, last * self._size  # positions; the end may be beyond n
        self._fill = max(0, self._end - n) if last > first else 0  # samples that wrap around
        self._scores: list[torch.Tensor] = []
        self._first: torch.Tensor | None = None
        self._waiting: torch.Tensor | None = None

    def needed(self) -> set[int]:
        """As `ChunkPass.needed`."""
        if self._next == self._end:
            return set()
        new = range(self._next // self._chunk, -(-min(self._end, self._n) // self._chunk))
        return {*new, *range(-(-min(self._fill, self._n) // self._chunk))}

    def add(self, number: int, chunk: torch.Tensor) -> None:
        """Takes chunk `number`, in rising order, without its padding; scores the groups that are complete."""
        if self._next == self._end:
            return
        begin = number * self._chunk
        new = chunk[: self._n - begin]
        if begin < self._fill:
            self._first = _appended(self._first, new)[: self._fill].clone()
        waiting = 0 if self._waiting is None else len(self._waiting)
        self._waiting = _appended(self._waiting, new[max(0, self._next + waiting - begin) :])
        while self._next < self._end and len(self._waiting) >= self._size:
            self._score(self._waiting[: self._size], count=self._size)
            self._waiting = self._waiting[self._size :]
        self._waiting = self._waiting.clone()  # a view would keep the whole chunk, once for every judge

    def finish(self) -> torch.Tensor:
        """The scores of the groups that begin in the wanted chunks, in their order, on the device."""
        if self._next < self._end:
            assert self._first is not None and self._waiting is not None
            index = torch.arange(self._fill, device=self._first.device)
            fill = self._first[index % len(self._first)]
            self._score(torch.cat([self._waiting, fill]), count=len(self._waiting))
        return _concatenated(self._scores)

    def _score(self, group: torch.Tensor, *, count: int) -> None:
        assert self._judge.discriminator is not None
        mode = batch_statistics(self._judge.discriminator) if self._norm == "batch" else nullcontext()
        seed = self._noise.integer(self._next // self._size)
        labels = _cyclic(self._labels, self._next, len(group))
        with mode:
            self._scores.append(raw_scores(self._judge, group, seed=seed, labels=labels)[:count])
        self._next += self._size


def group_size(judge: Contestant, norm: Norm, *, coupled: bool, switchable: bool) -> int:
    """How many samples a judge sees at a time that may move each other's scores; 1: they do not.

    Args:
        coupled: whether its scores depend on the samples beside them in evaluation mode too.
        switchable: whether it has two modes of normalisation.
    """
    return judge.batch_size if coupled or (norm == "batch" and switchable) else 1


def scoring_pass(
    judge: Contestant, n: int, *, scored: range, chunk: int, noise: Stream, norm: Norm, coupled: bool,
    switchable: bool, labels: torch.Tensor | None = None,
) -> ChunkPass | GroupPass:  # fmt: skip
    """The pass of a judge over n samples in a mode of normalisation.

    Args:
        noise: gives the seed of each call of the judge, which may draw noise of its own.
        coupled, switchable: as of `group_size`.
        labels: of the n samples, int64 (n,), which only a judge that takes labels sees.
    """
    labels = labels if judge.judge_labels else None
    if not coupled and not (norm == "batch" and switchable):
        return ChunkPass(judge, n, scored=scored, chunk=chunk, noise=noise, labels=labels)
    return GroupPass(judge, n, scored=scored, chunk=chunk, noise=noise, norm=norm, labels=labels)


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


def raw_scores(
    judge: Contestant, chunk: torch.Tensor, *, seed: int, labels: torch.Tensor | None = None
) -> torch.Tensor:
    """v of each sample of a canonical chunk, in the value range of the judge's own training data.

    Args:
        labels: of the samples, int64 (N,), of a judge that takes labels.

    Raises:
        UsageError: the discriminator fails on such samples, or does not return one score for each.
    """
    assert judge.discriminator is not None
    who = f"contestant '{judge.name}': its discriminator"
    # A copy of vectors, too: a judge that works in place would change what the next one sees.
    samples = chunk.clone() if chunk.ndim == 2 else to_network(chunk, judge.data_range)
    assert (labels is not None) == bool(judge.judge_labels)
    inputs = "samples" if labels is None else "labels, int64 (N,), and samples"
    labels = None if labels is None else labels.to(samples.device)
    output = applied(
        judge.discriminator, samples, refusal=f"{who} cannot judge {inputs}", seed=seed, labels=labels
    )
    return score_tensor(output, judge.score, n=len(chunk), who=who)


def _concatenated(scores: list[torch.Tensor]) -> torch.Tensor:
    return torch.cat(scores) if scores else torch.empty(0)


def _appended(before: torch.Tensor | None, new: torch.Tensor) -> torch.Tensor:
    return new if before is None else torch.cat([before, new])


def _cyclic(labels: torch.Tensor | None, start: int, n: int) -> torch.Tensor | None:
    """Labels start…start+n−1; beyond their end they begin again, as samples do."""
    return None if labels is None else labels[(torch.arange(n) + start) % len(labels)]
