"""What a reader of the Markdown report sees before the first fold: verdicts, curve, matrices, figures, flags.

At most 40 lines: of few contestants everything, of more the FP matrix without the curve, of many the first
lines of the figures alone; flags take the lines that are left.
"""

from __future__ import annotations

from gancross.evaluator.estimates import Missing
from gancross.evaluator.result.types import Result
from gancross.report import formatting
from gancross.report.text import referee_texts as texts
from gancross.report.text.figure_table import fp_judges, fp_rows
from gancross.report.text.markdown_tables import MOST_ROWS, PAPERS_MATRICES, escaped, figures, table
from gancross.report.text.paper_matrices import matrices_title, paper_matrices
from gancross.report.text.screen_flags import MOST, ordered_flags
from gancross.report.text.verdict_sentences import verdict_sentences

LINES = 40
WITH_CURVE, WITH_MATRIX = 4, 8  # contestants, at most
FEWEST_FLAGS = 2
WHOLE_NAMES = 3  # contestants in the heading


def head(result: Result) -> list[str]:
    """The lines, the last one empty."""
    n = len(result.names)
    blocks = [
        [f"## Cross-test: {_title(result)}"],
        *([f"**{escaped(text)}**"] for text in verdict_sentences(result)),
    ]
    if n <= WITH_CURVE:
        blocks.append(_curve(result))
    if n <= WITH_MATRIX:
        blocks.append(_papers_matrices(result) if n <= PAPERS_MATRICES else _fp_matrix(result))
    blocks += [figures(result, MOST_ROWS), [_data(result)]]
    lines = [line for block in blocks if block for line in [*block, ""]]
    flags = _flags(result, most=LINES - len(lines) - 3)
    return [*lines[:-2], *([*flags, ""] if flags else []), *lines[-2:]]


def _title(result: Result) -> str:
    if len(result.names) > WHOLE_NAMES:
        return f"{len(result.names)} contestants"
    return " against ".join(map(escaped, result.names))


def _curve(result: Result) -> list[str]:
    """G over the level of noise: a line for each contestant."""
    referees = result.referees
    if isinstance(referees, Missing):
        return []
    levels, by_level = zip(*texts.g_rows(referees.contestants), strict=True)
    rows = [
        [escaped(name), *(formatting.DASH if g is None else formatting.figure(g) for g in gs)]
        for name, gs in zip(referees.contestants, zip(*by_level, strict=True), strict=True)
    ]
    unit = escaped(texts.unit(referees))
    title = (
        f"G = 2·AUC − 1 of referees under noise of σ, in units of {unit}: 0 where they cannot tell samples."
    )
    return [title, "", *table(["σ", *map(formatting.noise_level, levels)], rows)]


def _papers_matrices(result: Result) -> list[str]:
    rows: list[list[str]] = []
    for matrix in paper_matrices(result):
        if isinstance(matrix.rows, Missing):
            rows.append([escaped(matrix.title), *[formatting.DASH] * 3, escaped(matrix.rows.reason)])
            continue
        cross = ", ".join(fp for _, fp in matrix.cross) or formatting.DASH
        positive, negative = matrix.rows
        rows += [[escaped(matrix.title), "positive", *positive, cross], ["", "negative", *negative, ""]]
    if not rows:
        return []
    heading = ["model", "predicted", "true: positive", "true: negative, its own", "cross-testing FP"]
    title = matrices_title(result)
    return [*([escaped(f"{title}."), ""] if title else []), *table(heading, rows, left=2)]


def _fp_matrix(result: Result) -> list[str]:
    if not fp_judges(result):
        return []
    title, (heading, *rows) = fp_rows(result)
    return [f"{escaped(title)}:", "", *table(heading, rows)]


def _flags(result: Result, *, most: int) -> list[str]:
    """A line for each, then how many more there are.

    Args:
        most: flags, if all would be shown.
    """
    flags, others = ordered_flags(result)
    shown = flags[: max(FEWEST_FLAGS, min(MOST, most))]
    left = len(flags) - len(shown) + len(others)
    if not shown and not left:
        return []
    more = [f"> - {'and ' if shown else ''}{left} more below"] if left else []
    return ["> [!WARNING]", *(f"> - {escaped(flag)}" for flag in shown), *more]


def _data(result: Result) -> str:
    return f"On **{escaped(result.protocol.data.name)}**: {formatting.heading(result)}."
