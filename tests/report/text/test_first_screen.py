"""The first screen: whole in every width, for few and many contestants, with the figures of the reports.

`GANCROSS_WRITE_SCREENS=1 pytest tests/report/text/test_first_screen.py` writes the screens that are compared;
read them before you commit them.
"""

from __future__ import annotations

import ast
import io
import os
import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reading_reports import printed, rendered, visible_text
from referee_records import refereed, referees_of, without_judges
from report_documents import KINDS, documents
from rich.cells import cell_len
from rich.console import Console
from screen_results import long_name, renamed, with_fid

from gancross import Result
from gancross.evaluator.estimates import Missing
from gancross.evaluator.referees.records import Answer, Comparison
from gancross.report import formatting
from gancross.report.text import referee_texts as texts
from gancross.report.text.console import print_first_screen
from gancross.report.text.first_screen import ALL, LINES, first_screen
from gancross.report.text.markdown import markdown_report
from gancross.report.text.screen_flags import MOST, NOT_OF_THE_SCREEN, OF_VERDICTS, ordered_flags
from gancross.report.text.text_layout import ELLIPSIS, cut_names, one_line, wrapped
from gancross.report.text.verdict_sentences import generator_sentence, paper_sentence, verdict_sentences

SCREENS = Path(__file__).parent / "screens"
WIDTHS = (60, 80, 200)
NUMBER = re.compile(r"(?<![\w.])\d+\.\d+(?!\d|%)")


def of_length(result: Result, count: int) -> Result:
    return renamed(result, [long_name(number) for number in range(count)])


@cache
def screens() -> dict[str, Result]:
    """What is compared with `screens/NAME.txt`."""
    two, five = documents()["refereed"], documents()["five"]
    judged = refereed(five, [0.3, 0.5, 0.8, 1.6, 3.0])
    return {
        "two": documents()["two"], "two-refereed": with_fid(two),
        "two-long-names": with_fid(of_length(two, 2)),
        "two-referees-alone": documents()["nobody judges"],
        "three-refereed": of_length(judged, 3), "eight": of_length(five, 8),
        "eight-refereed": with_fid(of_length(judged, 8)), "thirty-two": of_length(five, 32),
        "thirty-two-refereed": with_fid(of_length(judged, 32)),
    }  # fmt: skip


def lines_of(result: Result, width: int, record: Path | None = None) -> list[str]:
    return [line.plain for line in first_screen(result, width=width, record=record)]


def all_tables(name: str, width: int) -> list[str]:
    return printed(screens()[name], width=width).splitlines()


def check_lines(lines: list[str], width: int) -> None:
    assert max(map(cell_len, lines)) <= width
    assert not any(line != line.rstrip() or "\n" in line or "\t" in line for line in lines)


@pytest.mark.parametrize("name", screens())
def test_screens_are_as_they_were_read(name: str) -> None:
    parts = [
        f"--- {width} columns\n" + "".join(f"{line}\n" for line in lines_of(screens()[name], width))
        for width in WIDTHS
    ]
    path = SCREENS / f"{name}.txt"
    if os.environ.get("GANCROSS_WRITE_SCREENS"):
        path.write_text("".join(parts), encoding="utf-8")
    assert path.read_text(encoding="utf-8") == "".join(parts)


@pytest.mark.parametrize("name", ["eight-refereed", "three-refereed"])
def test_all_tables_are_as_they_were_read(name: str) -> None:
    """What `-v` prints: rows of one line, names cut with a sign."""
    parts = [
        f"--- {width} columns\n" + "".join(f"{line.rstrip()}\n" for line in all_tables(name, width))
        for width in WIDTHS
    ]
    path = SCREENS / f"{name}-v.txt"
    if os.environ.get("GANCROSS_WRITE_SCREENS"):
        path.write_text("".join(parts), encoding="utf-8")
    assert path.read_text(encoding="utf-8") == "".join(parts)


@pytest.mark.parametrize("width", [40, *WIDTHS])
@pytest.mark.parametrize("name", ["two-long-names", "thirty-two-refereed", "three-refereed"])
def test_no_line_of_all_tables_is_too_wide(name: str, width: int) -> None:
    assert max(map(cell_len, all_tables(name, width))) <= width


@pytest.mark.parametrize("width", [40, *WIDTHS])
@pytest.mark.parametrize("name", [*KINDS, *(f"screen {name}" for name in screens())])
def test_no_line_is_too_wide_or_ends_in_blanks(name: str, width: int) -> None:
    result = screens()[name.removeprefix("screen ")] if name.startswith("screen ") else documents()[name]
    lines = lines_of(result, width)
    check_lines(lines, width)
    if width == 80 and len(result.names) <= 2:
        assert len(lines) <= LINES


@given(
    names=st.lists(st.text(max_size=70), min_size=2, max_size=3, unique_by=one_line),
    width=st.integers(40, 120),
)
def test_any_names_fit_and_a_cut_one_has_a_sign(names: list[str], width: int) -> None:
    result = renamed(documents()["refereed"], names)
    check_lines(lines_of(result, width), width)
    for name, short in cut_names(names, 20).items():
        assert cell_len(short) <= 20 and (short.endswith(one_line(name)) or ELLIPSIS in short)
    assert len(set(cut_names(names, 20).values())) == len(names)


def test_names_that_differ_in_their_middle_alone_are_told_apart() -> None:
    """In headings of matrices and in flags, by their numbers; where there is room names are whole."""
    names = [f"a generator, the run of seed {seed}, and of all its many steps the very last" for seed in "ab"]
    result = renamed(documents()["refereed"], names)
    lines = lines_of(result, 80)
    assert any(line.startswith("1 a gen") and "   2 a gen" in line for line in lines)
    assert any(line.startswith("! '2 a gen") and "copies training data" in line for line in lines)
    assert any(line == f"{names[0]}   {names[1]}" for line in lines_of(result, 200))


@given(
    name=st.from_regex(r"\A[a-z]{1,9}( [a-z]{1,9}){0,3}\Z"),
    words=st.integers(0, 9),
    width=st.integers(45, 90),
)
def test_no_name_is_broken_over_lines(name: str, words: int, width: int) -> None:
    text = " ".join(["word"] * words + [f"'{name}'"] + ["word"] * 9)
    lines = wrapped(text, width, names=[name])
    assert " ".join(lines) == text and sum(f"'{name}'" in line for line in lines) == 1


@pytest.mark.parametrize("width", [60, 80])
@pytest.mark.parametrize("name", ["two", "two-refereed", "eight-refereed", "two-referees-alone"])
def test_figures_are_those_of_the_markdown_report_digit_by_digit(name: str, width: int) -> None:
    result = screens()[name]
    page = visible_text(re.sub("<[^>]+>", " ", rendered(markdown_report(result))))
    lines = [line for line in lines_of(result, width) if not line.startswith("!")]
    found = set(NUMBER.findall(" ".join(lines)))
    assert len(found) > 5 and found <= set(NUMBER.findall(page))


def test_the_screen_says_who_is_told_by_what() -> None:
    result = screens()["two-refereed"]
    text = "\n".join(lines_of(result, 80))
    plain = referees_of(result).contestants["plain"]
    sentences = verdict_sentences(result)
    assert " ".join(text.split()).startswith(" ".join(sentences))
    for sentence in sentences:
        assert " better" not in sentence and " wins" not in sentence
    assert formatting.number(plain.detectability.value) in text and "7.0625" in text
    assert texts.half_noise(plain) in text


def test_without_referees_the_first_sentence_says_why_nobody_is_named() -> None:
    result = documents()["two"]
    pair = result.pairs[0]
    assert generator_sentence(result, pair) == (
        "No generator is named: no referees were trained, and own discriminators cannot tell whose samples"
        " are nearer to the data."
    )
    assert paper_sentence(result, pair) == (
        "By the paper's rule regularized's discriminator is fooled less than plain's: cross-testing FP 0.22"
        " against 0.725 (p 1.2e-24), FN 0.4667 against 0.4167."
    )
    alone = without_judges(result)
    assert paper_sentence(alone, pair) == (
        "By the paper's rule no discriminator is named: no discriminator judged."
    )
    assert "both have the cross-testing FP" in paper_sentence(documents()["two"], replace(
        pair, verdict=replace(pair.verdict, paper=replace(pair.verdict.paper, winner=None))
    ))  # fmt: skip


def answered(answer: Answer, **changes: object) -> str:
    """The sentence about two contestants whom referees answered so."""
    result = documents()["refereed"]
    referees = referees_of(result)
    comparison: Comparison = replace(referees.comparisons[0], answer=answer, **changes)  # type: ignore[arg-type]
    pair = replace(
        result.pairs[0], verdict=replace(
            result.pairs[0].verdict, generator=replace(result.pairs[0].verdict.generator, winner=None)
        ),
    )  # fmt: skip
    controls = replace(referees.controls, budget=replace(referees.controls.budget, fails=True))
    changed = replace(referees, comparisons=(comparison,), controls=controls)
    return generator_sentence(replace(result, referees=changed), pair)


@pytest.mark.parametrize(
    ("sentence", "part"),
    [
        (lambda: answered("crossing"), "at some levels of noise, farther at others."),
        (lambda: answered("no name", n=60), "named with fewer than 500 reals or samples: there are 60."),
        (lambda: answered("too close for this budget"), "longer training of the referees could turn it."),
        (lambda: answered("withheld"), "but the referees fail the check of budget."),
        (lambda: answered("not told apart"), "'s may be nearer to the data at some level of noise."),
        (lambda: answered("not told apart", holm_p=0.3), "do not differ beyond chance (p 0.3)."),
    ],
)  # fmt: skip
def test_every_answer_that_names_nobody_has_a_sentence(sentence: Callable[[], str], part: str) -> None:
    text = sentence()
    assert text.startswith("No generator is named") and text.endswith(part)


def test_of_many_the_best_is_first_and_marked() -> None:
    result = screens()["eight-refereed"]
    lines = lines_of(result, 80)
    start = next(i for i, line in enumerate(lines) if line.startswith("#"))
    table = [line.split() for line in lines[start + 1 : start + 9]]
    values = [float(row[-3]) for row in table]
    assert values == sorted(values) and [row[1] for row in table].count("*") == 1 and table[0][1] == "*"
    # Its figures are those of one other model too: these two are not told apart.
    assert table[1][1] == "~" and not any(row[1] in "*~" for row in table[2:])
    assert " ".join(lines).startswith("No generator is named before all others")


def test_a_matrix_that_does_not_fit_is_named_with_its_place() -> None:
    for width in (60, 80):
        text = " ".join(lines_of(screens()["thirty-two"], width))
        assert f"FP of 32 judges on the samples of 32 models: too wide for {width} columns" in text
    eight = lines_of(screens()["eight"], 80)
    assert any(line.startswith("FP, the share") for line in eight)


def test_the_last_line_is_the_command_that_shows_the_rest() -> None:
    result = documents()["two"]
    assert lines_of(result, 80)[-1] == f"{ALL}: -v; to keep them: --json, --html"
    assert lines_of(result, 80, Path("my result.json"))[-1] == f"{ALL}: gancross report 'my result.json' -v"
    assert lines_of(result, 80, Path("r" * 90))[-1] == f"{ALL}: -v, or the record"


def test_of_many_the_paper_s_sentence_says_beyond_which_chance() -> None:
    result = documents()["five"]
    ps = [pair.holm_p for pair in result.pairs if pair.verdict.paper.winner == "model 4"]
    assert len(ps) == 4 and not any(isinstance(p, Missing) for p in ps)
    least_sure = max(p for p in ps if not isinstance(p, Missing))
    assert verdict_sentences(result)[1].endswith(
        f" the most of all (p {formatting.p_value(least_sure)}, adjusted for 10 pairs, or less)."
    )


# Flags


def test_flags_are_few_the_gravest_first_and_the_others_counted() -> None:
    flags = [f"'{name}' is blind: it calls" for name in "ab"]
    noted = [f"'{name}': 2 of its samples are odd" for name in "cdefg"]
    minor = ["fewer than 1,000 test samples set the threshold of FP at matched FN"]
    result = replace(screens()["three-refereed"], flags=tuple(minor + noted + flags))
    copies = f"2 models copy training data: '{long_name(1)}', '{long_name(2)}'"
    assert ordered_flags(result) == ([copies, *flags, *noted], minor)
    shown = [line for line in lines_of(result, 60) if line.startswith("! ")]
    assert len(shown) == MOST + 1 and shown[1:3] == [f"! {flag}" for flag in flags]
    assert shown[0] == "! 2 models copy training data: 'cifar10…d01-last', 'cifar10…"
    assert shown[-1] == "! and 4 more: -v or the record"
    alone = replace(documents()["two"], flags=tuple(minor))
    assert "! 1 flag about other figures: -v or the record" in lines_of(alone, 80)


def test_every_part_of_a_flag_that_orders_them_stands_in_the_code() -> None:
    folder = Path(formatting.__file__).parents[1] / "evaluator"
    texts_of_code = [
        node.value
        for path in sorted(folder.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    for part in (*OF_VERDICTS, *NOT_OF_THE_SCREEN):
        assert any(part in text for text in texts_of_code), part


# Printing


@pytest.mark.parametrize("width", WIDTHS)
def test_the_console_prints_the_lines_and_nothing_else(width: int) -> None:
    result, stream = screens()["two-long-names"], io.StringIO()
    print_first_screen(result, Console(file=stream, width=width, force_terminal=False))
    assert stream.getvalue().splitlines() == lines_of(result, width)


def test_missing_figures_are_dashes() -> None:
    result = documents()["critics"]
    assert all(isinstance(matrix, Missing) for matrix in result.confusion.values())
    (row,) = (line for line in lines_of(result, 80) if line.split() == ["one", *[formatting.DASH] * 3])
    assert row
