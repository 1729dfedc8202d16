"""The networks of a training run that the user's code builds, with initial weights from a seed."""

from __future__ import annotations

import random

import numpy as np
import torch

from gancross.checkpoint.own_networks import NetworkPair, network_pair, takes_argument
from gancross.evaluator.contestants.factories import load_factory, run_user_code
from gancross.models.buffers import seeded
from gancross.random_streams import Stream

CPU = torch.device("cpu")


def load_pair(code: str, recipe: object, *, seed: int, place: str) -> NetworkPair:
    """What the function `module:pair` or `path/to/file.py:pair` returns; runs that code.

    It is called without arguments, or with the recipe where it has a parameter without default. The
    generators of torch, numpy and Python start at a state that follows from `seed` alone, and are put back:
    the same code and seed give the same weights. Messages begin with `place`.

    Raises:
        UsageError: there is no such function, it raises, or does not return (generator, discriminator).
    """
    function = load_factory(code, place=place)
    arguments = (recipe,) if takes_argument(function) else ()
    start = Stream(seed, "weights", "own").integer(0)

    def built() -> object:
        random.seed(start)
        np.random.seed(start % 2**32)  # what the user's code may draw from
        with seeded(start, CPU):
            return function(*arguments)

    return network_pair(run_user_code(f"{place}: the function", built), place)
