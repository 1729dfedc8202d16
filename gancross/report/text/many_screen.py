"""The first screen of three and more contestants: a line for each, sorted, then who calls whose samples real.

Numbers are those of the call, as in all tables of many contestants.
"""

from __future__ import annotations

from collections.abc import Mapping

from gancross.evaluator.estimates import Missing, Proportion
from gancross.evaluator.referees.decision import favoured
from gancross.evaluator.result.types import Result
from gancross.evaluator.statistics.confusion import paper_rate
from gancross.report import formatting
from gancross.report.text import referee_texts as texts
from gancross.report.text.screen_figures import LEGEND, figure_columns
from gancross.report.text.text_layout import ELLIPSIS, aligned, one_line, wrapped
from gancross.report.text.verdict_sentences import times_named

BEST, UNSURE = "*", "~"
BY_REFEREES = f"{BEST}: the lowest detectability; {UNSURE}: not told apart from it beyond chance"
BY_PAPER = f"{BEST}: named in the most pairs by the paper's rule; named: in how many of its pairs"


def contestant_lines(result: Result, width: int) -> list[str]:
    """A line for each contestant, the best first and marked, and what the marks mean."""
    columns = dict(figure_columns(result))
    marks, order, legend = _by_paper(result) if isinstance(result.referees, Missing) else _by_referees(result)
    if isinstance(result.referees, Missing) and result.judges:
        named, others = times_named(result, "paper"), len(result.names) - 1
        columns = {"named": [f"{named.get(name, 0)}/{others}" for name in result.names], **columns}
    rows = [["#", "", "model", *columns]]
    for name in order:
        number = result.names.index(name)
        figures = (column[number] for column in columns.values())
        rows.append([str(number + 1), marks.get(name, ""), one_line(name), *figures])
    legends = [*([legend] if marks else []), *([] if isinstance(result.referees, Missing) else [LEGEND])]
    return [*aligned(rows, width, names=2), *(line for text in legends for line in wrapped(text, width))]


def matrix_lines(result: Result, width: int) -> list[str]:
    """FP of every judge, columns, on the samples of every generator, rows; or that it does not fit."""
    judges, owner = (result.judges, "judge") if result.judges else (_refereed(result), "referees")
    if not judges:
        return []
    numbers = [str(result.names.index(judge) + 1) for judge in judges]
    rows = [["#", *numbers]]
    for number, generator in enumerate(result.names, start=1):
        rows.append([str(number), *(_fp(result, judge, generator) for judge in judges)])
    lines = aligned(rows, width)
    if any(ELLIPSIS in line for line in lines):
        return wrapped(
            f"FP of {len(judges)} judges on the samples of {len(result.names)} models: too wide for"
            f" {width} columns; in the record and in the HTML report.", width,
        )  # fmt: skip
    return [*wrapped(f"FP, the share of a row's samples called real by a column's {owner}", width), *lines]


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


def _refereed(result: Result) -> list[str]:
    return [] if isinstance(result.referees, Missing) else result.names


def _fp(result: Result, judge: str, generator: str) -> str:
    if result.judges:
        fp = result.cells[judge, generator].fp
        return paper_rate(fp.rate) if isinstance(fp, Proportion) else formatting.DASH
    assert not isinstance(result.referees, Missing)
    estimate = texts.cross_fp(result.referees, judge, generator)
    return formatting.DASH if estimate is None else paper_rate(estimate.value)
