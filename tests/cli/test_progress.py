"""The line of progress of a cross-test."""

from __future__ import annotations

import io

from rich.console import Console

from gancross.cli.benchmark import READING
from gancross.cli.options import STAGES, print_wrapped, progress_line

UP = "\x1b[1A"  # what a terminal is told where more than one line stands


class Screen(io.StringIO):
    """A terminal, or a file that takes what would be shown there."""

    def __init__(self, *, terminal: bool = True) -> None:
        super().__init__()
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


def shown(stages: list[str], *, terminal: bool = True) -> str:
    stream = Screen(terminal=terminal)
    console = Console(file=stream, force_terminal=terminal, width=80)
    with progress_line(console) as progress:
        for stage in stages:
            progress(stage, 0, 200)
            progress(stage, 100, 200)
        before = stream.tell()
    return stream.getvalue()[:before]


def test_one_line_tells_the_stage_at_hand() -> None:
    stages = ["plain", *STAGES, "x" * 70, "regularized"]
    text = shown(stages)
    assert "judging plain" in text and "judging regularized" in text and "/200" in text
    assert all(title in text for title in STAGES.values())
    assert UP not in text and "\n" not in text


def test_what_is_expected_stands_until_something_is_done() -> None:
    stream = Screen()
    with progress_line(Console(file=stream, force_terminal=True, width=80)) as progress:
        progress.expected = "about 13 min in all"
        progress("referees", 0, 8)
        progress("referees", 1, 8)
        before = stream.tell()
    text = stream.getvalue()
    assert "0/8" in text[:before] and "about 13 min in all" in text[:before]
    assert "1/8" in text[before:] and "about 13 min" not in text[before:]


def test_where_nobody_looks_nothing_is_shown() -> None:
    assert shown(["plain"], terminal=False) == ""


def test_a_paragraph_fits_and_ends_no_line_in_a_blank() -> None:
    text = READING.replace("\n", " ").strip()
    for width in (60, 80):
        stream = io.StringIO()
        print_wrapped(Console(file=stream, width=width), text)
        lines = stream.getvalue().splitlines()
        assert all(len(line) <= width and line == line.rstrip() for line in lines)
        assert " ".join(lines) == text
