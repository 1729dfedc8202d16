"""What a caller asks of referees."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, get_args

import torch

from gancross.arguments import truth
from gancross.data.formats import FormatShare
from gancross.errors import UsageError, unknown_name
from gancross.evaluator.referees.protocol import BUDGETS, HELD_OUT_REALS, Budget, RefereeProtocol, form_of
from gancross.evaluator.referees.saved import RefereeFolder

RefereeBudget = Literal["none", "quick", "full"]


@dataclass(frozen=True, kw_only=True, eq=False)
class RefereeOptions:
    """What a caller asks of referees; checked on construction.

    Attributes:
        seeds: S, in place of the budget's.
        reals: other reals that nobody trained on, in canonical form, in place of the held-out ones.
        reals_name: what they are, for people.
        reals_formats: of the files of these other reals.
        reals_notes: remarks on them that a reader of the figures needs.
        calibrate: whether κ is measured on the data at hand.
        folder: of saved referees, which judge too.
        workers: processes in which referees train; None: one for each CPU.
        on_cluster: whether they train on the workers of joblib's present backend instead.
        labels: whether referees see the class of each sample, and so judge pairs (sample, class).
    """

    budget: Budget = "quick"
    seeds: int | None = None
    reals: torch.Tensor | None = None
    reals_name: str = HELD_OUT_REALS
    reals_formats: tuple[FormatShare, ...] = ()
    reals_notes: tuple[str, ...] = ()
    calibrate: bool = False
    folder: RefereeFolder | None = None
    workers: int | None = None
    on_cluster: bool = False
    labels: bool = False

    def __post_init__(self) -> None:
        if self.budget not in get_args(Budget):
            raise unknown_name("referee budget", self.budget, get_args(Budget))
        if self.seeds is not None and self.seeds < 1:
            raise UsageError(f"the number of referee seeds must be at least 1, is {self.seeds}")
        if self.workers is not None and self.workers < 1:
            raise UsageError(f"the number of workers must be at least 1, is {self.workers}")
        if truth(self.labels, "labels") and self.calibrate:
            raise UsageError(
                "calibration plants faults in samples without their labels: of referees that see labels no κ"
                " is measured, the one that ships stands in"
            )

    def protocol(self, shape: tuple[int, ...]) -> RefereeProtocol:
        """The referee protocol for samples of a shape, before it is known how many there are."""
        protocol = BUDGETS[self.budget][form_of(shape)]
        return protocol if self.seeds is None else replace(protocol, seeds=self.seeds)
