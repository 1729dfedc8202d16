"""What the checks say in words: reasons that withhold a name, and flags."""

from __future__ import annotations

from collections.abc import Iterator

from gancross.evaluator.estimates import Missing
from gancross.evaluator.referees.budget import UNMEASURED
from gancross.evaluator.referees.check_records import Dominance, RefereeControls
from gancross.evaluator.referees.contestant_records import RefereedContestant
from gancross.evaluator.referees.decision import FEWEST
from gancross.evaluator.referees.formats import format_flags
from gancross.evaluator.referees.records import Referees

RISE = 0.02  # G below a coarser rung's by more than this, beyond chance, is a sign of too little training


def reasons(controls: RefereeControls, *, reals: str) -> list[str]:
    """Why no contestant of a call may be named, if anything.

    Args:
        reals: what the reals before referees are, for people.
    """
    found = []
    if not isinstance(controls.null, Missing) and controls.null.fails:
        found.append(f"the null control fails: referees tell {controls.null.of} from {reals}")
    if not isinstance(controls.power, Missing) and controls.power.fails:
        found.append(
            f"the power control fails: referees do not tell samples of which {controls.power.share:.0%} is"
            f" noise from {reals}"
        )
    if controls.labels is not None and controls.labels.fails:
        found.append(
            f"the label control fails: referees do not tell real samples, {controls.labels.share:.0%} of them"
            f" with a wrong label, from {reals}"
        )
    if controls.budget.fails:
        found.append(
            "this budget shows too little of planted faults: only a share of"
            f" {controls.budget.kappa:.2f} of what longer training shows (κ)"
        )
    return found


def dominance_reason(check: Dominance) -> str:
    """Why one that would be named is not."""
    difference = check.difference
    return (
        f"its referees are under-trained: {check.judge} tell its samples more surely, G higher by"
        f" {difference.value:.4f} [{difference.low:.4f}, {difference.high:.4f}] at σ = {check.sigma:.3g}"
    )


def referee_flags(referees: Referees) -> Iterator[str]:
    """What a reader must know before believing the figures of referees: one line each."""
    protocol, controls = referees.protocol, referees.controls
    if protocol.lowered_by:
        names = ", ".join(f"'{name}'" for name in protocol.lowered_by)
        yield (
            f"referees trained on {protocol.num_training} reals and samples each, since {names} had the"
            " fewest samples: figures of other numbers are not comparable"
        )
    fewest = min(protocol.num_reals, *(entry.num_samples for entry in referees.contestants.values()))
    if fewest < FEWEST:
        yield f"referees name nobody with fewer than {FEWEST} reals or samples: there are {fewest}"
    if not isinstance(controls.null, Missing) and controls.null.of != "training reals":
        known = "training data" if protocol.options.num_classes is None else "training data with labels"
        yield f"no {known} are known: the null control took {controls.null.of}"
    if protocol.options.num_classes is not None:
        yield (
            "referees see labels, but κ was measured with referees that see none: of faults of labels they"
            " may show a smaller share than it says"
        )
    if controls.budget.num_training is None:
        yield (
            f"how much of planted faults referees show was {controls.budget.source}: a share of"
            f" {UNMEASURED} is assumed (κ)"
        )
    if referees.formats is not None:
        yield from format_flags(referees.formats, reals=protocol.reals)
    yield from (f"referees: {reason}" for reason in reasons(controls, reals=protocol.reals))
    for name, figures in referees.contestants.items():
        yield from _rises(name, figures)


def _rises(name: str, figures: RefereedContestant) -> Iterator[str]:
    """Noise can only take information away: G that rises with σ shows referees that trained too little."""
    for finer, rung in enumerate(figures.rungs):
        for coarser in figures.rungs[finer + 1 :]:
            if coarser.g.low - rung.g.high > RISE:
                yield (
                    f"'{name}': its referees trained too little for the finest noise: G is"
                    f" {rung.g.value:.4f} at σ = {rung.sigma:.3g} and {coarser.g.value:.4f} at"
                    f" σ = {coarser.sigma:.3g}"
                )
                return
