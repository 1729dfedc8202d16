"""The networks of a training run that the user's code builds, with initial weights from a seed."""

from __future__ import annotations

from gancross.checkpoint.own_networks import NetworkPair, network_pair, takes_argument
from gancross.evaluator.contestants.code_models import seeded_call
from gancross.evaluator.contestants.factories import load_factory, run_user_code
from gancross.random_streams import Stream


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
    call = seeded_call(function, Stream(seed, "weights", "own").integer(0))
    return network_pair(run_user_code(f"{place}: the function", lambda: call(*arguments)), place)
