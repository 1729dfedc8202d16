"""One replicate of a data set at work: its planted sets, their discriminators and their fidelity figures."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from gancross.checkpoint.contestant import Contestant
from gancross.data.sets import DataSet, finite
from gancross.errors import UsageError
from gancross.evaluator.referees.planted import left_out
from gancross.random_streams import Stream
from planted_pairs.data_sets import PURPOSE, Material, Replicate
from planted_pairs.design import PlannedPair, PlantedSet
from planted_pairs.faults import CLEAN, GAUSSIAN, KINDS, gaussian_samples
from planted_pairs.fidelity import fidelity_figures

SEEDS_APART = 10  # between the first referee seeds of two replicates
FRESH = 2  # the draw that a contestant's own discriminator trains on
STEPS = 30.0, 1000.0  # of own discriminators
BATCH, WIDTH, RATE = 64, 64, 2e-3


class Site:
    """A replicate; what was made once stays in memory.

    Attributes:
        data: name of the data set.
        reals: the held-out reals as a data set.
        seed: of the replicate's calls.
        common: training samples of the first replicate, which common clusters are found by.
    """

    def __init__(self, data: str, replicate: Replicate, material: Material, *, common: torch.Tensor) -> None:
        self.data, self.replicate, self.material, self.common = data, replicate, material, common
        self.reals: DataSet = finite(data, train=None, test=material.held_out, split="planted pairs")
        self.seed = SEEDS_APART * replicate.index
        self._samples: dict[PlantedSet, torch.Tensor] = {}
        self._discriminators: dict[PlantedSet, nn.Module] = {}
        self._fidelity: dict[PlantedSet, Mapping[str, float]] = {}

    def contestants(self, pair: PlannedPair) -> tuple[Contestant, Contestant]:
        """First and second of a pair; a random one of them is called a, the other b."""
        names = "ab" if self._stream("names", str(pair)).integer(0) % 2 else "ba"
        first, second = (
            Contestant(
                name=name, samples=self.samples(planted),
                discriminator=self.discriminator(planted) if self.material.endless else None,
            )
            for name, planted in zip(names, (pair.first, pair.second), strict=True)
        )  # fmt: skip
        return first, second

    def samples(self, planted: PlantedSet) -> torch.Tensor:
        """The samples of a set.

        Raises:
            UsageError: the fault leaves too few.
        """
        if planted not in self._samples:
            self._samples[planted] = self._planted(planted)
        return self._samples[planted]

    def discriminator(self, planted: PlantedSet) -> nn.Module:
        """A contestant's own discriminator, which trained on fresh samples of the same kind.

        As with GANs nobody knows how far it is: its steps are log-uniform from 30 to 1,000.
        """
        if planted not in self._discriminators:
            fresh = PlantedSet(kind=planted.kind, severity=planted.severity, draw=FRESH + planted.draw)
            self._discriminators[planted] = trained_discriminator(
                reals=self.material.null, samples=self._planted(fresh),
                stream=self._stream("discriminator", str(planted)),
            )  # fmt: skip
        return self._discriminators[planted]

    def fidelity(self, planted: PlantedSet) -> Mapping[str, float]:
        """Fréchet and kernel distance of a set from the held-out reals."""
        if planted not in self._fidelity:
            self._fidelity[planted] = fidelity_figures(self.samples(planted), self.material.held_out)
        return self._fidelity[planted]

    @cached_property
    def _own_seed(self) -> int:
        """Of the faults of the replicate."""
        return self._stream("faults").integer(0) % 2**31

    def _planted(self, planted: PlantedSet) -> torch.Tensor:
        n, pool = self.material.num_samples, self.material.pool
        stream = self._stream(planted.kind, f"{planted.severity:g}")
        if planted.kind == GAUSSIAN:
            return gaussian_samples(pool, n, stream.integer(planted.draw) % 2**31)
        kind = KINDS.get(planted.kind)
        if planted.common:
            seed = Stream(0, PURPOSE, self.data, "common clusters").integer(0) % 2**31
            pool = left_out(pool, planted.severity, seed, fitted=self.common)
        elif kind is not None and kind.of_whole:
            pool = kind.plant(pool, planted.severity, self._own_seed)
        if len(pool) < n:
            raise UsageError(f"{self.data}: {planted} leaves {len(pool)} samples, a set needs {n}")
        start = min(planted.draw * n, len(pool) - n)
        samples = pool[torch.from_numpy(stream.permutation(len(pool))[start : start + n])]
        if kind is None or kind.of_whole:
            assert kind is not None or planted.kind == CLEAN
            return samples
        return kind.plant(samples, planted.severity, stream.integer(planted.draw) % 2**31)

    def _stream(self, *words: str) -> Stream:
        return Stream(self.seed, PURPOSE, self.data, *words)


def trained_discriminator(*, reals: torch.Tensor, samples: torch.Tensor, stream: Stream) -> nn.Module:
    """An MLP that tells reals from samples by the logistic loss; its logits are high for reals."""
    low, high = np.log(STEPS)
    steps = round(float(np.exp(low + (high - low) * stream.uniforms(0, 1, 1)[0, 0])))
    random = stream.torch_generator()
    network = nn.Sequential(
        nn.Linear(reals.shape[1], WIDTH), nn.LeakyReLU(0.2), nn.Linear(WIDTH, WIDTH), nn.LeakyReLU(0.2),
        nn.Linear(WIDTH, 1),
    )  # fmt: skip
    for parameter in network.parameters():
        bound = parameter.shape[-1] ** -0.5
        with torch.no_grad():
            parameter.uniform_(-bound, bound, generator=random)
    optimizer = torch.optim.Adam(network.parameters(), lr=RATE)
    targets = torch.cat([torch.ones(BATCH), torch.zeros(BATCH)])
    for _ in range(steps):
        batch = torch.cat(
            [side[torch.randint(len(side), (BATCH,), generator=random)] for side in (reals, samples)]
        )
        loss = functional.binary_cross_entropy_with_logits(network(batch).flatten(), targets)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return network.eval()
