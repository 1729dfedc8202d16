"""Text laid out in columns of a terminal: cut with a sign, wrapped between words, aligned.

Widths are in cells: a wide character, such as a Chinese one, takes two.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from rich.cells import cell_len, chop_cells

from gancross.errors import printable
from gancross.report.formatting import straight

ELLIPSIS = "…"
UNBROKEN = "\N{NO-BREAK SPACE}"
NARROWEST = 8  # cells of a column of names


def one_line(text: str) -> str:
    """A text of a record on one line, without characters that move the cursor or turn the line round."""
    return printable(straight(text))


def with_whole_p(text: str) -> str:
    """The text that is never broken between p and its value."""
    return re.sub(r"(?<=\bp) (?=[\d<])", UNBROKEN, text)


def cut(text: str, width: int) -> str:
    """The text, or its beginning and "…" where it is wider."""
    if cell_len(text) <= width:
        return text
    return _beginning(text, width - 1).rstrip() + ELLIPSIS


def cut_middle(name: str, width: int) -> str:
    """The name, or its beginning, "…" and its end: names of runs often differ there alone."""
    if cell_len(name) <= width:
        return name
    end = _beginning(name[::-1], width // 2)[::-1]
    return _beginning(name, width - 1 - cell_len(end)) + ELLIPSIS + end


def cut_names(names: Sequence[str], width: int, *, numbered: bool = True) -> Mapping[str, str]:
    """Every name in at most that width, in its middle or at its beginning, so that no two look alike.

    Args:
        numbered: where no cut tells them apart, all start with their numbers.
    """
    whole = {name: one_line(name) for name in names}
    for shortened in (cut_middle, _cut_beginning):
        short = {name: shortened(line, width) for name, line in whole.items()}
        if len(set(short.values())) == len(short):
            return short
    if not numbered:
        return short
    numbers = {name: f"{number} " for number, name in enumerate(names, start=1)}
    return {name: number + cut_middle(whole[name], width - len(number)) for name, number in numbers.items()}


def wrapped(text: str, width: int, *, names: Collection[str] = ()) -> list[str]:
    """Lines of at most that width, broken between words, never within a name nor between p and its value.

    Args:
        names: as they stand in the text. One that is wider than a line is cut in its middle.
    """
    text = with_whole_p(one_line(text))
    for name in sorted(map(one_line, names), key=len, reverse=True):
        if " " in name:
            text = text.replace(name, name.replace(" ", UNBROKEN))
    lines: list[str] = []
    for word in (cut_middle(word, width) for word in text.split(" ")):
        if lines and cell_len(lines[-1]) + 1 + cell_len(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return [line.replace(UNBROKEN, " ") for line in lines]


def aligned(rows: Sequence[Sequence[str]], width: int, *, names: int = 0) -> list[str]:
    """The lines of a table with names aligned to the left, cut to what the other columns leave of the width.

    Args:
        rows: all of one length, the head first.
        names: the column of the names; those after the first column may look alike, since a number precedes.
    """
    sizes = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    gap = 2 if sum(sizes) + 2 * (len(sizes) - 1) <= width else 1
    sizes[names] = min(
        sizes[names], max(NARROWEST, width - sum(sizes) + sizes[names] - gap * (len(sizes) - 1))
    )
    head, *rest = rows
    short = cut_names([row[names] for row in rest], sizes[names], numbered=names == 0)
    lines = []
    for row in [head, *([*row[:names], short[row[names]], *row[names + 1 :]] for row in rest)]:
        cells = [
            _padded(cell, size, left=number == names)
            for number, (cell, size) in enumerate(zip(row, sizes, strict=True))
        ]
        lines.append(cut((" " * gap).join(cells).rstrip(), width))
    return lines


def side_by_side(blocks: Sequence[Sequence[str]], *, size: int, gap: int) -> list[str]:
    """Blocks of lines beside each other, each `size` wide, as long as the longest."""
    height = max(map(len, blocks))
    filled = [[*block, *[""] * (height - len(block))] for block in blocks]
    return [
        (" " * gap).join(_padded(line, size, left=True) for line in lines).rstrip()
        for lines in zip(*filled, strict=True)
    ]


def _padded(text: str, width: int, *, left: bool) -> str:
    blanks = " " * (width - cell_len(text))
    return text + blanks if left else blanks + text


def _cut_beginning(name: str, width: int) -> str:
    if cell_len(name) <= width:
        return name
    return ELLIPSIS + _beginning(name[::-1], width - 1)[::-1]


def _beginning(text: str, width: int) -> str:
    """As many characters from the first on as the width holds."""
    if width <= 0:
        return ""
    return next(iter(chop_cells(text, width)), "")
