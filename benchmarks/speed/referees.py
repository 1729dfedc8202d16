"""What referees cost: a training beside its steps alone, and a contestant in seconds.

Larger images, the full budget and two contestants at once are the question `referees-full`, of hours.

Vectors are of the mixture, images are random bytes: what samples look like moves no time, since every referee
takes the same steps and one snapshot judges at each rung.

Shape suffixes: B pairs in a batch, J judges that train together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from fresh_referees import arena_and_sets, trained_anew
from torch import nn
from torch.nn import functional

from gancross.data import mixture
from gancross.evaluator.referees.halves import SampleSet, cut, halves
from gancross.evaluator.referees.judge import ImageJudge, VectorJudge
from gancross.evaluator.referees.ladder import Ladder
from gancross.evaluator.referees.protocol import BUDGETS, Budget, RefereeProtocol, form_of
from gancross.evaluator.referees.training import Material, judge_network, training_snapshots
from gancross.random_streams import Stream
from speed.timing import Row, Spread, interleaved, record

N = 10_000  # reals and samples, as many as a cross-test has
CPU = torch.device("cpu")
MOST_OF_BARE_LOOP = 1.10
VECTORS, SMALL, MEDIUM = (3,), (1, 8, 8), (3, 32, 32)


@dataclass(frozen=True)
class Training:
    """How one referee's training is compared: rounds at least, share of the time, steps (None: all)."""

    rounds: int
    share: float
    steps: int | None = None


@dataclass(frozen=True)
class Cost:
    """How a contestant's seconds are measured: how often, and at most how many there should be."""

    rounds: int
    goal: float | None = None
    share: float = 0.0


TRAININGS: Mapping[tuple[int, ...], Training] = {
    MEDIUM: Training(3, 0.25, steps=100), SMALL: Training(3, 0.15), VECTORS: Training(3, 0.15)
}  # fmt: skip
COSTS: Mapping[tuple[int, ...], Cost] = {VECTORS: Cost(2, 15, 0.15), SMALL: Cost(2, 15, 0.2)}


def random_samples(shape: tuple[int, ...], n: int, seed: int) -> torch.Tensor:
    """Points of the mixture, or images of random bytes."""
    if shape == VECTORS:
        return mixture.samples(Stream(seed, "bench", "referees"), 0, n)
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (n, *shape), dtype=torch.uint8, generator=generator)


def named(shape: tuple[int, ...]) -> str:
    """A shape for people."""
    return f"vectors of {shape[0]}" if len(shape) == 1 else f"images {shape[1]}×{shape[2]}"


class Loops:
    """Trainings of the referees of one seed and half, of one contestant or of several."""

    def __init__(
        self, shape: tuple[int, ...], protocol: RefereeProtocol, *, n: int, contestants: int = 1
    ) -> None:
        samples = {str(number): random_samples(shape, n, number + 1) for number in range(contestants)}
        self.arena, sets = arena_and_sets(random_samples(shape, n, 0), samples, protocol)
        self.shape, self.identity = shape, self.arena.identities[0]
        self.reals = self._material(self.arena.reals, "reals")
        self.samples = [self._material(samples, "samples") for samples in sets.values()]
        self.batch = min(protocol.batch_size, len(self.reals.training))
        # Of the bare loops: inputs before noise, rows of every batch, weights before the first step.
        self.real_inputs = self._inputs(self.reals)
        self.sample_inputs = [self._inputs(material) for material in self.samples]
        self.real_rows, self.sample_rows = self._rows("reals"), self._rows("samples")
        initial = self.network()
        if isinstance(initial, VectorJudge):
            initial.look_at(self.real_inputs)
        self.initial = initial.state_dict()

    @property
    def ladder(self) -> Ladder:
        """The ladder of all."""
        return self.arena.ladder

    def network(self) -> ImageJudge | VectorJudge:
        """A referee's network with its initial weights, in training mode."""
        return judge_network(self.shape, self.ladder, self.arena.protocol, self.identity, CPU)

    def trained(self) -> nn.Module:
        """The product: snapshots of averaged weights on the way."""
        network = self.network()
        for _ in training_snapshots(
            network, reals=self.reals, samples=self.samples[0], ladder=self.ladder,
            protocol=self.arena.protocol, identity=self.identity,
        ):  # fmt: skip
            pass
        return network

    def bare(self, contestant: int = 0) -> nn.Module:
        """The same steps alone: inputs, noise, forward, loss, backward, Adam."""
        network = self._initial_network()
        optimizer = self._optimizer(list(network.parameters()))
        targets = torch.cat([torch.ones(self.batch), torch.zeros(self.batch)])
        for real_B, sample_B, sigma_B, noise_B in self._draws():
            pairs = torch.stack([self.real_inputs[real_B], self.sample_inputs[contestant][sample_B]])
            inputs = network.inputs(_noisy(pairs, sigma_B, noise_B), sigma_B.repeat(2))
            loss = functional.binary_cross_entropy_with_logits(network(inputs), targets)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        return network

    def bare_one_after_another(self) -> list[nn.Module]:
        """`bare` of all contestants."""
        return [self.bare(contestant) for contestant in range(len(self.samples))]

    def bare_together(self) -> dict[str, torch.Tensor]:
        """One loop for all contestants, with batched matrix products or grouped convolutions.

        Judges share reals and noise, so that the inputs of reals are computed once.

        Returns:
            The parameters by name, (J, …).
        """
        count = len(self.samples)
        networks = [self._initial_network() for _ in range(count)]
        parameters, buffers = torch.func.stack_module_state(networks)
        optimizer = self._optimizer(list(parameters.values()))
        targets = torch.cat([torch.ones(count, self.batch), torch.zeros(count, self.batch)], 1)
        # One judge's masks of dropout serve all of them, as they do where each has a generator of one seed.
        scores_of = torch.vmap(partial(_scores, networks[0]), randomness="same")
        for real_B, sample_B, sigma_B, noise_B in self._draws():
            samples = [inputs[sample_B] for inputs in self.sample_inputs]
            sides = torch.stack([self.real_inputs[real_B], *samples])
            inputs = networks[0].inputs(_noisy(sides, sigma_B, noise_B), sigma_B.repeat(1 + count))
            reals, *fakes = torch.split(inputs, self.batch)
            scores_JB = scores_of(
                parameters, buffers, torch.stack([torch.cat([reals, fake]) for fake in fakes])
            )
            loss = count * functional.binary_cross_entropy_with_logits(scores_JB, targets)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        return parameters

    def _material(self, samples: SampleSet, purpose: str) -> Material:
        rows = halves(samples.items, seed=self.identity.seed, purpose=purpose)
        own = cut(rows, half=self.identity.half, size=self.arena.size)
        return Material(array=samples.array, training=own.training, validation=own.validation)

    def _inputs(self, material: Material) -> torch.Tensor:
        return self.ladder.inputs(material.array[torch.from_numpy(material.training)])

    def _rows(self, kind: str) -> list[torch.Tensor]:
        """The rows of the training samples of every step's batch."""
        n, steps = len(self.reals.training), self.arena.protocol.steps
        batches: list[torch.Tensor] = []
        for epoch in range(-(-steps // (n // self.batch))):
            order = self.identity.stream("order", kind, f"epoch-{epoch}").permutation(n)
            batches += torch.split(torch.from_numpy(order[: n - n % self.batch]), self.batch)
        return batches[:steps]

    def _draws(self) -> Iterator[tuple[torch.Tensor, ...]]:
        """For every step the rows of reals and samples, the σ and the ε of its pairs."""
        generator = self.identity.stream("noise").torch_generator(CPU)
        low, high = self.ladder.log_range
        for real_B, sample_B in zip(self.real_rows, self.sample_rows, strict=True):
            sigma_B = torch.exp(low + (high - low) * torch.rand(self.batch, generator=generator))
            yield real_B, sample_B, sigma_B, torch.randn((self.batch, *self.shape), generator=generator)

    def _initial_network(self) -> ImageJudge | VectorJudge:
        network = self.network()
        network.load_state_dict(self.initial)
        return network.train()

    def _optimizer(self, parameters: Sequence[torch.Tensor]) -> torch.optim.Adam:
        protocol = self.arena.protocol
        return torch.optim.Adam(parameters, lr=protocol.learning_rate, betas=protocol.betas, fused=True)


def _noisy(sides: torch.Tensor, sigma_B: torch.Tensor, noise_B: torch.Tensor) -> torch.Tensor:
    """x + σε of sides (S, B, …) that share noise, as (S·B, …)."""
    broad = sigma_B.view(-1, *(1,) * (noise_B.ndim - 1))
    return torch.addcmul(sides, broad, noise_B).flatten(0, 1)


def _scores(
    network: nn.Module, parameters: dict[str, torch.Tensor], buffers: dict[str, torch.Tensor],
    inputs: torch.Tensor,
) -> torch.Tensor:  # fmt: skip
    return torch.func.functional_call(network, (parameters, buffers), (inputs,))  # type: ignore[no-any-return]


def training_row(shape: tuple[int, ...], size: Training) -> Row:
    """Training / its steps alone."""
    protocol = BUDGETS["quick"][form_of(shape)]
    steps = min(size.steps or protocol.steps, protocol.steps)
    loops = Loops(shape, replace(protocol, steps=steps), n=N)
    part = "" if steps == protocol.steps else f", {steps} of {protocol.steps} steps"
    return interleaved(
        {"training": loops.trained, "bare loop": loops.bare}, rounds=size.rounds, threads=1, share=size.share
    ).row(
        f"referee training, {named(shape)}{part} / bare loop of its steps", "training", "bare loop",
        predicted=1.0, goal=MOST_OF_BARE_LOOP,
    )  # fmt: skip


def cost_row(shape: tuple[int, ...], budget: Budget, cost: Cost) -> Row:
    """Processor seconds of all referees of one contestant: training, choice of snapshots, scores of all."""
    protocol = BUDGETS[budget][form_of(shape)]
    arena, sets = arena_and_sets(
        random_samples(shape, N, 0), {"contestant": random_samples(shape, N, 1)}, protocol
    )
    times = interleaved(
        {"contestant": partial(trained_anew, sets, arena)}, rounds=cost.rounds, threads=1, warmup=0,
        share=cost.share,
    )  # fmt: skip
    return Row(
        work=f"a contestant's {len(arena.identities)} referees, `{budget}`, {named(shape)}, n = {N:,}"
        " (processor time)",
        measured=Spread.of(times.cpu["contestant"]), unit="s", threads=1, goal=cost.goal,
        parts={"seconds": times.spreads(), "steps": protocol.steps, "num_training": arena.size},
    )  # fmt: skip


def rows() -> list[Row]:
    """At one thread."""
    result = [training_row(shape, size) for shape, size in TRAININGS.items()]
    return result + [cost_row(shape, "quick", cost) for shape, cost in COSTS.items()]


if __name__ == "__main__":
    record("referees", rows)
