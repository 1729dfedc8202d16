"""A judge called on canonical samples, and what to say where it does not take a batch of some length."""

from __future__ import annotations

import torch

from gancross.checkpoint.contestant import Contestant, applied
from gancross.checkpoint.outputs import score_tensor
from gancross.checkpoint.replicas import Within, as_it_is
from gancross.data.resizing import to_native
from gancross.data.sets import to_network
from gancross.data.views import Samples
from gancross.errors import UsageError
from gancross.machine.devices import moved

LENGTHS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128)  # tried where another one was refused


def raw_scores(
    judge: Contestant, chunk: torch.Tensor, *, seed: int, within: Within = as_it_is,
    labels: torch.Tensor | None = None, inputs: torch.Tensor | None = None,
) -> torch.Tensor:  # fmt: skip
    """v of each sample of a canonical chunk, in the value range of the judge's own training data.

    Args:
        seed, within: as of `applied`.
        labels: of the samples, int64 (N,), of a judge that takes labels.
        inputs: the chunk as the judge takes it, if it was converted already; the judge may write into it.

    Raises:
        UsageError: the discriminator fails on such samples, or does not return one score for each.
    """
    assert judge.discriminator is not None
    who = f"contestant '{judge.name}': its discriminator"
    samples = own_inputs(judge, chunk) if inputs is None else inputs
    assert (labels is not None) == bool(judge.judge_labels)
    what = "samples" if labels is None else "labels, int64 (N,), and samples"
    labels = None if labels is None else moved(labels, samples.device)
    output = applied(
        judge.discriminator, samples, refusal=f"{who} cannot judge {what}", seed=seed, labels=labels,
        within=within,
    )  # fmt: skip
    return score_tensor(output, judge.score, n=len(chunk), who=who)


def scores_or_remedy(
    judge: Contestant, samples: torch.Tensor, *, seed: int, within: Within = as_it_is,
    labels: torch.Tensor | None = None, inputs: torch.Tensor | None = None,
) -> torch.Tensor:  # fmt: skip
    """As `raw_scores`; where the length of the batch is at fault, the error says what to give.

    Raises:
        UsageError: as of `raw_scores`.
    """
    try:
        return raw_scores(judge, samples, seed=seed, within=within, labels=labels, inputs=inputs)
    except UsageError as error:
        length = next(
            (n for n in LENGTHS if n != len(samples) and _takes_pieces(judge, samples, n, labels)), None
        )
        if length is None:
            raise
        raise UsageError(
            f"{error}; it takes {length} at a time and not {len(samples)}: give batch_size, the samples that"
            f" it saw at a time in training, if that is not {judge.batch_size}"
        ) from error


def wants_whole_batches(
    judge: Contestant, samples: torch.Tensor, *, chunk: int, labels: torch.Tensor | None = None
) -> bool:
    """Whether a judge refuses one sample more than a training batch, as `x.view(4, -1, …)` does.

    Chunks that are whole batches suit it anyway; those that are shorter are tried out as they are.

    Args:
        samples: canonical ones, of which it takes whole batches.
        chunk: samples that networks see at a time.
    """
    size = judge.batch_size
    return chunk % size != 0 and not _takes(judge, samples, min(chunk, size + 1), labels)


def first_samples(samples: Samples, n: int) -> torch.Tensor:
    """The first n samples, from the beginning again where there are fewer."""
    rows = torch.arange(n) % len(samples)
    return samples[rows.to(samples.device) if isinstance(samples, torch.Tensor) else rows]


def _takes(judge: Contestant, samples: torch.Tensor, n: int, labels: torch.Tensor | None) -> bool:
    own = None if labels is None else first_samples(labels, n)
    try:
        raw_scores(judge, first_samples(samples, n), seed=0, labels=own)
    except UsageError:
        return False
    return True


def _takes_pieces(judge: Contestant, samples: torch.Tensor, n: int, labels: torch.Tensor | None) -> bool:
    """Whether it takes all samples, n at a time: else one of them may be at fault, or its label."""
    return all(
        _takes(judge, samples[start:], n, None if labels is None else labels[start:])
        for start in range(0, len(samples), n)
    )


def own_inputs(judge: Contestant, chunk: torch.Tensor) -> torch.Tensor:
    """A canonical chunk as a judge takes it, always a copy: one that works in place spares the others."""
    return chunk.clone() if chunk.ndim == 2 else network_inputs(judge, chunk)


def network_inputs(judge: Contestant, chunk: torch.Tensor) -> torch.Tensor:
    """Canonical images as a judge takes them, in its own size and value range."""
    return to_network(to_native(chunk, judge.resizing), judge.data_range)
