"""Reports as a reader sees them: the words of a page, and the cells of its tables by their headings."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from html.parser import HTMLParser

from markdown_it import MarkdownIt
from rich.console import Console

from gancross import Result
from gancross.report.browser.html import html_report
from gancross.report.text.markdown import markdown_report

VOID = {"meta", "link", "img", "br", "hr", "input"}
WIDE = 4000  # columns of a terminal in which no line is folded
UNSEEN = re.compile("[\u2060\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c\ufffd\x00-\x08\x0b\x0c\x0e-\x1f]")

Row = dict[str, str]  # the text under every heading
Table = list[Row]


class Page(HTMLParser):
    """Elements in order, text of each place, tables; fails on tags that do not match."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.text: list[str] = []
        self.tables: list[Table] = []
        self._headings: list[str] = []
        self._cells: list[list[str]] = []
        self.feed(text)
        self.close()
        assert not self.open, f"not closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({key for key, _ in attrs}) == len(attrs), f"an attribute twice: {tag} {attrs}"
        self.elements.append((tag, {key: value or "" for key, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self._cells = []
        if tag in ("th", "td"):
            self._cells.append([])

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {key: value or "" for key, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop() == tag, f"</{tag}> closes nothing"
        cells = [one_line("".join(parts)) for parts in self._cells]
        if tag == "tr" and "thead" in self.open:
            self._headings = cells
        elif tag == "tr":
            self.tables[-1].append(dict(zip(self._headings, cells, strict=True)))

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("style", "script"):
            self.text.append(data)
        if {"th", "td"} & set(self.open):
            self._cells[-1].append(data)

    def attributes(self, name: str) -> list[str]:
        return [attributes[name] for _, attributes in self.elements if name in attributes]

    def of(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def words(self) -> str:
        return one_line("".join(self.text))


@dataclass(frozen=True, kw_only=True)
class Rendering:
    """What one medium shows of a result."""

    words: str
    tables: list[Table]


def one_line(text: str) -> str:
    return " ".join(text.split())


def visible_text(text: str) -> str:
    """What of a text an eye can see, on one line."""
    return one_line(UNSEEN.sub("", text))


def rendered(markdown: str) -> str:
    """The HTML of a Markdown text."""
    page: str = MarkdownIt("commonmark").enable("table").enable("strikethrough").render(markdown)
    return page


def table_of(markdown: str, *headings: str) -> Table:
    """The only table of a Markdown text that has these headings, and maybe more."""
    (table,) = (table for table in Page(rendered(markdown)).tables if set(headings) <= set(table[0]))
    return table


def printed(result: Result, width: int = WIDE) -> str:
    """What a terminal shows."""
    console = Console(record=True, width=width, file=io.StringIO())
    console.print(result)
    return console.export_text()


def console_tables(text: str) -> list[Table]:
    """The tables with frames that a terminal shows."""
    tables: list[Table] = []
    headings: list[str] = []
    for line in text.splitlines():
        if line.startswith("┃"):
            headings = [cell.strip() for cell in line.strip("┃").split("┃")]
            tables.append([])
        elif line.startswith("│"):
            cells = [cell.strip() for cell in line.strip("│").split("│")]
            tables[-1].append(dict(zip(headings, cells, strict=True)))
    return tables


def media(result: Result) -> dict[str, Rendering]:
    """What every medium for people shows of a result."""
    text = printed(result)
    pages = {
        "Markdown": rendered(markdown_report(result)), "HTML": html_report(result),
        "notebook": result._repr_html_(),
    }  # fmt: skip
    renderings = {"console": Rendering(words=one_line(text), tables=console_tables(text))}
    for medium, page in ((medium, Page(page)) for medium, page in pages.items()):
        renderings[medium] = Rendering(words=page.words, tables=page.tables)
    return renderings
