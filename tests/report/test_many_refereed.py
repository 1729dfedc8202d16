"""What referees found of many contestants: whole, also in narrow terminals."""

from __future__ import annotations

from functools import cache

import pytest
from reading_reports import media, printed, visible_text
from referee_records import refereed, referees_of, without_judges
from report_documents import image_model, result_of

from gancross import Result
from gancross.report import formatting
from gancross.report.text import referee_texts as texts

STRENGTHS = [0.3, 0.5, 0.8, 1.1, 1.5, 3.0, 0.3, 0.35, 9.0]


@cache
def nine() -> Result:
    """Nine contestants."""
    models = [image_model(f"model {i}", 0.2 * i - 0.4, 0.1 * i) for i in range(9)]
    return refereed(result_of(*models, num_samples=40), STRENGTHS)


@pytest.mark.parametrize("width", [60, 80, 100])
def test_nine_contestants_fit_narrow_terminals_whole(width: int) -> None:
    result = nine()
    referees, text = referees_of(result), printed(result, width=width)
    part = text[text.index("Referees: fresh judges") : text.index("Named models")]
    assert "…" not in part and max(map(len, text.splitlines())) <= width
    for figures in referees.contestants.values():
        d = figures.detectability
        assert formatting.number(d.value) in part and formatting.interval(d) in part
        assert texts.half_noise_limits(figures) in part
    for comparison in referees.comparisons:
        assert f"{comparison.mean.value:+.4f}" in part
    assert "not made" not in part and part.count("Dominance") == 1


def test_of_many_each_pair_has_a_line_with_numbers_for_names() -> None:
    result = nine()
    referees, lines = referees_of(result), [line.split() for line in printed(result, width=100).splitlines()]
    for comparison in referees.comparisons:
        a, b = (result.names.index(name) + 1 for name in (comparison.a, comparison.b))
        (line,) = (" ".join(line[2:]) for line in lines if line[:2] == [f"{a},", str(b)])
        winner = result.names.index(texts.named(comparison)) + 1
        assert line.startswith(texts.answer(comparison, str(winner), texts.SHORT_ANSWERS))
        assert texts.difference_text(comparison) in line


def test_of_many_the_named_models_are_a_matrix() -> None:
    result = nine()
    lines = [" ".join(line.split()) for line in printed(result, width=100).splitlines()]
    start = next(i for i, line in enumerate(lines) if line.startswith("Named models"))
    winners = {
        frozenset((pair.a, pair.b)): pair.verdict.generator.winner for pair in result.pairs
    }  # fmt: skip
    first = [winners[frozenset((result.names[0], name))] for name in result.names[1:]]
    expected = ["–" if name is None else str(result.names.index(name) + 1) for name in first]
    assert lines[start + 2] == " ".join(["1", *expected])
    assert start < next(i for i, line in enumerate(lines) if line.startswith("Named discriminators"))


def test_many_contestants_stand_whole_in_the_other_media() -> None:
    result = without_judges(nine())  # whose pictures take a second
    for medium in ("Markdown", "HTML", "notebook"):
        words = visible_text(media(result)[medium].words)
        for comparison in referees_of(result).comparisons:
            assert texts.difference_text(comparison) in words
