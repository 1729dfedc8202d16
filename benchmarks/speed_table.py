"""The table of benchmarks/README.md, from the records of the speed questions.

python benchmarks/speed_table.py        rewrites the table between its two marks
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
README = HERE / "README.md"
BEGIN, END = "<!-- speed: made by speed_table.py -->\n", "<!-- /speed -->"
COLUMNS = ("work", "measured [quartiles]", "threads", "predicted from FLOPs", "goal", "met")


def table(records: Iterable[dict[str, Any]]) -> str:
    """One line per row of every record, in the order of the questions' names."""
    head = f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}\n"
    return head + "".join(
        _line(row)
        for record in sorted(records, key=lambda record: record["question"])
        for row in record["rows"]
    )


def records() -> list[dict[str, Any]]:
    """The records in results/."""
    paths = sorted((HERE / "results").glob("speed-*.json"))
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths]


def with_table(text: str, table_text: str) -> str:
    """The text with the table between its marks replaced.

    Raises:
        ValueError: it has no such marks.
    """
    before, _, remainder = text.partition(BEGIN)
    _, end, after = remainder.partition(END)
    if not end:
        raise ValueError(f"{README} has no place for the table: {BEGIN.strip()} … {END}")
    return f"{before}{BEGIN}{table_text}{END}{after}"


def measured(row: Mapping[str, Any]) -> str:
    """A row's median and quartiles."""
    unit, spread = f" {row['unit']}" if row["unit"] else "", row["measured"]
    return f"{figure(spread['median'])}{unit} [{figure(spread['low'])}, {figure(spread['high'])}]"


def figure(value: float) -> str:
    """Two decimals, or two significant digits."""
    return f"{value:.2f}" if value >= 0.1 else f"{value:.2g}"


def _line(row: Mapping[str, Any]) -> str:
    unit = f" {row['unit']}" if row["unit"] else ""
    predicted = "–" if row["predicted"] is None else f"{row['predicted']:.2f}"
    goal = "–" if row["goal"] is None else f"≤ {row['goal']:.2f}{unit}"
    meets_goal = {True: "yes", False: "**no**", None: "–"}[row["met"]]
    return f"| {row['work']} | {measured(row)} | {row['threads']} | {predicted} | {goal} | {meets_goal} |\n"


def main() -> None:
    text = README.read_text(encoding="utf-8")
    README.write_text(with_table(text, table(records())), encoding="utf-8")


if __name__ == "__main__":
    main()
