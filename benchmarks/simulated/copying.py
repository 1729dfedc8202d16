"""The check for copies of training data: how often it rings for samples that are none, and for some that are.

Samples, training reals and held-out reals are drawn anew each time: points of the mixture in three
dimensions, Gaussian vectors in ten, digits cut at random, and images with the spectrum of natural ones,
whose contrast varies from image to image.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from torchvision.transforms.v2.functional import gaussian_blur

from gancross.data import digits, mixture
from gancross.evaluator.estimates import Missing
from gancross.evaluator.referees.copying import Copying, copying
from gancross.random_streams import Stream
from simulated.findings import AT_LEAST, Finding, Target, bias, coverage, holds, random_of, rate

SHARES = (0.1, 0.3)  # of the samples that are copies
NOISE = 0.25  # of a copy, in median distances from a held-out real to its nearest training real
SHRUNK = 0.8
MODES = 10  # of a collapsed generator
SIDE = 16

Draw = Callable[[np.random.Generator, int], torch.Tensor]
RINGS: Target = (0.0, 0.025)
SHOWS: Target = (0.95, 1.0)


@dataclass(frozen=True, kw_only=True)
class World:
    """Where samples and reals come from, and how many there are."""

    draw: Draw
    samples: int
    training: int
    held_out: int
    few_copies: Target = SHOWS

    def sets(self, random: np.random.Generator) -> list[torch.Tensor]:
        """Fresh samples, training reals, held-out reals."""
        sizes = [self.samples, self.training, self.held_out]
        return list(torch.split(self.draw(random, sum(sizes)), sizes))


def _mixture(random: np.random.Generator, n: int) -> torch.Tensor:
    return mixture.samples(Stream(int(random.integers(2**62)), "copying"), 0, n)


def _gaussian(random: np.random.Generator, n: int) -> torch.Tensor:
    return torch.from_numpy(random.standard_normal((n, 10), dtype=np.float32))


def _digits(random: np.random.Generator, n: int) -> torch.Tensor:
    return torch.cat(digits.images())[torch.from_numpy(random.permutation(1797)[:n])]


def _images(random: np.random.Generator, n: int) -> torch.Tensor:
    """Random fields whose amplitude falls as 1/f, colours correlated."""
    frequency = np.hypot(np.fft.fftfreq(SIDE)[:, None], np.fft.rfftfreq(SIDE)) + 1 / SIDE
    grey, colour = random.standard_normal((n, 1, SIDE, SIDE)), random.standard_normal((n, 3, SIDE, SIDE))
    field = np.fft.irfft2(np.fft.rfft2(grey + 0.3 * colour) / frequency, s=(SIDE, SIDE))
    contrast = random.lognormal(np.log(40), 0.5, (n, 1, 1, 1))
    return _levels(torch.from_numpy(128 + contrast * field / field.std()))


WORLDS = {
    "mixture": World(draw=_mixture, samples=1_000, training=2_000, held_out=1_000, few_copies=None),
    "ten dimensions": World(draw=_gaussian, samples=1_000, training=1_500, held_out=500),
    "digits": World(draw=_digits, samples=599, training=799, held_out=399),
    "images": World(draw=_images, samples=500, training=1_200, held_out=300),
}


def copying_false_alarms(draws: int) -> Iterator[Finding]:
    """How often samples made without the training data ring: as they are, shrunk, blurred, collapsed."""
    for name, world in WORLDS.items():
        for kind, change in _CHANGES.items():
            random, alarms = random_of("copying", name, kind), 0
            for _ in range(draws):
                fresh, training, held_out = world.sets(random)
                samples = change(fresh, random)
                alarms += _found(samples, training, held_out, random).copies
            yield rate("no copies: alarms", f"{_setting(name)}, {kind}", alarms, draws, RINGS)


def copying_power(draws: int) -> Iterator[Finding]:
    """How often noisy copies ring, and whether their share lies in its interval.

    On the plane of the mixture a quarter of all samples is near either side, so that few copies do not show.
    """
    for (name, world), share in product(WORLDS.items(), SHARES):
        random, alarms, covered = random_of("copying", name, "copies", share), 0, 0
        deviations = np.empty(draws)
        for draw in range(draws):
            fresh, training, held_out = world.sets(random)
            found = _found(_with_copies(fresh, training, held_out, share, random), training, held_out, random)
            alarms, covered = alarms + found.copies, covered + holds(found.share, share)
            deviations[draw] = found.share.value - share
        setting = f"{_setting(name)}, a share of {share} copied"
        yield rate(
            "copies: alarms", setting, alarms, draws, world.few_copies if share == SHARES[0] else SHOWS
        )
        yield coverage("share of copies", setting, covered, draws, AT_LEAST)
        yield bias("share of copies: bias", setting, deviations, None)


CLAIMS: dict[str, tuple[Callable[[int], Iterator[Finding]], int]] = {
    "copying-false-alarms": (copying_false_alarms, 300),
    "copying-power": (copying_power, 200),
}
"""Name → the function and its draws at full size."""


def _found(
    samples: torch.Tensor, training: torch.Tensor, held_out: torch.Tensor, random: np.random.Generator
) -> Copying:
    found = copying(samples, held_out=held_out, training=training, seed=int(random.integers(2**62)))
    assert not isinstance(found, Missing)
    return found


def _setting(name: str) -> str:
    world = WORLDS[name]
    return f"{name}, {world.samples} samples, {world.training} training and {world.held_out} held-out reals"


def _with_copies(
    fresh: torch.Tensor, training: torch.Tensor, held_out: torch.Tensor, share: float,
    random: np.random.Generator,
) -> torch.Tensor:  # fmt: skip
    n = round(share * len(fresh))
    originals = training[torch.from_numpy(random.permutation(len(training))[:n])]
    distance = torch.cdist(held_out.flatten(1).double(), training.flatten(1).double()).amin(1).median()
    per_number = NOISE * float(distance) / originals[0].numel() ** 0.5
    return torch.cat([fresh[n:], _noisy(originals, per_number, random)])


def _noisy(samples: torch.Tensor, deviation: float, random: np.random.Generator) -> torch.Tensor:
    noisy = samples.double() + deviation * torch.from_numpy(random.standard_normal(tuple(samples.shape)))
    return noisy.float() if samples.is_floating_point() else _levels(noisy)


def _levels(images: torch.Tensor) -> torch.Tensor:
    return images.round().clamp(0, 255).to(torch.uint8)


def _shrunk(samples: torch.Tensor, random: np.random.Generator) -> torch.Tensor:
    values = samples.double()
    shrunk = values.mean(0) + SHRUNK * (values - values.mean(0))
    return shrunk.float() if samples.is_floating_point() else _levels(shrunk)


def _blurred(samples: torch.Tensor, random: np.random.Generator) -> torch.Tensor:
    if samples.ndim == 2:
        return _noisy(samples, 0.1 * float(samples.std()), random)
    return _levels(gaussian_blur(samples.float(), [5, 5], [1.0, 1.0]))


def _collapsed(samples: torch.Tensor, random: np.random.Generator) -> torch.Tensor:
    modes = samples[torch.from_numpy(random.integers(0, MODES, len(samples)))]
    return _noisy(modes, 0.01 * float(samples.double().std()), random)


_CHANGES: dict[str, Callable[[torch.Tensor, np.random.Generator], torch.Tensor]] = {
    "fresh": lambda samples, random: samples,
    "shrunk": _shrunk,
    "blurred (vectors: noisy)": _blurred,
    "collapsed": _collapsed,
    "constant": lambda samples, random: samples[:1].expand_as(samples),
}
