"""Referees that are trained anew, whatever a cache holds: to measure their seconds, and their chance."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from tempfile import TemporaryDirectory

import torch

from gancross.evaluator.referees.arena import Arena, equal_number
from gancross.evaluator.referees.entries import Entry
from gancross.evaluator.referees.halves import SampleSet, sample_set
from gancross.evaluator.referees.ladder import ladder
from gancross.evaluator.referees.protocol import RefereeProtocol
from gancross.evaluator.referees.work import refereed

CACHE_VARIABLE = "GANCROSS_CACHE"
CPU = torch.device("cpu")


def arena_and_sets(
    reals: torch.Tensor,
    samples: Mapping[str, torch.Tensor],
    protocol: RefereeProtocol,
    *,
    seed: int = 0,
    device: torch.device = CPU,
) -> tuple[Arena, dict[str, SampleSet]]:
    """What a call's referees have in common, in this process, and the sample sets by name."""
    real_set, sets = sample_set(reals), {name: sample_set(each) for name, each in samples.items()}
    arena = Arena(
        reals=real_set, ladder=ladder(real_set.array), protocol=protocol, seed=seed,
        size=equal_number(real_set, sets.values(), seed=seed, seeds=protocol.seeds),
        device=device,
    )  # fmt: skip
    return arena, sets


def trained_anew(sets: Mapping[str, SampleSet], arena: Arena) -> dict[str, list[Entry]]:
    """The referees of every sample set, in the order of the arena's identities."""
    with empty_cache():
        return refereed(sets, arena)[0]


@contextmanager
def empty_cache() -> Iterator[None]:
    """Inside, gancross's cache is a temporary folder."""
    before = os.environ.get(CACHE_VARIABLE)
    with TemporaryDirectory() as folder:
        os.environ[CACHE_VARIABLE] = folder
        try:
            yield
        finally:
            del os.environ[CACHE_VARIABLE]
            if before is not None:
                os.environ[CACHE_VARIABLE] = before
