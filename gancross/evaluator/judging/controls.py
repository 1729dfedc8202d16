"""Samples whose answer is known: what judges make of noise and of blurred reals.

A judge that calls more than half of the uniform noise real is *blind*: fooling it is no credit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from gancross.evaluator.codec.fields import declared
from gancross.evaluator.estimates import Missing, Proportion

if TYPE_CHECKING:
    import torch

    from gancross.data.views import Samples


@dataclass(frozen=True)
class Reference:
    """Samples that no contestant made; `title` is for people."""

    title: str


TRAINING = Reference("training data")


def uniform_noise(test: Samples, n: int, seed: int) -> torch.Tensor:
    """All of `noise_samples` at once."""
    return drawn_noise(test, n, seed)[:]


def drawn_noise(test: Samples, n: int, seed: int) -> Samples:
    """As `noise_samples`."""
    # Here and below: torch takes seconds, which readers of records should not pay.
    from gancross.evaluator.judging.control_samples import noise_samples

    return noise_samples(test, n, seed)


def drawn_blurred(test: Samples, n: int, seed: int) -> Samples | None:
    """As `blurred_samples`."""
    from gancross.evaluator.judging.control_samples import blurred_samples

    return blurred_samples(test)


@dataclass(frozen=True)
class Control(Reference):
    """A sample set whose answer is known.

    Attributes:
        draw: makes it of the test reals, of how many samples were asked for, and of a seed; None for data
            that have none. Without `draw` it is the test data themselves.
        is_real: what a good judge calls it.
        absent: why there is none, where there is none.
        keeps_labels: whether sample i has the label of test sample i.
    """

    draw: Callable[[Samples, int, int], Samples | None] | None = None
    is_real: bool = False
    absent: str = ""
    keeps_labels: bool = False


@dataclass(frozen=True, kw_only=True)
class ControlRates:
    """What one judge makes of each control: shares called real. A control is one line here.

    `blind` tells whether it calls more than half of the uniform noise real; None without decisions.
    """

    real: Annotated[Proportion | Missing, Control("test data", is_real=True)]
    noise: Annotated[Proportion | Missing, Control("uniform noise", draw=drawn_noise)]
    blurred: Annotated[
        Proportion | Missing,
        Control("blurred test data", draw=drawn_blurred, absent="images only", keeps_labels=True),
    ]
    blind: bool | None

    def of(self, control: str) -> Proportion | Missing:
        """The rate of a key of `CONTROLS`."""
        rate: Proportion | Missing = getattr(self, control)
        return rate


CONTROLS: Mapping[str, Control] = declared(ControlRates, Control)
NOISE = CONTROLS["noise"]


def is_blind(noise_called_real: Proportion) -> bool:
    """Whether a judge calls more than half of uniform noise real: to fool it is no credit."""
    return 2 * noise_called_real.count > noise_called_real.n
