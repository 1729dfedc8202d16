"""One referee: its training, and the choice of the snapshot that judges at each rung.

Shape suffixes: B pairs in a batch, N samples, K rungs, S snapshots.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional
from torch.optim.swa_utils import get_ema_multi_avg_fn

from gancross.evaluator.referees.judge import ImageJudge, VectorJudge
from gancross.evaluator.referees.ladder import Ladder
from gancross.evaluator.referees.parts import UNWATCHED, Meter
from gancross.evaluator.referees.protocol import RefereeProtocol, chooses
from gancross.evaluator.referees.scoring import Weights, noisy, rung_scores
from gancross.machine.devices import moved
from gancross.random_streams import Stream

Losses = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Material:
    """What one referee sees of reals or of samples.

    Attributes:
        array: all of them in canonical form, on the device of the referee or on the CPU.
        training, validation: rows.
        labels: of all of them, int64 (N,), on the device of the array, where the referee sees them.
    """

    array: torch.Tensor
    training: NDArray[np.int64]
    validation: NDArray[np.int64]
    labels: torch.Tensor | None = None


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Which referee of a contestant: its random numbers depend on this alone, so that contestants share them.

    The referees of two contestants start from the same weights and see the same reals under the same noise.
    """

    seed: int
    half: int

    def stream(self, *words: str) -> Stream:
        """Random numbers of its own for each purpose."""
        return Stream(self.seed, "referee", f"half-{self.half}", *words)


@dataclass(frozen=True, kw_only=True, eq=False)
class Referee:
    """A trained referee.

    Attributes:
        snapshots: averaged weights by step, of those steps that judge somewhere.
        chosen: the step that judges at each rung.
    """

    snapshots: Mapping[int, Weights]
    chosen: tuple[int, ...]

    def judges(
        self, shape: tuple[int, ...], ladder: Ladder, protocol: RefereeProtocol, identity: Identity,
        device: torch.device,
    ) -> dict[int, nn.Module]:  # fmt: skip
        """Its snapshots as networks in evaluation mode."""
        return {
            step: loaded(shape, ladder, protocol, identity, device, weights)
            for step, weights in self.snapshots.items()
        }


def trained(
    *, reals: Material, samples: Material, ladder: Ladder, protocol: RefereeProtocol, identity: Identity,
    device: torch.device, meter: Meter = UNWATCHED,
) -> Referee:  # fmt: skip
    """The referee of one seed and half, trained to tell reals from samples under noise of every rung.

    At each rung the snapshot with the lowest validation loss judges, averaged over the neighbouring rungs;
    with fewer than 50 validation reals the last one.
    """
    shape = tuple(reals.array.shape[1:])
    network = judge_network(shape, ladder, protocol, identity, device)
    snapshots = dict(training_snapshots(
        network, reals=reals, samples=samples, ladder=ladder, protocol=protocol, identity=identity,
        meter=meter,
    ))  # fmt: skip
    steps = list(snapshots)
    referee = Referee(snapshots=snapshots, chosen=(steps[-1],) * len(ladder.sigmas))
    if chooses(len(reals.validation)):
        judges = referee.judges(shape, ladder, protocol, identity, device)
        losses_SK = validation_losses(
            list(judges.values()), reals=reals, samples=samples, ladder=ladder, identity=identity,
            device=device, meter=meter,
        )  # fmt: skip
        referee = replace(referee, chosen=tuple(steps[row] for row in smoothed(losses_SK).argmin(0)))
    return replace(referee, snapshots={step: snapshots[step] for step in sorted(set(referee.chosen))})


def loaded(
    shape: tuple[int, ...], ladder: Ladder, protocol: RefereeProtocol, identity: Identity,
    device: torch.device, weights: Weights,
) -> nn.Module:  # fmt: skip
    """A referee's network with these weights, in evaluation mode."""
    network = judge_network(shape, ladder, protocol, identity, device).eval()
    network.load_state_dict(weights)
    return network


def judge_network(
    shape: tuple[int, ...],
    ladder: Ladder,
    protocol: RefereeProtocol,
    identity: Identity,
    device: torch.device,
) -> ImageJudge | VectorJudge:
    """The network of a referee with its initial weights, which are the same on every device."""
    weights = identity.stream("weights").torch_generator()
    with torch.random.fork_rng(devices=[]):  # torch's layers first draw weights from the global generator
        if len(shape) == 1:
            return VectorJudge(
                shape, ladder, width=protocol.width, weights=weights, num_classes=protocol.num_classes
            ).to(device)
        judge = ImageJudge(
            shape, ladder, width=protocol.width, weights=weights, dropout=protocol.dropout,
            bandwidths=protocol.waves,
            dropout_generator=identity.stream("dropout").torch_generator(device),
            num_classes=protocol.num_classes,
        )  # fmt: skip
    return judge.to(device).to(memory_format=torch.channels_last)


def training_snapshots(
    network: ImageJudge | VectorJudge, *, reals: Material, samples: Material, ladder: Ladder,
    protocol: RefereeProtocol, identity: Identity, kept: Sequence[int] = (), meter: Meter = UNWATCHED,
) -> Iterator[tuple[int, Weights]]:  # fmt: skip
    """Trains the network; yields the averaged weights at each step of `protocol.snapshots`, or of `kept`.

    A step takes B pairs of a real and a sample. A pair has one level σ, log-uniform over the ladder, and one
    ε for both, which leaves both distributions as they are. Loss: the mean of ln(1 + e^−r) over reals and of
    ln(1 + e^r) over samples, halved. Adam; averages decay by `protocol.average` a step.

    Source: Roth et al. 2017, Eq. 2 for the loss, Eq. 3 for the noise.
    """
    device = next(network.parameters()).device
    batch = min(protocol.batch_size, len(reals.training), len(samples.training))
    ladder = ladder.on(device)
    if isinstance(network, VectorJudge):
        network.look_at(ladder.inputs(reals.array[reals.training]))
    names = [name for name, _ in network.named_parameters()]
    fixed = dict(network.named_buffers())
    parameters = [parameter.detach() for parameter in network.parameters()]
    averages = [parameter.clone() for parameter in parameters]
    average = get_ema_multi_avg_fn(protocol.average)  # type: ignore[no-untyped-call]
    optimizer = torch.optim.Adam(
        network.parameters(), lr=protocol.learning_rate, betas=protocol.betas, fused=True
    )
    generator = identity.stream("noise").torch_generator(device)
    targets = torch.cat([torch.ones(batch, device=device), torch.zeros(batch, device=device)])
    real_batches = _batches(reals, identity, "reals", batch)
    sample_batches = _batches(samples, identity, "samples", batch)
    wanted = set(kept or protocol.snapshots)
    network.train()
    for step in range(1, protocol.steps + 1):
        both = next(real_batches), next(sample_batches)
        pairs = torch.cat([moved(batch.samples, device) for batch in both])
        labels = [moved(batch.labels, device) for batch in both if batch.labels is not None]
        level = torch.rand(batch, generator=generator, device=device)
        epsilon = torch.randn((batch, *pairs.shape[1:]), generator=generator, device=device)
        inputs = network.inputs(*noisy(pairs, ladder, level.repeat(2), torch.cat([epsilon, epsilon])))
        scores = network(inputs, torch.cat(labels) if labels else None)
        loss = functional.binary_cross_entropy_with_logits(scores, targets)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        average(averages, parameters, None)
        meter.step()
        if step in wanted:
            yield step, fixed | dict(zip(names, [tensor.clone() for tensor in averages], strict=True))


def validation_losses(
    judges: Sequence[nn.Module], *, reals: Material, samples: Material, ladder: Ladder, identity: Identity,
    device: torch.device, meter: Meter = UNWATCHED,
) -> Losses:  # fmt: skip
    """E[ln(1 + e^−r)] + E[ln(1 + e^r)] by judge and rung, (S, K), on the validation rows."""

    def softplus(material: Material, kind: str, rung: int, sign: int) -> Losses:
        stream = identity.stream("validation", kind, f"rung-{rung}")
        scores_SN = rung_scores(
            judges, material.array, material.validation, ladder, rung=rung, stream=stream, device=device,
            labels=material.labels, meter=meter,
        )  # fmt: skip
        return np.asarray(np.logaddexp(0, sign * scores_SN.astype(np.float64)).mean(1))

    return np.stack([
        softplus(reals, "reals", rung, -1) + softplus(samples, "samples", rung, 1)
        for rung in range(len(ladder.sigmas))
    ], axis=1)  # fmt: skip


def smoothed(losses_SK: Losses) -> Losses:
    """The mean over each rung and its neighbours; the ladder's ends count twice."""
    padded = np.pad(losses_SK, ((0, 0), (1, 1)), "edge")
    return (padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]) / 3


@dataclass(frozen=True, kw_only=True, eq=False)
class _Batch:
    """Samples in canonical form, and their labels where the referee sees them."""

    samples: torch.Tensor
    labels: torch.Tensor | None


def _batches(material: Material, identity: Identity, kind: str, batch: int) -> Iterator[_Batch]:
    """Batches of training samples without end; the order of an epoch depends on identity and kind alone."""
    n, epoch = len(material.training), 0
    while True:
        order = identity.stream("order", kind, f"epoch-{epoch}").permutation(n)
        rows = moved(torch.from_numpy(material.training[order]), material.array.device)
        for start in range(0, n - batch + 1, batch):
            own, labels = rows[start : start + batch], material.labels
            yield _Batch(samples=material.array[own], labels=None if labels is None else labels[own])
        epoch += 1
