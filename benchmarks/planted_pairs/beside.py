"""Pairs whose order nobody knows for certain, reported beside the others: checkpoints, truncation, copies."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations, pairwise
from pathlib import Path

import referee_data
import torch
from scipy.special import ndtri

from gancross.checkpoint.contestant import Contestant
from gancross.checkpoint.file import load_contestant
from gancross.data import catalogue
from gancross.data.sets import DataSet, FiniteReals, finite
from gancross.random_streams import Stream
from gancross.trainer.loop import train
from gancross.trainer.recipes.fields import Setting
from gancross.trainer.recipes.named_recipes import recipe
from gancross.trainer.run.step_files import checkpoint_path
from planted_pairs.data_sets import PURPOSE
from planted_pairs.records import Call, PairOptions

RECIPES: Mapping[str, Mapping[str, Setting]] = {
    "mixture": {"width": 64, "batch_size": 128, "steps": 4000},
    "digits": {"width": 8, "batch_size": 32, "steps": 2000},
}
CHECKPOINTS = 10  # of a run
STEPS = (1, 3, 10)  # which of them are compared
TRUNCATIONS = (1.0, 0.8, 0.5)  # of the latents' standard deviation
ORIGINALS = (200, 50)  # different training reals of a contestant that copies
NUM_SAMPLES = {"mixture": 5000, "digits": 580, "moons": 5000}


@dataclass(frozen=True, kw_only=True, eq=False)
class BesidePair:
    """Two contestants, what they are, and how they are called.

    Attributes:
        contestants: called a and b.
    """

    data: str
    kind: str
    meanings: Mapping[str, str]
    contestants: Callable[[], tuple[Contestant, Contestant]]
    call: Callable[[PairOptions], Call]

    def __str__(self) -> str:
        return f"beside: {self.meanings['a']} | {self.meanings['b']}"


def beside_pairs(folder: Path) -> Iterator[BesidePair]:
    """All of them.

    Args:
        folder: where runs are trained, or found.
    """
    for data in RECIPES:
        calls = partial(_gan_call, data)
        for early, late in pairwise(STEPS):
            yield _pair(data, "checkpoints", calls, {
                f"after {part} tenths of the steps": partial(_checkpoint, folder, data, part)
                for part in (early, late)
            })  # fmt: skip
        for wide, narrow in combinations(TRUNCATIONS, 2):
            yield _pair(data, "truncation", calls, {
                f"latents times {scale:g}": partial(_truncated, folder, data, scale)
                for scale in (wide, narrow)
            })  # fmt: skip
    for data in ("moons", "digits"):
        for originals in ORIGINALS:
            yield _pair(data, "copies", partial(_copies_call, data), {
                "training reals": partial(_copies, data, None),
                f"copies of {originals} training reals": partial(_copies, data, originals),
            })  # fmt: skip


def _pair(
    data: str,
    kind: str,
    call: Callable[[PairOptions], Call],
    makers: Mapping[str, Callable[[str], Contestant]],
) -> BesidePair:
    meanings = dict(zip("ab", makers, strict=True))

    def contestants() -> tuple[Contestant, Contestant]:
        first, second = (makers[meanings[name]](name) for name in "ab")
        return first, second

    return BesidePair(data=data, kind=kind, meanings=meanings, contestants=contestants, call=call)


def _checkpoint(folder: Path, data: str, part: int, name: str) -> Contestant:
    """A GAN after some tenths of its steps."""
    chosen = recipe(data).with_changes(dict(RECIPES[data]))
    every = chosen.steps // CHECKPOINTS
    last = train(chosen, folder / data, device="cpu", checkpoint_every=every, log_every=chosen.steps)
    return load_contestant(checkpoint_path(last.parent, part * every), name=name)


def _truncated(folder: Path, data: str, scale: float, name: str) -> Contestant:
    """The trained GAN with latents nearer to 0."""
    whole = _checkpoint(folder, data, CHECKPOINTS, name)
    return replace(whole, latent=lambda uniforms: torch.from_numpy(scale * ndtri(uniforms.numpy())))


def _copies(data: str, originals: int | None, name: str) -> Contestant:
    """Training reals, all different, or some of them again and again."""
    n, pool = NUM_SAMPLES[data], _copies_split(data).training
    rows = torch.from_numpy(Stream(0, PURPOSE, data, name).permutation(len(pool)))
    return Contestant(name=name, samples=pool[rows[torch.arange(n) % (originals or n)]])


def _copies_split(data: str) -> referee_data.Split:
    if data == "digits":
        return referee_data.digits_split(purpose=f"{PURPOSE}, copies", held_out=560)
    n = NUM_SAMPLES[data]
    return referee_data.toy_split(data, purpose=f"{PURPOSE}, copies", held_out=n, training=2 * n)


def _gan_call(data: str, options: PairOptions) -> Call:
    reals: DataSet = catalogue.load(data, root=catalogue.DEFAULT_ROOT, image_size=None, test_seed=0)
    training = reals.train.array if isinstance(reals.train, FiniteReals) else None
    return Call(reals=reals, training=training, options=options, seed=0, num_samples=NUM_SAMPLES[data])


def _copies_call(data: str, options: PairOptions) -> Call:
    split = _copies_split(data)
    reals = finite(data, train=None, test=split.held_out, split="planted pairs")
    return Call(
        reals=reals, training=split.training, options=options, seed=0, num_samples=NUM_SAMPLES[data]
    )  # fmt: skip
