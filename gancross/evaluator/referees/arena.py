"""What all referees of a call have in common, and how much each of them trains on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch

from gancross.evaluator.referees.entries import EntryKey
from gancross.evaluator.referees.halves import SampleSet, halves
from gancross.evaluator.referees.ladder import Ladder
from gancross.evaluator.referees.protocol import RefereeProtocol
from gancross.evaluator.referees.training import Identity
from gancross.machine.cores import available_cores


@dataclass(frozen=True, kw_only=True, eq=False)
class Arena:
    """What all referees of a call have in common.

    Attributes:
        size: the equal number of reals and of samples on which each of them trains.
        seed: of the first referees; those of other seeds count on from it.
        workers: processes in which referees train; 1: in this one.
        on_cluster: whether they train on the workers of joblib's present backend instead.
    """

    reals: SampleSet
    ladder: Ladder
    protocol: RefereeProtocol
    size: int
    seed: int
    device: torch.device
    workers: int = 1
    on_cluster: bool = False

    @property
    def identities(self) -> tuple[Identity, ...]:
        """Two referees for every seed."""
        seeds = range(self.seed, self.seed + self.protocol.seeds)
        return tuple(Identity(seed=seed, half=half) for seed in seeds for half in (0, 1))

    def key(self, samples: SampleSet, identity: Identity) -> EntryKey:
        """Of one referee of a sample set."""
        return EntryKey(
            samples=samples.sha256, reals=self.reals.sha256, protocol=self.protocol, size=self.size,
            identity=identity, device=self.device.type,
        )  # fmt: skip


def default_workers(device: torch.device) -> int:
    """One for each core that this process may use; one where they would share a GPU."""
    if device.type != "cpu":
        return 1
    return available_cores()


def equal_number(reals: SampleSet, sets: Iterable[SampleSet], *, seed: int, seeds: int) -> int:
    """The smallest half of the reals and of all sample sets, over the seeds."""
    sides = [(reals, "reals"), *((samples, "samples") for samples in sets)]
    return min(
        len(half)
        for number in range(seed, seed + seeds)
        for side, purpose in sides
        for half in halves(side.items, seed=number, purpose=purpose)
    )
