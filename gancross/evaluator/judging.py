"""One judge on one sample set: chunk by chunk with running averages, or in batches of its training size.

With `--norm batch` batch norm sees groups of the judge's own training batch size, pure real or pure fake, in
the order of the samples; the last group is filled by wrap-around and only its new items count.
"""

from __future__ import annotations

from typing import Literal

import torch

from gancross.contestant import NETWORK_FAILURES, Contestant
from gancross.data.sets import to_network
from gancross.errors import UsageError, first_line
from gancross.models.batch_norm import batch_norms, batch_statistics

Norm = Literal["eval", "batch"]


class RunningPass:
    """Scores with running averages; chunks arrive padded and are all of one length."""

    def __init__(self, judge: Contestant, n: int) -> None:
        self._judge, self._n = judge, n
        self._scores: list[torch.Tensor] = []

    def add(self, chunk: torch.Tensor) -> None:
        """Scores one chunk."""
        self._scores.append(raw_scores(self._judge, chunk))

    def finish(self) -> torch.Tensor:
        """The scores of the n samples, in their order, on the device."""
        return torch.cat(self._scores)[: self._n]


class BatchPass:
    """Scores with batch statistics, regrouping the chunks into the judge's training batch size."""

    def __init__(self, judge: Contestant, n: int) -> None:
        self._judge, self._n, self._size = judge, n, judge.batch_size
        self._scores: list[torch.Tensor] = []
        self._first: torch.Tensor | None = None
        self._waiting: torch.Tensor | None = None
        self._seen = 0

    def add(self, chunk: torch.Tensor) -> None:
        """Takes one chunk, without its padding, and scores the groups that are complete."""
        new = chunk[: self._n - self._seen]
        self._seen += len(new)
        self._first = _joined(self._first, new)[: self._size]
        self._waiting = _joined(self._waiting, new)
        while len(self._waiting) >= self._size:
            self._score(self._waiting[: self._size], count=self._size)
            self._waiting = self._waiting[self._size :]

    def finish(self) -> torch.Tensor:
        """The scores of the n samples, in their order, on the device."""
        assert self._first is not None and self._waiting is not None
        if len(self._waiting):
            again = torch.arange(self._size - len(self._waiting), device=self._first.device)
            fill = self._first[again % len(self._first)]
            self._score(torch.cat([self._waiting, fill]), count=len(self._waiting))
        return torch.cat(self._scores)

    def _score(self, group: torch.Tensor, *, count: int) -> None:
        assert self._judge.discriminator is not None
        with batch_statistics(self._judge.discriminator):
            self._scores.append(raw_scores(self._judge, group)[:count])


PASSES: dict[Norm, type[RunningPass] | type[BatchPass]] = {"eval": RunningPass, "batch": BatchPass}


def has_batch_norm(judge: Contestant) -> bool:
    """Whether a judge has batch norm with running averages, and so two ways to judge."""
    return judge.discriminator is not None and bool(batch_norms(judge.discriminator))


def norms(judge: Contestant, *, primary: Norm, check: bool) -> list[Norm]:
    """The modes a judge is scored in: without batch norm there is one, and it is the same in both."""
    if not has_batch_norm(judge):
        return ["eval"]
    return ["eval", "batch"] if check else [primary]


def raw_scores(judge: Contestant, chunk: torch.Tensor) -> torch.Tensor:
    """v of each sample of a canonical chunk, in the value range of the judge's own training data.

    Raises:
        UsageError: the discriminator fails on such samples, or does not return one score for each.
    """
    assert judge.discriminator is not None
    try:
        scores = judge.discriminator(to_network(chunk, judge.data_range))
    except NETWORK_FAILURES as error:
        if "memory" in str(error):  # the machine's fault, not the network's
            raise
        raise UsageError(
            f"contestant '{judge.name}': its discriminator cannot judge samples of shape"
            f" {tuple(chunk.shape[1:])}: {first_line(error)}"
        ) from error
    n = len(chunk)
    if not isinstance(scores, torch.Tensor) or scores.shape not in ((n,), (n, 1), (n, 1, 1, 1)):
        got = tuple(scores.shape) if isinstance(scores, torch.Tensor) else type(scores).__name__
        raise UsageError(
            f"contestant '{judge.name}': its discriminator must return one score per sample,"
            f" ({n},) or ({n}, 1), got {got}"
        )
    return scores.flatten()


def _joined(held: torch.Tensor | None, new: torch.Tensor) -> torch.Tensor:
    return new if held is None else torch.cat([held, new])
