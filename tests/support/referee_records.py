"""Records of referees as reports read them, from scores drawn at random; nothing is trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from referee_scores import drawn_scores

from gancross import Result
from gancross.evaluator.estimates import Estimate, Missing
from gancross.evaluator.referees.check_records import (
    BudgetControl,
    Dominance,
    NullControl,
    PowerControl,
    RefereeControls,
)
from gancross.evaluator.referees.comparison import Contender, contrasts
from gancross.evaluator.referees.contestant_records import RefereedContestant
from gancross.evaluator.referees.copying import Copying, SuspiciousPair
from gancross.evaluator.referees.decision import Decision, decided
from gancross.evaluator.referees.figures import contestant_figures
from gancross.evaluator.referees.protocol import BUDGETS, Form
from gancross.evaluator.referees.records import RefereeCell, RefereeCross, RefereeProtocolRecord, Referees
from gancross.evaluator.referees.scores import ContestantScores
from gancross.evaluator.result.types import REFERENCE_JUDGES, Controls, RefereeCost
from gancross.evaluator.tournament.tournament import Ranking
from gancross.evaluator.verdict.strict import strict_verdict
from gancross.evaluator.verdict.verdicts import Verdict

RUNGS = 6
ENDS: Mapping[Form, tuple[float, float]] = {"images": (1 / 255, 27.7), "vectors": (0.01, 4.0)}
UNKNOWN = Missing("the training data are not known")
NO_CONTROL = Missing("too few different reals for a control")


def sigmas_of(form: Form, rungs: int = RUNGS) -> tuple[float, ...]:
    return tuple(np.geomspace(*ENDS[form], rungs).tolist())


def scores_of(d: float, *, draw: int, n: int, rungs: int) -> ContestantScores:
    """Of referees that tell samples by d standard deviations at the finest rung, by less at coarser ones."""
    by_rung = tuple(d * float(share) for share in np.linspace(1, 0, rungs) ** 0.7)
    return drawn_scores(num_real=n, num_samples=n, rungs=rungs, d=by_rung, draw=draw)


def copying_record(*, near: int, near_held_out: int, n: int = 400) -> Copying:
    share = max(0.0, (near - near_held_out) / n)
    copies = near > 3 * near_held_out + 7
    return Copying(
        num_samples=n, num_chunks=2, chunk_size=300, nearer_training=near, nearer_held_out=near_held_out,
        p=1e-4 if copies else 0.6, copies=copies,
        share=Estimate(value=share, low=max(0.0, share - 0.02), high=min(1.0, share + 0.02)),
        pairs=(SuspiciousPair(sample=3, training=17, ratio=0.1),),
    )  # fmt: skip


def referee_record(
    strengths: Mapping[str, float], *, form: Form = "images", n: int = 520, rungs: int = RUNGS,
    kappa: float = 0.9, missing: bool = False,
) -> tuple[Referees, list[Decision]]:  # fmt: skip
    """The record of contestants by how surely their samples are told, d of `scores_of`; and what follows.

    Args:
        missing: controls could not be made, and training data are not known.
    """
    sigmas = sigmas_of(form, rungs)
    scores = {name: scores_of(d, draw=i, n=n, rungs=rungs) for i, (name, d) in enumerate(strengths.items())}
    figures = {name: contestant_figures(entry, sigmas) for name, entry in scores.items()}
    contenders = [Contender.of(name, entry, np.full(rungs, kappa)) for name, entry in scores.items()]
    decisions = decided(contrasts(contenders, sigmas=sigmas), budget="quick")
    record = Referees(
        protocol=protocol_record(form, sigmas, n), contestants=figures,
        comparisons=tuple(decision.comparison for decision in decisions), cross=cross_record(figures),
        controls=controls_record(
            figures, sigmas, n=n, kappa=kappa, missing=missing,
            named=[decision.verdict.winner for decision in decisions],
        ),
    )  # fmt: skip
    return record, decisions


def protocol_record(form: Form, sigmas: tuple[float, ...], n: int) -> RefereeProtocolRecord:
    return RefereeProtocolRecord(
        options=BUDGETS["quick"][form], seed=0, sigmas=sigmas, spread=0.5, num_training=n // 2,
        lowered_by=(), reals="the held-out reals", num_reals=n, reals_sha256="a" * 64,
    )  # fmt: skip


def cross_record(figures: Mapping[str, RefereedContestant]) -> RefereeCross:
    """At the middle rung; every contestant's referees judge as the generator's own do."""
    rungs = {name: entry.rungs[len(entry.rungs) // 2] for name, entry in figures.items()}
    return RefereeCross(
        sigma=next(iter(rungs.values())).sigma, fn={name: rung.fn for name, rung in rungs.items()},
        cells=tuple(
            RefereeCell(judge=judge, generator=name, fp=rung.fp, auc=rung.auc)
            for judge in rungs for name, rung in rungs.items()
        ),
    )  # fmt: skip


def controls_record(
    figures: Mapping[str, RefereedContestant], sigmas: tuple[float, ...], *, n: int, kappa: float,
    missing: bool, named: Sequence[str | None],
) -> RefereeControls:  # fmt: skip
    null, power = (
        contestant_figures(scores_of(d, draw=draw, n=n, rungs=len(sigmas)), sigmas)
        for d, draw in ((0.0, 101), (0.3, 102))
    )
    difference = Estimate(value=0.011, low=-0.004, high=0.026)
    return RefereeControls(
        null=NO_CONTROL if missing else NullControl(of="training reals", figures=null, fails=False),
        power=NO_CONTROL if missing else PowerControl(share=0.22, figures=power, fails=False),
        budget=BudgetControl(
            kappa=kappa, source="not measured for vectors" if missing else "shipped, measured on digits",
            num_training=None if missing else 250, fails=kappa < 0.3,
        ),
        dominance=tuple(
            Dominance(
                contestant=name, judge=f"the discriminator of '{name}'", sigma=sigmas[1], holm_p=0.8,
                difference=difference, fails=False,
            )
            for name in dict.fromkeys(named)
            if name is not None
        ),
        copying={
            name: UNKNOWN if missing else copying_record(near=40 if i else 6, near_held_out=5)
            for i, name in enumerate(figures)
        },
    )  # fmt: skip


def refereed(
    result: Result, strengths: Sequence[float] | None = None, *, cost: RefereeCost | None = None, **given: Any
) -> Result:
    """The result with referees, and the verdicts that rest on them.

    Args:
        strengths: of the contestants in order, rising by default; `given` is for `referee_record`.
    """
    names = result.names
    rising = [0.4 + 1.2 * i for i in range(len(names))] if strengths is None else strengths
    record, decisions = referee_record(dict(zip(names, rising, strict=True)), **given)
    verdicts = {frozenset((d.comparison.a, d.comparison.b)): d.verdict for d in decisions}
    pairs = tuple(
        replace(pair, verdict=_with_generator(pair.verdict, verdicts[frozenset((pair.a, pair.b))]))
        for pair in result.pairs
    )
    whole = replace(result, pairs=pairs, referees=record)
    if len(pairs) == 1:
        whole = replace(whole, verdict=pairs[0].verdict)
    if cost is not None:
        whole = replace(whole, provenance=replace(result.provenance, referees=cost))
    return whole


def _with_generator(verdicts: Any, generator: Verdict) -> Any:
    strict = strict_verdict(generator=generator, discriminator=verdicts.discriminator)
    return replace(verdicts, generator=generator, strict=strict)


def referees_of(result: Result) -> Referees:
    """The record of its referees."""
    assert isinstance(result.referees, Referees)
    return result.referees


def without_judges(result: Result) -> Result:
    """The result of the same contestants if none of them had a discriminator."""
    nobody = Missing("no contestant has a discriminator")
    names = result.names
    return replace(
        result, histograms={}, roc={}, cross=(), generalisation_gap={}, batch_norm={},
        controls=Controls(judges={}, references=REFERENCE_JUDGES),
        confusion=dict.fromkeys(names, nobody), duality_gap=dict.fromkeys(names, nobody),
        ranking=Ranking(generators=nobody, discriminators=nobody, bradley_terry=nobody),
    )  # fmt: skip
