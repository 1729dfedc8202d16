"""Mutated checkpoints: mutation i is a function of (seed, i) alone.

Some mutations ignore the format, some rebuild the structure around the change, checksums included, so
that the code behind the checksums sees it.
"""

from __future__ import annotations

import random
import warnings
from dataclasses import dataclass

from mutations.archives import MARKER, OF_ARCHIVES
from mutations.bases import BASES, bases
from mutations.bytewise import BYTEWISE, Mutate
from mutations.tensor_files import OF_TENSOR_FILES

__all__ = ["KINDS", "MARKER", "Mutation", "bases", "mutation"]

MUTATIONS: dict[str, dict[str, Mutate]] = {
    ".pt": {**BYTEWISE, **OF_ARCHIVES},
    ".safetensors": {**BYTEWISE, **OF_TENSOR_FILES},
}
KINDS = [(suffix, kind) for suffix, of_format in MUTATIONS.items() for kind in of_format]


@dataclass(frozen=True, kw_only=True)
class Mutation:
    kind: str
    base: str
    suffix: str
    content: bytes


def mutation(seed: int, number: int, good: dict[str, dict[str, bytes]]) -> Mutation:
    """Mutation `number` of a seed."""
    rng = random.Random(f"{seed}/{number}")
    suffix, kind = KINDS[number % len(KINDS)]
    base = rng.choice(list(BASES))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's, of deprecated types of tensors
        content = MUTATIONS[suffix][kind](rng, good[suffix][base])
    return Mutation(kind=f"{suffix} {kind}", base=base, suffix=suffix, content=content)
