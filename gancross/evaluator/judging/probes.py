"""What a network does that a cross-test relies on it not to do, tried out before anything is judged.

By behaviour, not by type: a scripted module, a layer of another project or a wrapper shows the same. Every
network is called in evaluation mode on the same few samples, alone and in other company.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import nn

from gancross.checkpoint.contestant import NETWORK_FAILURES, Contestant
from gancross.data.resizing import to_common
from gancross.data.sets import to_canonical
from gancross.errors import UsageError
from gancross.evaluator.estimates import Missing
from gancross.evaluator.judging.batch_norm_passes import (
    first_samples,
    network_inputs,
    raw_scores,
    scores_or_remedy,
    wants_whole_batches,
)
from gancross.evaluator.judging.controls import uniform_noise
from gancross.evaluator.judging.probe_results import DiscriminatorProbe, GeneratorProbe, Probes
from gancross.evaluator.judging.sampling import check_shape, generated, probe_latents
from gancross.evaluator.judging.signs import in_one_half, outside, untrained_norm
from gancross.evaluator.protocol import CHUNK
from gancross.models.batch_norm import averaging_layers, batch_norms, batch_statistics
from gancross.models.buffers import seeded, unchanged
from gancross.models.module_state import modules_kept

PROBED = 256  # samples, or the nearest number of whole training batches
LEAST = 8  # samples of chunks that are smaller
MOST = 1024  # samples of one training batch
SINGLES = 2  # of them one by one
ALIKE, ALIKE_ALONE = 1e-3, 2e-2  # of the spread; a batch of one may take another kernel
ROUNDING = 1e-5  # of the largest output
NO_RANGE = Missing("vectors have no range")
NO_GENERATOR = Missing("given samples: no generator")
NO_DISCRIMINATOR = Missing("no discriminator")

Call = Callable[[torch.Tensor, int], torch.Tensor]  # (inputs, seed of the network's own noise)


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

    low, high = float(samples.amin()), float(samples.amax())
    is_image = samples.ndim == 4
    return GeneratorProbe(
        **_behaviour(generator, call, inputs, strangers, base=samples.float().flatten(1), judge=None),
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

    scores = scores_or_remedy(contestant, inputs, seed=0).double()[:, None]
    behaviour = _behaviour(judge, call, inputs, strangers, base=scores, judge=contestant)
    return DiscriminatorProbe(
        **behaviour,
        unreachable_norm=_unreachable_norm(judge, call, inputs, scores)
        or (not behaviour["coupled"] and _sees_company_in_training(judge, call, inputs, strangers)),
        like_probabilities=_like_probabilities(contestant, inputs, scores),
        whole_batches=(
            (not behaviour["coupled"] and wants_whole_batches(contestant, inputs, chunk=chunk)) or None
        ),
    )


def _unreachable_norm(judge: nn.Module, call: Call, inputs: torch.Tensor, scores: torch.Tensor) -> bool:
    """Whether a layer's running averages are used in training mode too, as in a traced module.

    torch's own layers are known to have two modes; others are switched one by one.
    """
    known = {id(layer) for layer in batch_norms(judge)}
    for layer in averaging_layers(judge):
        if id(layer) in known:
            continue
        try:
            with batch_statistics(layer):
                if bool((call(inputs, 0) == scores).all()):
                    return True
        except (UsageError, *NETWORK_FAILURES):
            return True
    return False


def _sees_company_in_training(
    judge: nn.Module, call: Call, inputs: torch.Tensor, strangers: torch.Tensor
) -> bool:
    """Whether scores depend on other samples in training mode, whatever layers that are known do.

    So does batch norm that keeps its averages under names of its own. Noise of one seed falls on one place;
    with noise that no seed reaches nothing can be said.
    """
    half = len(inputs) - len(strangers)
    with modules_kept([judge]):
        try:
            judge.train()
            for layer in averaging_layers(judge):
                layer.eval()
            first, second = call(inputs, 0)[:half], call(torch.cat([inputs[:half], strangers]), 0)[:half]
            return not _alike(first, second) and _alike(first, call(inputs, 0)[:half])
        except (UsageError, *NETWORK_FAILURES):
            return False


def _like_probabilities(contestant: Contestant, inputs: torch.Tensor, scores: torch.Tensor) -> bool:
    """Whether scores lie in 0…1, whatever is judged, where a threshold beyond decides the same of all.

    A network whose scores happen to lie there leaves it on images of a thousandfold contrast.
    """
    threshold = contestant.decision_threshold
    if contestant.score_kind == "probability" or threshold is None or 0 < threshold < 1:
        return False
    if not _in_unit_interval(scores) or not bool(scores.amax() > scores.amin()):
        return False
    strong = (inputs.float() - inputs.float().mean()) * 1000
    try:
        return _in_unit_interval(raw_scores(contestant, strong, seed=0))
    except (UsageError, *NETWORK_FAILURES):
        return True


def _in_unit_interval(scores: torch.Tensor) -> bool:
    return bool(((scores >= 0) & (scores <= 1)).all())


def _behaviour(
    network: nn.Module,
    call: Call,
    inputs: torch.Tensor,
    strangers: torch.Tensor,
    *,
    base: torch.Tensor,
    judge: Contestant | None,
) -> dict[str, bool]:
    """The fields of a `NetworkProbe`.

    Most networks need one call more: half of the inputs in another place and in other company, with another
    seed. Only where that shows a difference further calls tell noise from coupling.

    Args:
        base: output for the inputs with seed 0.
        judge: whose discriminator it is; None for a generator.
    """
    half = len(inputs) - len(strangers)
    order = torch.randperm(len(inputs), generator=torch.Generator().manual_seed(0)).to(inputs.device)
    mixed = torch.cat([inputs[:half], strangers])
    moved = torch.empty_like(base)
    moved[order] = call(mixed[order], 1)
    noise = unseeded = coupled = False
    if not _alike(base[:half], moved[:half]):
        noise = not _alike(base, call(inputs, 1))
        unseeded = noise and not _alike(base, call(inputs, 0))
        # Noise of the same seed falls on the same places.
        coupled = not unseeded and not _alike(base[:half], call(mixed, 0)[:half])
        if not noise and not coupled:  # its place alone makes a difference
            coupled = True
    elif not _alike_alone(call, inputs, base):
        coupled = True
    return {
        "noise": noise, "unseeded": unseeded, "coupled": coupled,
        "changes_buffers": _changes_buffers(
            network, inputs if judge is None else network_inputs(judge, inputs)
        ),
        "untrained_norm": untrained_norm(network),
    }  # fmt: skip


def _alike(first: torch.Tensor, second: torch.Tensor) -> bool:
    """Whether two outputs for the same samples differ by less than a share of their spread; NaN never."""
    return bool(((first - second).abs() <= _tolerance(first, ALIKE)).all())


def _alike_alone(call: Call, inputs: torch.Tensor, base: torch.Tensor) -> bool:
    """Whether a sample by itself has the same output; a network that takes no batch of one is believed."""
    for i in range(SINGLES):
        try:
            alone = call(inputs[i : i + 1], 0)
        except (UsageError, *NETWORK_FAILURES):
            return True
        if bool(((alone[0] - base[i]).abs() > _tolerance(base, ALIKE_ALONE)).any()):
            return False
    return True


def _tolerance(output: torch.Tensor, share: float) -> float:
    """A share of an output's standard deviation, or its rounding where it hardly varies."""
    return max(share * float(output.double().std()), ROUNDING * float(output.abs().amax()))


def _changes_buffers(network: nn.Module, inputs: torch.Tensor) -> bool:
    before = {name: buffer.clone() for name, buffer in network.named_buffers()}
    if not before:
        return False
    with unchanged(network), seeded(0, inputs.device):
        network(inputs)
        after = dict(network.named_buffers())
        return before.keys() != after.keys() or any(
            not torch.equal(buffer.nan_to_num(), after[name].nan_to_num()) for name, buffer in before.items()
        )
