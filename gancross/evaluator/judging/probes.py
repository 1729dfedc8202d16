"""What a network does that a cross-test relies on it not to do, tried out before anything is judged.

By behaviour, not by type: a scripted module, a layer of another project or a wrapper shows the same. Every
network is called in evaluation mode on 256 samples; on 65 in another place and company, and alone; on more
only where these leave something open.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from gancross.checkpoint.contestant import Contestant
from gancross.checkpoint.replicas import Within, as_it_is
from gancross.data.resizing import to_common
from gancross.data.sets import to_canonical, to_network
from gancross.data.views import Samples
from gancross.evaluator.estimates import Missing
from gancross.evaluator.judging.behaviour import ALIKE_ALONE, FEW, alike, behaviour, few_rows_length
from gancross.evaluator.judging.controls import uniform_noise
from gancross.evaluator.judging.judge_calls import (
    first_samples,
    own_inputs,
    raw_scores,
    scores_or_remedy,
    wants_whole_batches,
)
from gancross.evaluator.judging.label_probes import label_scores, other_labels, right_labels
from gancross.evaluator.judging.label_streams import probe_labels
from gancross.evaluator.judging.norm_probes import (
    sees_company_in_training,
    stale_norm,
    unreachable_norm,
    untrained_norm,
)
from gancross.evaluator.judging.probe_results import DiscriminatorProbe, GeneratorProbe, Probes
from gancross.evaluator.judging.range_probes import in_one_half, like_probabilities, other_range, outside
from gancross.evaluator.judging.sampling import check_shape, generated, probe_latents
from gancross.evaluator.judging.shared_inputs import version
from gancross.evaluator.protocol import CHUNK

PROBED = 256  # samples, or the nearest number of whole training batches
LEAST = 8  # samples of chunks that are smaller
MOST = 1024  # samples of one training batch
NO_RANGE = Missing("vectors have no range")
NO_GENERATOR = Missing("given samples: no generator")
NO_DISCRIMINATOR = Missing("no discriminator")


def probed(
    contestants: Sequence[Contestant],
    *,
    test: Samples,
    shape: tuple[int, ...],
    device: torch.device,
    chunk: int = CHUNK,
    labels: torch.Tensor | None = None,
) -> dict[str, Probes]:
    """Every contestant's networks, tried out on 256 samples, or on a chunk where that is smaller.

    Args:
        test: the test data, in a random order.
        labels: of the test data; a judge that takes labels needs them.
        chunk: samples that networks see at a time; at least 8 are tried out.

    Raises:
        UsageError: samples of another shape than the data, or a network that fails on them.
    """
    return {each.name: _probes(each, test, labels, shape, device, chunk) for each in contestants}


def _probes(
    contestant: Contestant, test: Samples, labels: torch.Tensor | None, shape: tuple[int, ...],
    device: torch.device, chunk: int,
) -> Probes:  # fmt: skip
    """Samples come first, since a discriminator is tried out on them."""
    probed = _probed(chunk)
    generator: GeneratorProbe | Missing = NO_GENERATOR
    if contestant.samples is not None:
        check_shape(contestant.name, tuple(contestant.samples.shape[1:]), shape)
        fakes, fake_labels = contestant.samples[:probed], contestant.labels
    else:
        latents = probe_latents(contestant, probed + probed // 2).to(device)
        fake_labels = probe_labels(contestant, len(latents))
        samples = generated(contestant, latents[:probed], seed=0, labels=_part(fake_labels, probed)).clone()
        fakes = to_common(to_canonical(samples, contestant.data_range), contestant.resizing)
        check_shape(contestant.name, tuple(fakes.shape[1:]), shape)
        generator = _generator_probe(contestant, latents, fake_labels, samples, test)
    if contestant.discriminator is None:
        return Probes(generator=generator, discriminator=NO_DISCRIMINATOR)
    return Probes(
        generator=generator,
        discriminator=judge_probe(
            contestant, reals=test, fakes=fakes, device=device, chunk=chunk, labels=labels,
            fake_labels=fake_labels,
        ),
    )  # fmt: skip


def judge_probe(
    judge: Contestant, *, reals: Samples, fakes: torch.Tensor, device: torch.device, chunk: int,
    labels: torch.Tensor | None = None, fake_labels: torch.Tensor | None = None,
) -> DiscriminatorProbe:  # fmt: skip
    """A contestant's discriminator, tried out on half reals and half samples, in canonical form.

    Args:
        labels: of the reals, which a judge that takes labels needs.
        fake_labels: of the samples; by default those of reals.

    Raises:
        UsageError: it fails on them.
    """
    n = _batch(judge, _probed(chunk))
    half = n // 2
    parts: list[tuple[Samples, int]] = [
        (reals, half),
        (fakes, n - half),
        (uniform_noise(reals, n - half, seed=0), n - half),
    ]
    pool = torch.cat([first_samples(part, m).to(device) for part, m in parts])
    judged = None
    if judge.judge_labels:
        assert labels is not None
        of_parts = [labels, labels if fake_labels is None else fake_labels, labels]
        judged = torch.cat([
            first_samples(part, m) for part, (_, m) in zip(of_parts, parts, strict=True)
        ])  # fmt: skip
    return _discriminator_probe(judge, pool, judged, n, chunk, test=reals, labels=labels)


def _probed(chunk: int) -> int:
    return min(PROBED, max(LEAST, chunk))


def _batch(judge: Contestant, probed: int) -> int:
    """About 256 samples, whole batches of its training size: some networks take no others.

    Of smaller chunks no more than a chunk, but one batch.
    """
    size = judge.batch_size
    batches = round(PROBED / size) if probed == PROBED else probed // size
    return size * max(1, batches) if size <= MOST else probed


def _generator_probe(
    contestant: Contestant, latents: torch.Tensor, labels: torch.Tensor | None, samples: torch.Tensor,
    test: Samples,
) -> GeneratorProbe:  # fmt: skip
    """Of the samples that the first latents gave; the rest are strangers."""
    generator = contestant.generator
    assert generator is not None
    n = len(samples)

    def call(rows: torch.Tensor, seed: int, *, within: Within = as_it_is) -> torch.Tensor:
        made = generated(contestant, latents[rows], seed=seed, labels=_part(labels, rows), within=within)
        return made.float().flatten(1)

    def under_other_labels(count: int) -> torch.Tensor:
        assert others is not None
        return generated(contestant, latents[:count], seed=0, labels=others[:count]).float().flatten(1)

    base = samples.float().flatten(1)
    data = to_network(test[:PROBED], contestant.data_range).float().flatten(1).to(base.device)
    low, high = float(samples.amin()), float(samples.amax())
    is_image = samples.ndim == 4
    others = other_labels(_part(labels, n), contestant.num_classes)
    return GeneratorProbe(
        **behaviour(call, n, len(latents), base=base, length=few_rows_length(n)).fields(),
        untrained_norm=untrained_norm(generator),
        stale_norm=stale_norm(generator, call, base=base, data=data),
        low=low, high=high, outside=outside(samples, contestant.data_range) if is_image else NO_RANGE,
        one_half=is_image and in_one_half(low, high, contestant.data_range, test),
        labels_ignored=None if others is None else _alike_by_few(base, under_other_labels),
    )  # fmt: skip


def _alike_by_few(base: torch.Tensor, output: Callable[[int], torch.Tensor]) -> bool:
    """Whether the output for the first inputs is alike; of all of them, where 64 leave it open."""
    if len(base) > FEW:
        few = output(FEW)
        if alike(base[:FEW], few):
            return True
        if not alike(base[:FEW], few, share=ALIKE_ALONE):  # by another kernel, perhaps
            return False
    return alike(base, output(len(base)))


def _discriminator_probe(
    contestant: Contestant, pool: torch.Tensor, judged: torch.Tensor | None, n: int, chunk: int, *,
    test: Samples, labels: torch.Tensor | None,
) -> DiscriminatorProbe:  # fmt: skip
    """Of n samples of a pool, the rest of which are strangers.

    Args:
        judged: labels of the pool, of a judge that takes them.
        labels: of the test data.
    """
    judge = contestant.discriminator
    assert judge is not None
    inputs, own_labels = pool[:n], _part(judged, n)

    def call(rows: torch.Tensor, seed: int, *, within: Within = as_it_is) -> torch.Tensor:
        scores = raw_scores(contestant, pool[rows], seed=seed, labels=_part(judged, rows), within=within)
        return scores.double()[:, None]

    def score(described: Contestant, batch: torch.Tensor, rows: torch.Tensor | None) -> torch.Tensor:
        part = torch.arange(n) if rows is None else rows
        batch = batch if rows is None else batch[rows]
        return raw_scores(described, batch, seed=0, labels=_part(own_labels, part)).double()

    scores, only_reads = _first_scores(contestant, inputs, own_labels)
    # What takes one sample more than whole training batches needs no whole ones.
    is_odd = chunk % contestant.batch_size != 0
    length = few_rows_length(n, batch_size=contestant.batch_size, odd=is_odd)
    found = behaviour(call, n, len(pool), base=scores, length=length)
    others = other_labels(own_labels, contestant.num_classes)
    under_labels = None if judged is None or labels is None else label_scores(
        contestant, test, labels, n, device=pool.device
    )  # fmt: skip
    return DiscriminatorProbe(
        **found.fields(),
        untrained_norm=untrained_norm(judge),
        unreachable_norm=unreachable_norm(judge, call, scores)
        or (not found.coupled and sees_company_in_training(judge, call, scores, len(pool), found.few)),
        like_probabilities=like_probabilities(contestant, inputs, scores, score),
        other_range=other_range(contestant, inputs, scores, score, reals=n // 2, coupled=found.coupled),
        whole_batches=(
            not found.coupled and not (is_odd and found.few is not None)
            and wants_whole_batches(contestant, inputs, chunk=chunk, labels=own_labels)
        ) or None,
        # Different scores of the same test samples have told already that labels matter.
        labels_ignored=None if others is None
        else (under_labels is None or alike(under_labels.own_N, under_labels.other_N))
        and alike(scores, raw_scores(contestant, inputs, seed=0, labels=others).double()[:, None]),
        right_labels=None if under_labels is None else right_labels(contestant, under_labels),
        only_reads=only_reads,
    )  # fmt: skip


def _first_scores(
    judge: Contestant, samples: torch.Tensor, labels: torch.Tensor | None
) -> tuple[torch.Tensor, bool]:  # fmt: skip
    """Raw scores (N, 1), and whether the judge left its input as it was."""
    given = own_inputs(judge, samples)
    before, writes = given.clone(), version(given)
    scores = scores_or_remedy(judge, samples, seed=0, labels=labels, inputs=given).double()[:, None]
    return scores, version(given) == writes and torch.equal(given, before)


def _part(labels: torch.Tensor | None, rows: torch.Tensor | int) -> torch.Tensor | None:
    """The labels of these rows, or of the first n."""
    return None if labels is None else labels[:rows] if isinstance(rows, int) else labels[rows]
