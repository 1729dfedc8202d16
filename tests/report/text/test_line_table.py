"""Tables of one line a row: names are cut with a sign, columns without room stand below, in any width."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text
from screen_results import long_name

from gancross.report.text.line_table import LineTable
from gancross.report.text.text_layout import ELLIPSIS

NAMES = [long_name(number) for number in range(8)]
FIGURES = ["0.1234 [0.1000, 0.2000]", "<0.00392 [≤0.00392, 0.00392]", "none seen"]


def lines(table: LineTable, width: int) -> list[str]:
    stream = io.StringIO()
    Console(file=stream, width=width).print(table)
    return [line.rstrip() for line in stream.getvalue().splitlines()]


def table_of(names: list[str], *, framed: bool = False) -> LineTable:
    rows: list[list[Text | str]] = [[str(i), name, *FIGURES] for i, name in enumerate(names)]
    head = ["#", "model", "D", "σ½", "copies"]
    return LineTable(head=head, rows=rows, keys=2, names=[1], framed=framed)


@pytest.mark.parametrize(
    ("width", "framed", "blocks"),
    [(60, False, 2), (80, False, 2), (200, False, 1), (60, True, 3), (80, True, 2), (200, True, 1)],
)
def test_a_row_is_a_line_of_each_block(width: int, framed: bool, blocks: int) -> None:
    shown = lines(table_of(NAMES, framed=framed), width)
    if framed:
        shown = [line.strip("│┃ ") for line in shown if line[:1] in "│┃"]
    rows = [line.split() for line in shown if line]
    assert len(rows) == blocks * (len(NAMES) + 1)
    for figure in FIGURES:
        assert sum(figure in " ".join(row).replace("│ ", "") for row in rows) == len(NAMES)
    first = [" ".join(row) for row in rows[1 : len(NAMES) + 1]]
    names = [row.split()[2 if framed else 1] for row in first]
    assert len(set(names)) == len(NAMES)
    for name, whole in zip(names, NAMES, strict=True):
        assert name == whole or ELLIPSIS in name
        assert whole.endswith(name.rpartition(ELLIPSIS)[2])
    assert (names == NAMES) == (width == 200)


def test_headings_that_are_names_are_cut_to_the_figures() -> None:
    rows = [[name, *["0.5 [0.4, 0.6]"] * 8] for name in NAMES]
    table = LineTable(head=["samples", *NAMES], rows=rows, names=[0], named_head=True)
    head, *_ = lines(table, 200)
    assert NAMES[0] not in head and "cifar10…d00-last" in head


@given(
    names=st.lists(st.text(min_size=1, max_size=60), min_size=1, max_size=4),
    width=st.integers(20, 120), framed=st.booleans(),
)  # fmt: skip
def test_no_line_is_too_wide_whatever_the_names(names: list[str], width: int, framed: bool) -> None:
    shown = lines(table_of(names, framed=framed), width)
    assert max(map(cell_len, shown)) <= width
    rows = [line for line in shown if line and (not framed or line[0] in "│┃")]
    assert len(rows) % (len(names) + 1) == 0


def test_names_are_no_markup() -> None:
    assert any("[bold]x[/bold]" in line for line in lines(table_of(["[bold]x[/bold]"]), 80))
