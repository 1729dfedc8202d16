"""Confusion matrices as §5.5 of the paper prints them, as texts: of discriminators, or of referees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gancross.evaluator.estimates import Missing
from gancross.evaluator.referees.records import Referees
from gancross.evaluator.result.types import Result
from gancross.report import formatting
from gancross.report.text import referee_texts as texts

NO_FIGURE = Missing("its referees have no figure at this level of noise")


@dataclass(frozen=True, kw_only=True)
class PaperMatrix:
    """One model's matrix.

    Attributes:
        of: the model.
        title: whose judgement it is.
        rows: predicted (positive, negative), columns true; or why there is none.
        cross: the generators of others, and the cross-testing FP on each.
    """

    of: str
    title: str
    rows: Sequence[Sequence[str]] | Missing
    cross: Sequence[tuple[str, str]]


def paper_matrices(result: Result) -> list[PaperMatrix]:
    """Those of the models' discriminators; where nobody has one those of referees, who cross-test each other.

    Nothing where there are neither.
    """
    if result.judges:
        return [_of_discriminator(result, name) for name in result.names]
    referees = result.referees
    return [] if isinstance(referees, Missing) else [_of_referees(referees, name) for name in result.names]


def matrices_title(result: Result) -> str:
    """What a reader must know of matrices that are not of discriminators; nothing for those that are."""
    if result.judges or isinstance(result.referees, Missing):
        return ""
    return f"Referees cross-test each other at σ = {formatting.noise_level(result.referees.cross.sigma)}"


def _of_discriminator(result: Result, name: str) -> PaperMatrix:
    matrix = result.confusion[name]
    cross = [(generator, formatting.figure(fp)) for generator, fp in formatting.cross_fps(result, name)]
    rows = matrix if isinstance(matrix, Missing) else _texts(matrix.rates)
    return PaperMatrix(of=name, title=name, rows=rows, cross=cross)


def _of_referees(referees: Referees, name: str) -> PaperMatrix:
    rates = texts.cross_rates(referees, name)
    others = [
        (other, texts.cross_fp(referees, name, other)) for other in referees.contestants if other != name
    ]
    return PaperMatrix(
        of=name, title=f"Referees of {name}", rows=NO_FIGURE if rates is None else _texts(rates),
        cross=[(other, formatting.rate(fp.value)) for other, fp in others if fp is not None],
    )  # fmt: skip


def _texts(rates: Sequence[Sequence[float]]) -> list[list[str]]:
    return [[formatting.rate(rate) for rate in row] for row in rates]
