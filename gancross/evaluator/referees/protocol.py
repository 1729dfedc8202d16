"""The referee protocol: all that decides a referee but the samples. It is versioned, recorded, one for all.

Results of different protocols are not comparable.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Budget = Literal["quick", "full"]
Form = Literal["vectors", "small images", "images"]  # of samples
VERSION = 2
FIRST_SNAPSHOT = 50
SMALL_SIDE = 16  # pixels, of the longer side
HELD_OUT_REALS = "the held-out reals"


@dataclass(frozen=True, kw_only=True)
class RefereeProtocol:
    """How a referee is trained.

    Attributes:
        version: of all that these fields do not say: networks, ladder, halves, choice of a snapshot.
        width: channels of the first convolution, or units of a hidden layer.
        dropout: probability with which a channel is dropped in training; of images alone.
        waves: bandwidths of the waves that single values of images enter by, in radians per unit of [−1, 1].
        steps: of Adam.
        batch_size: pairs of a real and a sample in a step.
        average: decay of the moving average of the weights, which judges.
        seeds: S; a contestant has 2S referees.
    """

    version: int = VERSION
    budget: Budget
    form: Form
    width: int
    dropout: float = 0.0
    waves: tuple[float, ...] = ()
    steps: int
    batch_size: int
    learning_rate: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.99)
    average: float = 0.98
    seeds: int

    @property
    def snapshots(self) -> tuple[int, ...]:
        """Steps after which the averaged weights are kept: 50, 100, 200, … and the last."""
        return snapshots(self.steps)


def snapshots(steps: int) -> tuple[int, ...]:
    """50, 100, 200, … below `steps`, and `steps`."""
    kept, step = [], FIRST_SNAPSHOT
    while step < steps:
        kept.append(step)
        step *= 2
    return (*kept, steps)


def form_of(shape: Sequence[int]) -> Form:
    """The form of samples of a shape, (d,) or (C, H, W)."""
    if len(shape) == 1:
        return "vectors"
    return "small images" if max(shape[1:]) <= SMALL_SIDE else "images"


def _budgets(budget: Budget, *, seeds: int, times: int) -> dict[Form, RefereeProtocol]:
    return {
        "vectors": RefereeProtocol(
            budget=budget, form="vectors", width=64, steps=800 * times, batch_size=128, seeds=seeds
        ),
        "small images": RefereeProtocol(
            budget=budget, form="small images", width=16, dropout=0.1, waves=(2.0, 8.0),
            steps=800 * times, batch_size=64, learning_rate=2e-3, seeds=seeds,
        ),
        "images": RefereeProtocol(
            budget=budget, form="images", width=16, dropout=0.1, steps=600 * times, batch_size=64, seeds=seeds
        ),
    }  # fmt: skip


BUDGETS: Mapping[Budget, dict[Form, RefereeProtocol]] = {
    "quick": _budgets("quick", seeds=2, times=1),
    "full": _budgets("full", seeds=4, times=4),
}
