"""A model that is code alone: a factory that builds its networks and loads their weights, without a file."""

from __future__ import annotations

import hashlib
import os
import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gancross.checkpoint.checkpoint import NETWORKS, check_finite
from gancross.checkpoint.contestant import Contestant, Origin
from gancross.checkpoint.own_networks import takes_argument
from gancross.errors import UsageError
from gancross.evaluator.contestants.factories import built_from, load_factory
from gancross.evaluator.contestants.naming import named_code
from gancross.evaluator.contestants.user_modules import project
from gancross.evaluator.contestants.weight_matching import network_weights
from gancross.models.buffers import seeded
from gancross.random_streams import Stream
from gancross.untrusted.values import RefusedArchive

CPU = torch.device("cpu")
NOTE = "its factory loaded its weights, or left them as built: the hash is that of the code, not of weights"


def code_contestant(code: str, description: Mapping[str, Any], *, name: str) -> Contestant:
    """The contestant of `path/to/file.py:factory` or `module:factory`; runs that code.

    The generators of torch, numpy and Python start at a fixed state, so that weights which the factory leaves
    as built are the same in every call.

    Args:
        description: fields of the contestant; they replace what the factory says. Networks alone need
            `latents`.

    Raises:
        UsageError: no such function; it has a parameter, raises, or returns neither a contestant nor
            (generator, discriminator); weights are NaN or infinite; a field does not fit.
    """
    place = f"{name}={code}"
    factory = load_factory(code, place=place)
    if takes_argument(factory):
        raise UsageError(
            f"{place}: the factory has a parameter, the content of a file: write {name}=FILE --arch {place}"
        )
    built = built_from(seeded_call(factory, Stream(0, "weights", "factory").integer(0)), place=place)
    if isinstance(built, Contestant):
        latents = "latents" in description
        ours = {"latent_dim": None, "latent_shape": None, "latent": "normal"} if latents else {}
        contestant = replace(built, name=name, **(ours | dict(description)))
    elif "latents" in description:
        generator, discriminator = built
        contestant = Contestant(name=name, generator=generator, discriminator=discriminator, **description)
    else:
        raise UsageError(
            f"{place}: the factory returns networks alone: say what the generator takes, as in --describe"
            f" {name}=latents=noise:128, or let it return a gancross.Contestant"
        )
    for what, network in zip(NETWORKS, (contestant.generator, contestant.discriminator), strict=True):
        if network is not None:
            network.eval().requires_grad_(False)
            try:
                check_finite(network_weights(network))
            except RefusedArchive as error:
                raise UsageError(f"{place}: the factory's {what}: {error}") from None
    sha256 = hashlib.sha256(_file(code).read_bytes()).hexdigest()
    return replace(contestant, origin=Origin(path=code, sha256=sha256, arch=code, notes=(NOTE,)))


def seeded_call(function: Callable[..., object], start: int) -> Callable[..., object]:
    """The function, with the generators of torch, numpy and Python at a state that `start` gives."""

    def called(*arguments: object) -> object:
        random.seed(start)
        np.random.seed(start % 2**32)  # what the user's code may draw from
        with seeded(start, CPU):
            return function(*arguments)

    return called


def _file(code: str) -> Path:
    """The file of a factory's module, which has been imported."""
    named = named_code(code)
    assert named is not None
    module = named[0]
    file = module if module.endswith(".py") else project(module).load().__file__
    assert file is not None
    return Path(os.path.expanduser(file))
