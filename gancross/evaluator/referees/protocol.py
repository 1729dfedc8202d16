"""The referee protocol: all that decides a referee but the samples. It is versioned, recorded, one for all.

Results of different protocols are not comparable.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Annotated, Literal

from gancross.evaluator.codec.fields import Recorded, Size
from gancross.evaluator.verdict.verdicts import PAIRS, SAMPLES

Budget = Literal["quick", "full"]
Form = Literal["vectors", "small images", "images"]  # of samples
VERSION = 2
FIRST_SNAPSHOT = 50
SMALL_SIDE = 16  # pixels, of the longer side
HELD_OUT_REALS = "the held-out reals"
MOST_CLASSES = 10_000
VALIDATION = 10  # one in so many samples of a training half chooses the snapshot
FEWEST_VALIDATED = 50  # reals; with fewer the last snapshot judges
TIMES: Mapping[Budget, int] = {"quick": 1, "full": 4}  # steps, in those of quick


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
        num_classes: of the labels that referees see beside each sample; None: they see none.
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
    num_classes: Annotated[
        Size | None, Recorded(absent=True, description="classes that referees see; absent: they see none")
    ] = field(default=None, repr=False)

    @property
    def what(self) -> str:
        """What the referees judge, in words."""
        return SAMPLES if self.num_classes is None else PAIRS

    @property
    def key_fields(self) -> dict[str, object]:
        """All fields for the key of a cache; without `num_classes` where it is None.

        Keys of referees that see no labels are thus those of versions that had no such field.
        """
        fields = asdict(self)
        if self.num_classes is None:
            del fields["num_classes"]
        return fields

    @property
    def snapshots(self) -> tuple[int, ...]:
        """Steps after which the averaged weights are kept: 50, 100, 200, … and the last."""
        return snapshots(self.steps)

    def at(self, num_training: int) -> RefereeProtocol:
        """The protocol of referees that train on so many reals."""
        return replace(self, steps=self.steps * self.times(num_training) // TIMES[self.budget])

    def times(self, num_training: int) -> int:
        """How many times the steps of `quick` its budget takes with so many reals.

        Where the last snapshot judges images, more steps show less: judges learn their few reals by heart.
        """
        by_heart = self.form != "vectors" and not chooses(num_training // VALIDATION)
        return 1 if by_heart else TIMES[self.budget]


def chooses(num_validation: int) -> bool:
    """Whether so many validation reals choose the snapshot that judges; else it is the last."""
    return num_validation >= FEWEST_VALIDATED


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


def _budgets(budget: Budget, *, seeds: int) -> dict[Form, RefereeProtocol]:
    more = TIMES[budget]
    return {
        "vectors": RefereeProtocol(
            budget=budget, form="vectors", width=64, steps=800 * more, batch_size=128, seeds=seeds
        ),
        "small images": RefereeProtocol(
            budget=budget, form="small images", width=16, dropout=0.1, waves=(2.0, 8.0),
            steps=800 * more, batch_size=64, learning_rate=2e-3, seeds=seeds,
        ),
        "images": RefereeProtocol(
            budget=budget, form="images", width=16, dropout=0.1, steps=600 * more, batch_size=64, seeds=seeds
        ),
    }  # fmt: skip


BUDGETS: Mapping[Budget, dict[Form, RefereeProtocol]] = {
    "quick": _budgets("quick", seeds=2),
    "full": _budgets("full", seeds=4),
}
