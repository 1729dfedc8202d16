"""What commands print of a result unless all tables are asked for: verdicts, figures, flags on one screen.

Of two contestants the screen has at most 24 lines of 80 columns: flags give way. No line is wider than asked
for, none ends in blanks; what is cut ends in "…", names have it in their middle.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from rich.text import Text

from gancross.evaluator.result.types import Result
from gancross.report import formatting
from gancross.report.text.crowds import MOST_PAIRED, crowded
from gancross.report.text.figure_table import figure_table
from gancross.report.text.screen_figures import fp_matrix, matrices
from gancross.report.text.screen_flags import MOST, ordered_flags
from gancross.report.text.text_layout import aligned, cut, cut_names, one_line, wrapped
from gancross.report.text.verdict_sentences import verdict_sentences

LINES = 24
NARROWEST = 40  # columns
LONGEST_IN_FLAGS = 16  # cells of a name
FEWEST_FLAGS = 1  # lines of flags, though the screen be longer for them
ALL, MORE = "All tables and reasons", "More tables, and all in the record"


def first_screen(result: Result, *, width: int, record: Path | None = None) -> list[Text]:
    """The lines of the screen.

    Args:
        width: columns of the terminal, at least `NARROWEST`.
        record: the file of the record, if it was saved.
    """
    verdicts = [
        line for text in verdict_sentences(result) for line in wrapped(text, width, names=result.names)
    ]
    figures = _two(result, width) if len(result.names) <= 2 else _many(result, width)
    end = [*_data(result, width), _rest(MORE if crowded(result) else ALL, width, record)]
    room = LINES - len(verdicts) - len(figures) - len(end) - 2
    flags = _flags(result, width, MOST if len(result.names) > 2 else max(FEWEST_FLAGS, room - 1))
    return [
        *(Text(line, style="bold") for line in verdicts), Text(), *map(Text, figures),
        *([Text()] if flags else []),
        *(Text(line, style="yellow") for line in flags), *(Text(line, style="dim") for line in end),
    ]  # fmt: skip


def _two(result: Result, width: int) -> list[str]:
    above = matrices(result, width)
    return [*above, *([""] if above else []), *_contestants(result, width)]


def _many(result: Result, width: int) -> list[str]:
    matrix = fp_matrix(result, width)
    return [*_contestants(result, width), *([""] if matrix else []), *matrix]


def _contestants(result: Result, width: int) -> list[str]:
    """A line for each contestant, and what headings and marks mean."""
    table = figure_table(result)
    rows = [[*row[: table.names], one_line(row[table.names]), *row[table.names + 1 :]] for row in table.rows]
    legends = (line for text in table.legends for line in wrapped(text, width))
    left = max(0, len(rows) - MOST_PAIRED)
    more = [cut(f"and {left} more: -v or the record", width)] if left else []
    return [*aligned([table.head, *rows[:MOST_PAIRED]], width, names=table.names), *more, *legends]


def _flags(result: Result, width: int, most: int) -> list[str]:
    """At most so many flags in a line each, then how many more there are."""
    flags, others = ordered_flags(result)
    shown = flags[: min(MOST, most)]
    left = len(flags) - len(shown) + len(others)
    lines = [_flag_line(one_line(f"! {flag}"), result.names, width) for flag in shown]
    if left and shown:
        lines.append(cut(f"! and {left} more: -v or the record", width))
    elif left:
        lines.append(
            cut(f"! {left} flag{'' if left == 1 else 's'} about other figures: -v or the record", width)
        )
    return lines


def _flag_line(line: str, names: Sequence[str], width: int) -> str:
    """Where it is too wide, long names are cut first, then the text at its end."""
    if cut(line, width) != line:
        for name, short in cut_names(names, LONGEST_IN_FLAGS).items():
            line = line.replace(f"'{one_line(name)}'", f"'{short}'")
    return cut(line, width)


def _data(result: Result, width: int) -> list[str]:
    name = result.protocol.data.name
    return wrapped(f"On {name}: {formatting.heading(result)}.", width, names=[name])


def _rest(what: str, width: int, record: Path | None) -> str:
    """Where everything else lies; a command that does not fit would be of no use."""
    if record is None:
        return cut(f"{what}: -v; to keep them: --json, --html", width)
    command = f"{what}: gancross report {shlex.quote(one_line(str(record)))} -v"
    return command if cut(command, width) == command else cut(f"{what}: -v, or the record", width)
