"""κ of budget: of what longer training shows of planted faults, the share that this budget shows at least.

The figures ship with the protocol: `kappa.json`, measured by `benchmarks/kappa.py` on data sets whose faults
are known, at several numbers of training reals. Each fault was judged at ½, 1, 2, 4 and 8 times the steps.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from gancross.evaluator.referees.check_records import BudgetControl
from gancross.evaluator.referees.protocol import Budget, RefereeProtocol

MEASURED: Budget = "quick"  # the budget of what ships
UNMEASURED = 0.5  # κ of data that are like none that were measured
LEAST = 0.3  # below it nobody is named
LEAST_SHOWN = 0.05  # D, or G of a rung, below which a ratio of two is one of chance
SMALLEST_MULTIPLE = 0.5  # of the steps of a budget

Values = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class PlantedFault:
    """What referees show of one planted fault at each number of steps, mean over judges.

    Attributes:
        kind: contamination, left-out, blur or spread, shift.
        severity: in the units of its kind.
        g_TK: G by multiple of the steps, as in `Measurement.multiples`, and rung.
    """

    kind: str
    severity: float
    g_TK: tuple[tuple[float, ...], ...]


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """All planted faults of one data set at one number of training reals.

    Attributes:
        data: its name.
        shape: of one sample.
        num_training: reals and samples on which a judge trained.
        multiples: of the steps of the budget.
    """

    version: int
    budget: Budget
    data: str
    shape: tuple[int, ...]
    num_training: int
    multiples: tuple[float, ...]
    faults: tuple[PlantedFault, ...]

    @property
    def kappa(self) -> float:
        """The smallest ratio over the faults of D at the budget's steps to the largest D at any.

        Faults that no number of steps shows by `LEAST_SHOWN` do not count; without others κ is 0.
        """
        place = self.multiples.index(1.0)
        d_FT = [np.asarray(fault.g_TK).mean(1) for fault in self.faults]
        shown = [d_T for d_T in d_FT if d_T.max() >= LEAST_SHOWN]
        return min((_ratio(d_T[place], d_T.max()) for d_T in shown), default=0.0)

    def kappa_of(self, g_K: Values) -> Values:
        """κ by rung: over the faults whose largest G there lies between half and twice a given G; else κ."""
        place = self.multiples.index(1.0)
        largest_FK = np.array([np.asarray(fault.g_TK).max(0) for fault in self.faults])
        budget_FK = np.array([fault.g_TK[place] for fault in self.faults])
        kappas = np.full(len(g_K), self.kappa)
        for rung, g in enumerate(g_K):
            lowest = max(g / 2, LEAST_SHOWN)
            alike = (largest_FK[:, rung] >= lowest) & (largest_FK[:, rung] <= 2 * g)
            if alike.any():
                kappas[rung] = min(map(_ratio, budget_FK[alike, rung], largest_FK[alike, rung]))
        return kappas


@dataclass(frozen=True, kw_only=True)
class BudgetCheck:
    """The κ that holds for a call, and its check."""

    control: BudgetControl
    measurements: tuple[Measurement, ...]

    def kappa_of(self, g_K: Values) -> Values:
        """κ by rung for a contestant with G by rung: the smallest over the measurements that apply."""
        if not self.measurements:
            return np.full(len(g_K), UNMEASURED)
        kappas_MK = np.stack([measurement.kappa_of(g_K) for measurement in self.measurements])
        return np.asarray(kappas_MK.min(axis=0))


def budget_check(
    protocol: RefereeProtocol, shape: Sequence[int], num_training: int, *, measured: Measurement | None = None
) -> BudgetCheck:
    """κ of a protocol on data of a shape with so many training reals.

    Of the shipped measurements of that kind and image size those at the next smaller number of training reals
    apply, the smallest κ of them. Where nothing was measured κ is 0.5.

    Args:
        measured: on the data at hand, in place of what ships.
    """
    if measured is not None:
        return _check([measured], source=f"measured on {measured.data}")
    alike = [
        of_steps(entry, protocol.times(num_training)) for entry in shipped()
        if (entry.version, entry.budget) == (protocol.version, MEASURED)
        and _kind(entry.shape) == _kind(shape) and entry.num_training <= num_training
    ]  # fmt: skip
    if not alike:
        control = BudgetControl(
            kappa=UNMEASURED, source=f"not measured for {_kind(shape)} with {num_training} training reals",
            num_training=None, fails=False,
        )  # fmt: skip
        return BudgetCheck(control=control, measurements=())
    nearest = max(entry.num_training for entry in alike)
    applied = [entry for entry in alike if entry.num_training == nearest]
    names = ", ".join(sorted(entry.data for entry in applied))
    most = min(entry.multiples[-1] for entry in applied)
    blind = "" if protocol.num_classes is None else ", by referees that see no labels"
    return _check(applied, source=f"shipped, measured on {names} up to {most:g} times the steps{blind}")


@cache
def shipped() -> tuple[Measurement, ...]:
    """The measurements of `quick` that ship with this version."""
    return measurements(files("gancross.evaluator.referees").joinpath("kappa.json").read_text("utf-8"))


def of_steps(quick: Measurement, more: int) -> Measurement:
    """What a measurement says of so many times its steps: its longer trainings hold these, step for step."""
    held = [place for place, multiple in enumerate(quick.multiples) if multiple >= more * SMALLEST_MULTIPLE]
    return replace(
        quick, multiples=tuple(quick.multiples[place] / more for place in held),
        faults=tuple(
            replace(fault, g_TK=tuple(fault.g_TK[place] for place in held)) for fault in quick.faults
        ),
    )  # fmt: skip


def measurements(text: str) -> tuple[Measurement, ...]:
    """Of a JSON list as `benchmarks/kappa.py` writes it."""
    return tuple(
        Measurement(
            version=entry["version"], budget=entry["budget"], data=entry["data"], shape=tuple(entry["shape"]),
            num_training=entry["num_training"], multiples=tuple(entry["multiples"]),
            faults=tuple(
                PlantedFault(
                    kind=fault["kind"], severity=fault["severity"], g_TK=tuple(map(tuple, fault["g"]))
                )
                for fault in entry["faults"]
            ),
        )
        for entry in json.loads(text)
    )  # fmt: skip


def _check(applied: Sequence[Measurement], *, source: str) -> BudgetCheck:
    kappa = min(entry.kappa for entry in applied)
    control = BudgetControl(
        kappa=kappa, source=source, num_training=applied[0].num_training, fails=kappa < LEAST
    )
    return BudgetCheck(control=control, measurements=tuple(applied))


def _kind(shape: Sequence[int]) -> str:
    """Vectors are one kind; images are as their size."""
    return "vectors" if len(shape) == 1 else f"images of {shape[1]}×{shape[2]}"


def _ratio(shown: float, largest: float) -> float:
    """shown / largest within [0, 1]."""
    return float(np.clip(shown / largest, 0.0, 1.0))
