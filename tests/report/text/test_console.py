"""What the terminal shows of several contestants."""

from __future__ import annotations

import io
from dataclasses import replace

from grey_models import REALS, BlackOrWhite, Brightness, model
from paper_counts import PAPER
from rich.console import Console

from gancross import Result, crosstest
from gancross.evaluator.estimates import Missing, Proportion
from gancross.evaluator.judging.figures import ConfusionMatrix
from gancross.evaluator.statistics.confusion import Confusion, paper_rate
from gancross.report.text.console import print_result
from gancross.report.text.console_tables import confusion_table


def printed(result: Result, *, width: int) -> str:
    stream = io.StringIO()
    print_result(result, Console(file=stream, width=width))
    return stream.getvalue()


def test_the_papers_tables_print_as_in_the_paper() -> None:
    models = [model(name, BlackOrWhite(0.5), Brightness(0.0)) for name in PAPER]
    result = crosstest(models, data=REALS, num_samples=10)
    matrices, cross_fp = {}, {}
    for name, judgement in PAPER.items():
        assert judgement.fn and judgement.own_fp and judgement.cross_fp
        cross_fp[name] = judgement.cross_fp
        table = Confusion(fn=judgement.fn, fp=judgement.own_fp)
        matrices[name] = ConfusionMatrix(counts=table.counts(), rates=table.rates(), fn=table.fn, fp=table.fp)
    cells = [cell if cell.is_own else replace(cell, fp=cross_fp[cell.judge]) for cell in result.cross]
    result = replace(result, confusion=matrices, cross=tuple(cells))
    lines = {}
    for name in PAPER:
        console = Console(file=io.StringIO(), width=80)
        with console.capture() as capture:
            console.print(confusion_table(name, result))
        lines[name] = " ".join(capture.get().split())
    assert lines["regularized"] == (
        "regularized True condition Positive Negative Predicted Positive 0.9688 0.0002"
        " Negative 0.0312 0.9998 Cross-testing: FP: 0.0"
    )
    assert lines["unregularized"] == (
        "unregularized True condition Positive Negative Predicted Positive 1.0 0.0013"
        " Negative 0.0 0.9987 Cross-testing: FP: 1.0"
    )


def test_rankings_and_claims_of_methods_are_printed() -> None:
    contestants = [
        model(f"{method}{seed}", BlackOrWhite(share), Brightness(0.1 * seed), method=method)
        for method, share in (("even", 0.5), ("rare", 0.1))
        for seed in range(2)
    ]
    result = crosstest(contestants, data=REALS, num_samples=600)
    assert not isinstance(result.ranking.generators, Missing)
    text = " ".join(printed(result, width=120).split())
    leader = result.ranking.generators[0]
    ranked = f"{leader.name} {leader.distance.value:.4f} [{leader.distance.low:.4f}, "
    assert f"Generators, by mean J² under the others' discriminators (↓): {ranked}" in text
    assert "Method 'even' against 'rare': no claim. Fewer than 4 runs a side" in text


def test_many_contestants_have_a_line_each() -> None:
    contestants = [
        model(f"model-with-a-long-name-{n}", BlackOrWhite(0.1 + 0.15 * n), Brightness(0.15 * n))
        for n in range(6)
    ]
    result = crosstest(contestants, data=REALS, num_samples=600)
    text = printed(result, width=80)
    assert "…" not in text and "against" not in text
    lines = [" ".join(line.split()) for line in text.splitlines()]
    heading = "# 1 2 3 4 5 6"

    def table_after(title: str) -> list[str]:
        """The headings of the table under a title, and the line of each contestant."""
        start = next(n for n, line in enumerate(lines) if line.startswith(title)) + 1
        return lines[start : start + 7]

    def rate(judge: str, generator: str) -> str:
        figure = result.cells[judge, generator].fp
        assert isinstance(figure, Proportion)
        return paper_rate(figure.rate)

    names = result.names
    rates = [" ".join(rate(judge, generator) for judge in names) for generator in names]
    numbered = [f"{number} {row}" for number, row in enumerate(rates, start=1)]
    assert table_after("FP: share of the samples") == [heading, *numbered]

    winners: dict[tuple[str, str], str | None] = {}
    for pair in result.pairs:
        first, second = sorted((pair.a, pair.b), key=names.index)
        verdict = pair.verdict
        winners |= {(first, second): verdict.paper.winner, (second, first): verdict.discriminator.winner}
    number_of: dict[str | None, str] = {None: "–"}
    number_of |= {name: str(number) for number, name in enumerate(names, start=1)}
    verdicts = [
        " ".join([number_of[a], *(number_of[winners[a, b]] for b in names if b != a)])  # no diagonal
        for a in names
    ]
    assert table_after("Named discriminators: ") == [heading, *verdicts]

    matrix = result.confusion[names[0]]
    assert not isinstance(matrix, Missing)
    (tpr, fp), (fn, tnr) = matrix.rates
    expected = " ".join(["1", names[0], *map(paper_rate, (tpr, fn, fp, tnr))])
    assert any(line.startswith(expected) for line in lines)
