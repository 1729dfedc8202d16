"""The matrices of a first screen: those of one or two models as the paper prints them, of more all FPs."""

from __future__ import annotations

from rich.cells import cell_len

from gancross.evaluator.estimates import Missing
from gancross.evaluator.result.types import Result
from gancross.report.text.figure_table import fp_judges, fp_rows
from gancross.report.text.paper_matrices import PaperMatrix, matrices_title, paper_matrices
from gancross.report.text.text_layout import (
    ELLIPSIS,
    aligned,
    cut,
    cut_names,
    one_line,
    side_by_side,
    wrapped,
)

MATRIX = 38  # cells of a matrix in its widest line but its title
BETWEEN = 3


def matrices(result: Result, width: int) -> list[str]:
    """Every model's confusion matrix and cross-testing FP, beside each other where the width allows it."""
    found = paper_matrices(result)
    if not found:
        return []
    title = matrices_title(result)
    heading = wrapped(f"{title}:", width) if title else []
    each = (width - BETWEEN * (len(found) - 1)) // len(found)
    beside = each >= MATRIX
    longest = max(cell_len(one_line(matrix.title)) for matrix in found)
    size = max(MATRIX, min(longest, each if beside else width))
    titles = cut_names([matrix.title for matrix in found], size)
    blocks = [_matrix(matrix, titles[matrix.title]) for matrix in found]
    if beside:
        return [*heading, *side_by_side(blocks, size=size, gap=BETWEEN)]
    stacked = [line for number, block in enumerate(blocks) for line in ([""] if number else []) + block]
    return [*heading, *(cut(line, width) for line in stacked)]


def fp_matrix(result: Result, width: int) -> list[str]:
    """FP of every judge on the samples of every model; or that it does not fit."""
    judges = fp_judges(result)
    if not judges:
        return []
    title, rows = fp_rows(result)
    lines = aligned(rows, width)
    if any(ELLIPSIS in line for line in lines):
        return wrapped(
            f"FP of {len(judges)} judges on the samples of {len(result.names)} models: too wide for"
            f" {width} columns; in the record and in the HTML report.", width,
        )  # fmt: skip
    return [*wrapped(title, width), *lines]


def _matrix(matrix: PaperMatrix, title: str) -> list[str]:
    if isinstance(matrix.rows, Missing):
        reason = wrapped(matrix.rows.reason, MATRIX - 2)
        kept = reason if len(reason) <= 4 else [*reason[:3], cut(reason[3], MATRIX - 3) + ELLIPSIS]
        return [title, *(f"  {line}" for line in kept)]
    lines = [title, f"{'True condition':>34}", f"{'Positive':>28}{'Negative':>10}"]
    for label, kind, row in zip(("Predicted", ""), ("Positive", "Negative"), matrix.rows, strict=True):
        lines.append(f"{label:<10}{kind}" + "".join(f"{rate:>10}" for rate in row))
    fps = ", ".join(fp for _, fp in matrix.cross)
    return [*lines, *([f"Cross-testing: FP: {fps}"] if fps else [])]
