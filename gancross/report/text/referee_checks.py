"""The checks of referees in words: what each saw, and whether it passed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gancross.evaluator.estimates import Missing
from gancross.evaluator.referees.check_records import (
    BudgetControl,
    Dominance,
    LabelControl,
    NullControl,
    PowerControl,
)
from gancross.evaluator.referees.contestant_records import Rung
from gancross.evaluator.referees.records import Referees
from gancross.report import formatting
from gancross.report.formatting import noise_level, p_value, percent, signed_figure

ONE_SIDED = "only G above 0 fails it, a few hundred reals may lie below"
PASSED, FAILED, NOT_MADE = "passed", "failed", "not made"


@dataclass(frozen=True, kw_only=True)
class Check:
    """One check of the referees: what it saw, and whether it passed, failed or was not made."""

    title: str
    finding: str
    outcome: str


def checks(referees: Referees, *, short: bool = False) -> list[Check]:
    """Every check that can withhold a name, with what it saw.

    Args:
        short: one line for all contestants whose referees passed the check of dominance.
    """
    controls = referees.controls
    passed = [entry for entry in controls.dominance if not entry.fails]
    together = passed if short and len(passed) > 1 else []
    alone = [_dominance(entry) for entry in controls.dominance if entry not in together]
    return [
        _null(controls.null), _power(controls.power),
        *([] if controls.labels is None else [_labels(controls.labels)]), _budget(controls.budget), *alone,
        *([_dominated_by_none(together)] if together or not controls.dominance else []),
    ]  # fmt: skip


def _outcome(fails: bool) -> str:
    return FAILED if fails else PASSED


def _at(rung: Rung) -> str:
    return f"G = {signed_figure(rung.g)} at σ = {noise_level(rung.sigma)}"


def _null(control: NullControl | Missing) -> Check:
    title = "Null"
    if isinstance(control, Missing):
        return Check(title=title, finding=control.reason, outcome=NOT_MADE)
    largest = max(control.figures.rungs, key=lambda rung: rung.g.value)
    told = f"should not be told from held-out reals: largest {_at(largest)}; {ONE_SIDED}"
    return Check(title=title, finding=f"{control.of} {told}", outcome=_outcome(control.fails))


def _power(control: PowerControl | Missing) -> Check:
    title = "Power"
    if isinstance(control, Missing):
        return Check(title=title, finding=control.reason, outcome=NOT_MADE)
    told = f"real samples, {control.share:.0%} of them noise, should be told: {_at(control.figures.rungs[0])}"
    return Check(title=title, finding=told, outcome=_outcome(control.fails))


def _labels(control: LabelControl) -> Check:
    largest = max(control.figures.rungs, key=lambda rung: rung.g.value)
    wrong = f"{percent(control.share)} of them with a wrong label"
    told = f"real samples, {wrong}, should be told: largest {_at(largest)}"
    return Check(title="Labels", finding=told, outcome=_outcome(control.fails))


def _budget(control: BudgetControl) -> Check:
    n = control.num_training
    finding = (
        "of what longer training shows of planted faults this budget shows at least"
        f" κ = {formatting.number(control.kappa, 2)}"
        f" ({control.source}{'' if n is None else f'; {n:,} training reals'})"
    )
    return Check(title="Budget", finding=finding, outcome=_outcome(control.fails))


def _dominance(check: Dominance) -> Check:
    finding = (
        f"G of {check.judge} − G of the own referees of '{check.contestant}' ="
        f" {signed_figure(check.difference)} at σ = {noise_level(check.sigma)}"
        f" (p {p_value(check.holm_p)}, of more than 0.02)"
    )
    if check.fails:
        finding += f": the referees of '{check.contestant}' are under-trained"
    return Check(title="Dominance", finding=finding, outcome=_outcome(check.fails))


def _dominated_by_none(passed: Sequence[Dominance]) -> Check:
    if not passed:
        return Check(title="Dominance", finding="no contestant to be named", outcome=NOT_MADE)
    largest = max(passed, key=lambda entry: entry.difference.value)
    finding = f"of {formatting.listed([entry.contestant for entry in passed])}; largest: "
    return Check(title="Dominance", finding=finding + _dominance(largest).finding, outcome=PASSED)
