"""What a network does that a cross-test relies on it not to do, tried out before anything is judged.

By behaviour, not by type: a scripted module, a layer of another project or a wrapper shows the same. Every
network is called in evaluation mode on the same few samples, alone and in other company.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from gancross.checkpoint.contestant import NETWORK_FAILURES, Contestant
from gancross.data.sets import to_canonical, to_network
from gancross.errors import UsageError
from gancross.evaluator.estimates import Missing
from gancross.evaluator.judging.batch_norm_passes import raw_scores
from gancross.evaluator.judging.controls import uniform_noise
from gancross.evaluator.judging.label_probes import other_labels, right_labels
from gancross.evaluator.judging.network_behaviour import Call, behaviour, mixed_rows
from gancross.evaluator.judging.probe_results import DiscriminatorProbe, GeneratorProbe, Probes
from gancross.evaluator.judging.probed_outputs import alike, in_one_half, in_unit_interval, outside
from gancross.evaluator.judging.sampling import check_shape, generated, probe_labels, probe_latents
from gancross.evaluator.protocol import CHUNK
from gancross.models.batch_norm import averaging_layers, batch_norms, batch_statistics
from gancross.models.module_state import modules_kept

PROBED = 256  # samples, or the nearest number of whole training batches
LEAST = 8  # samples of chunks that are smaller
MOST = 1024  # samples of one training batch
NO_RANGE = Missing("vectors have no range")
NO_GENERATOR = Missing("given samples: no generator")
NO_DISCRIMINATOR = Missing("no discriminator")


def probed(
    contestants: Sequence[Contestant],
    *,
    test: torch.Tensor,
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
    n = min(PROBED, max(LEAST, chunk))
    return {each.name: _probes(each, test, labels, shape, device, n) for each in contestants}


def _probes(
    contestant: Contestant, test: torch.Tensor, labels: torch.Tensor | None, shape: tuple[int, ...],
    device: torch.device, probed: int,
) -> Probes:  # fmt: skip
    """Samples come first, since a discriminator is tried out on them."""
    generator: GeneratorProbe | Missing = NO_GENERATOR
    if contestant.samples is not None:
        check_shape(contestant.name, tuple(contestant.samples.shape[1:]), shape)
        fakes, fake_labels = contestant.samples[:probed].to(device), contestant.labels
    else:
        latents = probe_latents(contestant, probed + probed // 2).to(device)
        fake_labels = probe_labels(contestant, len(latents))
        samples = generated(contestant, latents[:probed], seed=0, labels=_part(fake_labels, probed))
        check_shape(contestant.name, tuple(samples.shape[1:]), shape)
        generator = _generator_probe(contestant, latents, fake_labels, samples, test)
        fakes = to_canonical(samples, contestant.data_range)
    if contestant.discriminator is None:
        return Probes(generator=generator, discriminator=NO_DISCRIMINATOR)
    n = _batch(contestant, probed)
    half = n // 2
    parts = [_repeated(test, half).to(device), _repeated(fakes, n - half)]
    pool = torch.cat([*parts, uniform_noise(test, n - half, seed=0).to(device)])
    judged = None
    if contestant.judge_labels:
        assert labels is not None
        of_fakes = labels if fake_labels is None else fake_labels
        rest = [_repeated(part, n - half) for part in (of_fakes, labels)]
        judged = torch.cat([_repeated(labels, half), *rest])
    return Probes(
        generator=generator,
        discriminator=_discriminator_probe(contestant, pool, judged, n, test=test, labels=labels),
    )


def _batch(judge: Contestant, probed: int) -> int:
    """About 256 samples, whole batches of its training size: some networks take no others.

    Of smaller chunks no more than a chunk, but one batch.
    """
    size = judge.batch_size
    batches = round(PROBED / size) if probed == PROBED else probed // size
    return size * max(1, batches) if size <= MOST else probed


def _generator_probe(
    contestant: Contestant, latents: torch.Tensor, labels: torch.Tensor | None, samples: torch.Tensor,
    test: torch.Tensor,
) -> GeneratorProbe:  # fmt: skip
    """Of the samples that the first latents gave; the rest are strangers."""
    generator = contestant.generator
    assert generator is not None
    n = len(samples)
    base = samples.float().flatten(1)

    def call(rows: torch.Tensor, seed: int) -> torch.Tensor:
        made = generated(contestant, latents[rows], seed=seed, labels=_part(labels, rows))
        return made.float().flatten(1)

    low, high = float(samples.amin()), float(samples.amax())
    is_image = samples.ndim == 4
    others = other_labels(_part(labels, n), contestant.num_classes)
    return GeneratorProbe(
        **behaviour(generator, call, n, len(latents), base=base, inputs=(latents[:n], _part(labels, n))),
        low=low, high=high, outside=outside(samples, contestant.data_range) if is_image else NO_RANGE,
        one_half=is_image and in_one_half(low, high, contestant.data_range, test),
        labels_ignored=None if others is None
        else alike(base, generated(contestant, latents[:n], seed=0, labels=others).float().flatten(1)),
    )  # fmt: skip


def _discriminator_probe(
    contestant: Contestant, pool: torch.Tensor, judged: torch.Tensor | None, n: int, *, test: torch.Tensor,
    labels: torch.Tensor | None,
) -> DiscriminatorProbe:  # fmt: skip
    """Of n samples of a pool, the rest of which are strangers.

    Args:
        judged: labels of the pool, of a judge that takes them.
        labels: of the test data.
    """
    judge = contestant.discriminator
    assert judge is not None

    def call(rows: torch.Tensor, seed: int) -> torch.Tensor:
        scores = raw_scores(contestant, pool[rows], seed=seed, labels=_part(judged, rows))
        return scores.double()[:, None]

    scores = call(torch.arange(n), 0)
    inputs = to_network(pool[:n], contestant.data_range), _part(judged, n)
    found = behaviour(judge, call, n, len(pool), base=scores, inputs=inputs)
    others = other_labels(_part(judged, n), contestant.num_classes)
    right = (
        None
        if judged is None or labels is None
        else right_labels(contestant, test, labels, n, device=pool.device)
    )
    return DiscriminatorProbe(
        **found,
        unreachable_norm=_unreachable_norm(judge, call, torch.arange(n), scores)
        or (not found["coupled"] and _sees_company_in_training(judge, call, n, len(pool))),
        like_probabilities=_like_probabilities(contestant, pool[:n], _part(judged, n), scores),
        labels_ignored=None if others is None
        else alike(scores, raw_scores(contestant, pool[:n], seed=0, labels=others).double()[:, None]),
        right_labels=right,
    )  # fmt: skip


def _unreachable_norm(judge: nn.Module, call: Call, rows: torch.Tensor, scores: torch.Tensor) -> bool:
    """Whether a layer's running averages are used in training mode too, as in a traced module.

    torch's own layers are known to have two modes; others are switched one by one.
    """
    known = {id(layer) for layer in batch_norms(judge)}
    for layer in averaging_layers(judge):
        if id(layer) in known:
            continue
        try:
            with batch_statistics(layer):
                if bool((call(rows, 0) == scores).all()):
                    return True
        except (UsageError, *NETWORK_FAILURES):
            return True
    return False


def _sees_company_in_training(judge: nn.Module, call: Call, n: int, total: int) -> bool:
    """Whether scores depend on other samples in training mode, whatever layers that are known do.

    So does batch norm that keeps its averages under names of its own. Noise of one seed falls on one place;
    with noise that no seed reaches nothing can be said.
    """
    rows, mixed = torch.arange(n), mixed_rows(n, total)
    half = n - (total - n)
    with modules_kept([judge]):
        try:
            judge.train()
            for layer in averaging_layers(judge):
                layer.eval()
            first, second = call(rows, 0)[:half], call(mixed, 0)[:half]
            return not alike(first, second) and alike(first, call(rows, 0)[:half])
        except (UsageError, *NETWORK_FAILURES):
            return False


def _like_probabilities(
    contestant: Contestant, inputs: torch.Tensor, labels: torch.Tensor | None, scores: torch.Tensor
) -> bool:
    """Whether scores lie in 0…1, whatever is judged, where a threshold beyond decides the same of all.

    A network whose scores happen to lie there leaves it on images of a thousandfold contrast.
    """
    threshold = contestant.decision_threshold
    if contestant.score_kind == "probability" or threshold is None or 0 < threshold < 1:
        return False
    if not in_unit_interval(scores) or not bool(scores.amax() > scores.amin()):
        return False
    strong = (inputs.float() - inputs.float().mean()) * 1000
    try:
        return in_unit_interval(raw_scores(contestant, strong, seed=0, labels=labels))
    except (UsageError, *NETWORK_FAILURES):
        return True


def _part(labels: torch.Tensor | None, rows: torch.Tensor | int) -> torch.Tensor | None:
    """The labels of these rows, or of the first n."""
    return None if labels is None else labels[:rows] if isinstance(rows, int) else labels[rows]


def _repeated(samples: torch.Tensor, n: int) -> torch.Tensor:
    """The first n samples, from the beginning again where there are fewer."""
    return samples[torch.arange(n) % len(samples)]
