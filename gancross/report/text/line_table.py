"""Tables of the terminal of which every row takes one line, however long names are and narrow terminals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.box import HEAVY_HEAD
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Column, Table
from rich.text import Text

from gancross.report.text.text_layout import NARROWEST, cut_names, one_line

LEAST = 16  # cells of a name, before other columns give way
GAP, FRAME = 2, 3  # cells between two columns, without and with frames


@dataclass(frozen=True, kw_only=True)
class LineTable:
    """A table whose names are cut in their middle, with "…", to what other columns leave of the width.

    Columns that do not fit stand in a table below, after the first ones again. Figures are cut, with "…" at
    their end, where one column of them does not fit.

    Attributes:
        head: a heading for each column.
        rows: texts, or strings that are no markup.
        keys: the first columns, which every table has; those of names are aligned to the left.
        names: columns of names among them.
        named_head: whether the headings of the other columns are names too.
        ends: rows after which a line is drawn, with frames alone.
    """

    head: Sequence[str]
    rows: Sequence[Sequence[Text | str]]
    keys: int = 1
    names: Sequence[int] = ()
    named_head: bool = False
    title: str = ""
    framed: bool = False
    ends: Sequence[int] = ()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Its tables, one below the other."""
        if self.title:
            yield Text(self.title, style="bold")
        rows = [[_text(cell) for cell in row] for row in self.rows]
        head = self._head(rows)
        sizes = [max(cell_len(head[c]), *(row[c].cell_len for row in rows)) for c in range(len(head))]
        blocks, size = self._blocks(sizes, options.max_width)
        numbered = len(self.names) == self.keys  # else a number precedes every name
        short = cut_names(
            list(dict.fromkeys(row[c].plain for row in rows for c in self.names)), size, numbered=numbered
        )
        for row in rows:
            for c in self.names:
                row[c] = Text(short[row[c].plain], style=row[c].style)
        for number, block in enumerate(blocks):
            if number and not self.framed:
                yield Text()
            yield self._table([head[c] for c in block], [[row[c] for c in block] for row in rows])

    def _head(self, rows: Sequence[Sequence[Text]]) -> list[str]:
        values = self.head[self.keys :]
        if not self.named_head or not values:
            return list(self.head)
        widest = max(row[c].cell_len for row in rows for c in range(self.keys, len(row)))
        short = cut_names(values, max(LEAST, widest))
        return [*self.head[: self.keys], *(short[value] for value in values)]

    def _blocks(self, sizes: Sequence[int], width: int) -> tuple[list[list[int]], int]:
        """The columns of each table, and how many cells a name has in all of them."""
        whole = max((sizes[c] for c in self.names), default=0)
        keys = list(range(self.keys))

        def room(block: Sequence[int]) -> int:
            """For each column of names, or for all others where there is none."""
            edges = FRAME * len(block) + 1 if self.framed else GAP * (len(block) - 1)
            left = width - edges - sum(sizes[c] for c in block if c not in self.names)
            return left // max(1, len(self.names))

        blocks: list[list[int]] = []
        for c in range(self.keys, len(sizes)):
            if blocks and room([*blocks[-1], c]) >= min(whole, LEAST):
                blocks[-1].append(c)
            else:
                blocks.append([*keys, c])
        return blocks, max(NARROWEST, min(whole, *map(room, blocks)))

    def _table(self, head: Sequence[str], rows: Sequence[Sequence[Text]]) -> Table:
        columns = [
            Column(
                Text(heading), justify="left" if c in self.names else "right", no_wrap=True,
                overflow="ellipsis",
            ) for c, heading in enumerate(head)
        ]  # fmt: skip
        table = Table(
            *columns, box=HEAVY_HEAD if self.framed else None,
            padding=(0, 1) if self.framed else (0, GAP, 0, 0), pad_edge=self.framed,
        )  # fmt: skip
        for number, row in enumerate(rows):
            table.add_row(*row, end_section=number in self.ends)
        return table


def _text(cell: Text | str) -> Text:
    """On one line, without characters that move the cursor."""
    return Text(one_line(cell)) if isinstance(cell, str) else cell
