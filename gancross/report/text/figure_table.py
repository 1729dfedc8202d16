"""The compact tables of every report: a line for each contestant; who calls whose samples real.

Their cells are texts, the same in all media. Of three and more contestants the best stands first, with a
mark; numbers are those of the call.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gancross.evaluator.estimates import Missing
from gancross.evaluator.fidelity.metrics import METRICS, figure_label
from gancross.evaluator.referees.decision import favoured
from gancross.evaluator.result.types import Result
from gancross.report import formatting
from gancross.report.text import referee_texts as texts
from gancross.report.text.verdict_sentences import times_named

RATES = "FN: data called fake; FP: samples called real."
OF_REFEREES = (
    "D: how surely referees, fresh judges, tell samples from data, 0 not at all;"
    " σ½: the noise that makes it ½."
)
BEST, UNSURE = "*", "~"
BY_REFEREES = f"{BEST}: the lowest D; {UNSURE}: not told apart from it beyond chance"
BY_PAPER = f"{BEST}: named in the most pairs by the paper's rule; named: in how many of its pairs"


@dataclass(frozen=True, kw_only=True)
class FigureTable:
    """A line for each contestant.

    Attributes:
        head: one heading a column; `names` is the column of the names.
        rows: of texts; names are whole.
        legends: what marks and headings mean.
    """

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    names: int
    legends: Sequence[str]


def figure_table(result: Result) -> FigureTable:
    """The figures of all contestants: in the order of the call, of three and more the best first."""
    columns = figure_columns(result)
    told = [RATES] if result.judges else []
    told += [] if isinstance(result.referees, Missing) else [OF_REFEREES]
    legends = [" ".join(told)] if told else []
    if len(result.names) <= 2:
        rows = [
            [name, *(column[number] for column in columns.values())]
            for number, name in enumerate(result.names)
        ]
        return FigureTable(head=["model", *columns], rows=rows, names=0, legends=legends)
    marks, order, legend = _by_paper(result) if isinstance(result.referees, Missing) else _by_referees(result)
    if isinstance(result.referees, Missing) and result.judges:
        named, others = times_named(result, "paper"), len(result.names) - 1
        columns = {"named": [f"{named.get(name, 0)}/{others}" for name in result.names], **columns}
    rows = []
    for name in order:
        number = result.names.index(name)
        figures = (column[number] for column in columns.values())
        rows.append([str(number + 1), marks.get(name, ""), name, *figures])
    return FigureTable(
        head=["#", "", "model", *columns],
        rows=rows,
        names=2,
        legends=[*([legend] if marks else []), *legends],
    )


def figure_columns(result: Result) -> Mapping[str, Sequence[str]]:
    """Headings, and under each the figures of all contestants in the order of the call.

    A column that has no figure is left out. The mean cross-testing FP is that on all others' samples.
    """
    names, columns = result.names, dict[str, list[str]]()
    if result.judges:
        matrices = [result.confusion[name] for name in names]
        columns["FN"] = [
            formatting.rate(None if isinstance(matrix, Missing) else matrix.fn.rate) for matrix in matrices
        ]
        columns["own FP"] = [
            formatting.rate(None if isinstance(matrix, Missing) else matrix.fp.rate) for matrix in matrices
        ]
        columns["cross FP"] = [formatting.rate(formatting.mean_cross_fp(result, name)) for name in names]
    if not isinstance(result.referees, Missing):
        judged = [result.referees.contestants[name] for name in names]
        columns["D ↓"] = [formatting.figure(figures.detectability) for figures in judged]
        columns["σ½ ↓"] = [texts.half_noise(figures) for figures in judged]
    if not isinstance(result.fidelity, Missing):
        (fid,) = METRICS["fid"].figures
        for key in filter(fid.matches, formatting.fidelity_keys(result)):
            # Distances of other features than Inception's never bear the name FID.
            heading = f"{fid.label if figure_label(key) == fid.label else 'Fréchet'} ↓"
            columns[heading] = [formatting.number(result.fidelity[name].of(key)) for name in names]
    return columns


def fp_judges(result: Result) -> Sequence[str]:
    """Whose discriminators are the columns of `fp_rows`, or whose referees where nobody has one."""
    if result.judges:
        return result.judges
    return [] if isinstance(result.referees, Missing) else result.names


def fp_rows(result: Result) -> tuple[str, list[list[str]]]:
    """The title of the FP matrix, and its rows of numbers and texts, the head first.

    FP of every judge, columns, on the samples of every generator, rows.
    """
    judges, owner = fp_judges(result), "judge" if result.judges else "referees"
    rows = [["#", *(str(result.names.index(judge) + 1) for judge in judges)]]
    for number, generator in enumerate(result.names, start=1):
        rows.append([str(number), *(_fp(result, judge, generator) for judge in judges)])
    return f"FP, the share of a row's samples called real by a column's {owner}", rows


def _by_referees(result: Result) -> tuple[Mapping[str, str], list[str], str]:
    assert not isinstance(result.referees, Missing)
    figures = result.referees.contestants
    order = sorted(result.names, key=lambda name: figures[name].detectability.value)
    unsure = {
        name for entry in result.referees.comparisons if order[0] in (entry.a, entry.b)
        and not favoured(entry.nearer_first()) for name in (entry.a, entry.b)
    }  # fmt: skip
    return dict.fromkeys(unsure, UNSURE) | {order[0]: BEST}, order, BY_REFEREES


def _by_paper(result: Result) -> tuple[Mapping[str, str], list[str], str]:
    named = times_named(result, "paper")
    most = max(named.values(), default=0)

    def place(name: str) -> tuple[int, float]:
        mean = formatting.mean_cross_fp(result, name)
        return -named.get(name, 0), 2.0 if mean is None else mean

    marks = {name: BEST for name, count in named.items() if count == most}
    return marks, sorted(result.names, key=place), BY_PAPER


def _fp(result: Result, judge: str, generator: str) -> str:
    if result.judges:
        return formatting.figure(result.cells[judge, generator].fp)
    assert not isinstance(result.referees, Missing)
    estimate = texts.cross_fp(result.referees, judge, generator)
    return formatting.rate(None if estimate is None else estimate.value)
