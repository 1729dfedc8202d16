"""What a network does that a cross-test relies on it not to do, tried out before anything is judged.

By behaviour, not by type: a scripted module, a layer of another project or a wrapper shows the same. Every
network is called in evaluation mode on the same few samples, alone and in other company.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from gancross.checkpoint.contestant import Contestant
from gancross.data.resizing import to_common
from gancross.data.sets import to_canonical, to_network
from gancross.evaluator.estimates import Missing
from gancross.evaluator.judging.batch_norm_passes import (
    first_samples,
    network_inputs,
    raw_scores,
    scores_or_remedy,
    wants_whole_batches,
)
from gancross.evaluator.judging.behaviour import behaviour
from gancross.evaluator.judging.controls import uniform_noise
from gancross.evaluator.judging.norm_probes import (
    sees_company_in_training,
    stale_norm,
    unreachable_norm,
    untrained_norm,
)
from gancross.evaluator.judging.probe_results import DiscriminatorProbe, GeneratorProbe, Probes
from gancross.evaluator.judging.range_probes import in_one_half, like_probabilities, other_range, outside
from gancross.evaluator.judging.sampling import check_shape, generated, probe_latents
from gancross.evaluator.judging.signs import in_one_half, outside, untrained_norm
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
    test: torch.Tensor,
    shape: tuple[int, ...],
    device: torch.device,
    chunk: int = CHUNK,
) -> dict[str, Probes]:
    """Every contestant's networks, tried out on 256 samples, or on a chunk where that is smaller.

    Args:
        test: the test data, in a random order.
        chunk: samples that networks see at a time; at least 8 are tried out.

    Raises:
        UsageError: samples of another shape than the data, or a network that fails on them.
    """
    return {contestant.name: _probes(contestant, test, shape, device, chunk) for contestant in contestants}


def _probes(
    contestant: Contestant, test: torch.Tensor, shape: tuple[int, ...], device: torch.device, chunk: int
) -> Probes:
    """Samples come first, since a discriminator is tried out on them."""
    probed = _probed(chunk)
    generator: GeneratorProbe | Missing = NO_GENERATOR
    if contestant.samples is not None:
        check_shape(contestant.name, tuple(contestant.samples.shape[1:]), shape)
        fakes = contestant.samples[:probed]
    else:
        latents = probe_latents(contestant, probed + probed // 2).to(device)
        samples = generated(contestant, latents[:probed], seed=0)
        fakes = to_common(to_canonical(samples, contestant.data_range), contestant.resizing)
        check_shape(contestant.name, tuple(fakes.shape[1:]), shape)
        generator = _generator_probe(contestant, latents, samples, test)
    if contestant.discriminator is None:
        return Probes(generator=generator, discriminator=NO_DISCRIMINATOR)
    return Probes(
        generator=generator,
        discriminator=judge_probe(contestant, reals=test, fakes=fakes, device=device, chunk=chunk),
    )


def judge_probe(
    judge: Contestant, *, reals: torch.Tensor, fakes: torch.Tensor, device: torch.device, chunk: int
) -> DiscriminatorProbe:
    """A contestant's discriminator, tried out on half reals and half samples, in canonical form.

    Raises:
        UsageError: it fails on them.
    """
    n = _batch(judge, _probed(chunk))
    half = n // 2
    inputs = torch.cat([first_samples(part, m).to(device) for part, m in ((reals, half), (fakes, n - half))])
    strangers = uniform_noise(reals, n - half, seed=0).to(device)
    return _discriminator_probe(judge, inputs, strangers, chunk)


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
    contestant: Contestant, latents: torch.Tensor, samples: torch.Tensor, test: torch.Tensor
) -> GeneratorProbe:
    """Of the samples that the first latents gave; the rest are strangers."""
    generator = contestant.generator
    assert generator is not None
    n = len(samples)
    inputs, strangers = latents[:n], latents[n:]

    def call(batch: torch.Tensor, seed: int) -> torch.Tensor:
        return generated(contestant, batch, seed=seed).float().flatten(1)

    base = samples.float().flatten(1)
    data = to_network(test[:PROBED], contestant.data_range).float().flatten(1).to(base.device)
    low, high = float(samples.amin()), float(samples.amax())
    is_image = samples.ndim == 4
    return GeneratorProbe(
        **behaviour(generator, call, inputs, strangers, base=base, data_range=None),
        untrained_norm=untrained_norm(generator),
        stale_norm=stale_norm(generator, call, inputs, base=base, data=data),
        low=low, high=high, outside=outside(samples, contestant.data_range) if is_image else NO_RANGE,
        one_half=is_image and in_one_half(low, high, contestant.data_range, test),
    )  # fmt: skip


def _discriminator_probe(
    contestant: Contestant, inputs: torch.Tensor, strangers: torch.Tensor, chunk: int
) -> DiscriminatorProbe:
    judge = contestant.discriminator
    assert judge is not None

    def call(batch: torch.Tensor, seed: int) -> torch.Tensor:
        return raw_scores(contestant, batch, seed=seed).double()[:, None]

    def score(described: Contestant, batch: torch.Tensor) -> torch.Tensor:
        return raw_scores(described, batch, seed=0).double()

    scores = call(inputs, 0)
    found = behaviour(judge, call, inputs, strangers, base=scores, data_range=contestant.data_range)
    return DiscriminatorProbe(
        **found,
        untrained_norm=untrained_norm(judge),
        unreachable_norm=unreachable_norm(judge, call, inputs, scores)
        or (not found["coupled"] and sees_company_in_training(judge, call, inputs, strangers)),
        like_probabilities=like_probabilities(contestant, inputs, scores, score),
        other_range=other_range(contestant, inputs, scores, score, reals=len(inputs) - len(strangers)),
    )


def _repeated(samples: torch.Tensor, n: int) -> torch.Tensor:
    """The first n samples, from the beginning again where there are fewer."""
    return samples[torch.arange(n) % len(samples)]
