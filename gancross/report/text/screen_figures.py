"""The figures of a first screen: a line for each contestant, and matrices as the paper prints them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gancross.evaluator.estimates import Missing
from gancross.evaluator.fidelity.metrics import METRICS, figure_label
from gancross.evaluator.result.types import Result
from gancross.evaluator.statistics.confusion import paper_rate
from gancross.report import formatting
from gancross.report.text import referee_texts as texts
from gancross.report.text.text_layout import ELLIPSIS, cut, cut_middle, one_line, side_by_side, wrapped

MATRIX = 38  # cells of a matrix in its widest line
BETWEEN = 3
LEGEND = "D: detectability, 0 where referees tell nothing; σ½: half-detection noise"


def figure_columns(result: Result) -> Mapping[str, Sequence[str]]:
    """Headings, and under each the figures of all contestants in the order of the call.

    A column that has no figure is left out. The mean cross-testing FP is that on all others' samples.
    """
    names, columns = result.names, dict[str, list[str]]()
    if result.judges:
        matrices = [result.confusion[name] for name in names]
        columns["FN"] = [
            formatting.DASH if isinstance(matrix, Missing) else paper_rate(matrix.fn.rate)
            for matrix in matrices
        ]
        columns["own FP"] = [
            formatting.DASH if isinstance(matrix, Missing) else paper_rate(matrix.fp.rate)
            for matrix in matrices
        ]
        columns["cross FP"] = [_cross_fp(result, name) for name in names]
    if not isinstance(result.referees, Missing):
        judged = [result.referees.contestants[name] for name in names]
        columns["D ↓"] = [formatting.number(figures.detectability.value) for figures in judged]
        columns["σ½ ↓"] = [texts.half_noise(figures).removesuffix(" the ladder") for figures in judged]
    if not isinstance(result.fidelity, Missing):
        (fid,) = METRICS["fid"].figures
        for key in filter(fid.matches, formatting.fidelity_keys(result)):
            # Distances of other features than Inception's never bear the name FID.
            heading = f"{fid.label if figure_label(key) == fid.label else 'Fréchet'} ↓"
            columns[heading] = [formatting.number(result.fidelity[name].of(key)) for name in names]
    return columns


def matrices(result: Result, width: int) -> list[str]:
    """Every model's confusion matrix with its cross-testing FP, beside each other where the width allows it.

    Without discriminators the matrices of referees, who cross-test each other.
    """
    heading: list[str] = []
    if result.judges:
        blocks = [_own_matrix(result, name) for name in result.names]
    elif isinstance(result.referees, Missing):
        return []
    else:
        heading = wrapped(
            f"Referees cross-test each other at σ = {texts.sigma(result.referees.cross.sigma)}:", width
        )
        blocks = [_referee_matrix(result, name) for name in result.names]
    if len(blocks) * (MATRIX + BETWEEN) - BETWEEN <= width:
        return [*heading, *side_by_side(blocks, size=MATRIX, gap=BETWEEN)]
    stacked = [line for number, block in enumerate(blocks) for line in ([""] if number else []) + block]
    return [*heading, *(cut(line, width) for line in stacked)]


def _own_matrix(result: Result, name: str) -> list[str]:
    matrix = result.confusion[name]
    if isinstance(matrix, Missing):
        reason = wrapped(matrix.reason, MATRIX - 2)
        kept = reason if len(reason) <= 4 else [*reason[:3], cut(reason[3], MATRIX - 3) + ELLIPSIS]
        return [cut_middle(one_line(name), MATRIX), *(f"  {line}" for line in kept)]
    fps = [formatting.figure(rate) for _, rate in formatting.cross_fps(result, name)]
    return _matrix(name, matrix.rates, fps)


def _referee_matrix(result: Result, name: str) -> list[str]:
    assert not isinstance(result.referees, Missing)
    rates = texts.cross_rates(result.referees, name)
    others = [texts.cross_fp(result.referees, name, other) for other in result.names if other != name]
    fps = [paper_rate(fp.value) for fp in others if fp is not None]
    return [f"Referees of {name}"] if rates is None else _matrix(f"Referees of {name}", rates, fps)


def _matrix(title: str, rates: Sequence[Sequence[float]], fps: Sequence[str]) -> list[str]:
    """Rows predicted, columns true, as §5.5 of the paper."""
    lines = [
        cut_middle(one_line(title), MATRIX),
        f"{'True condition':>34}",
        f"{'Positive':>28}{'Negative':>10}",
    ]
    for label, kind, row in zip(("Predicted", ""), ("Positive", "Negative"), rates, strict=True):
        lines.append(f"{label:<10}{kind}" + "".join(f"{paper_rate(rate):>10}" for rate in row))
    return [*lines, *([f"Cross-testing: FP: {', '.join(fps)}"] if fps else [])]


def _cross_fp(result: Result, judge: str) -> str:
    rates = formatting.cross_fps(result, judge)
    if len(rates) == 1:
        return formatting.figure(rates[0][1])
    return formatting.number(formatting.mean_cross_fp(result, judge))
