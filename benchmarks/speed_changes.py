"""Which rows of the speed questions moved between two records, by more than their spread."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from speed_table import figure, measured

Record = Mapping[str, Any]
ENOUGH = 7  # rounds, from which on quartiles are known well
LEAST_SPREAD = 0.02  # of the median: what memory's layout makes of the same code in another process
UNKNOWN_SPREAD = 0.05  # of the median, where a row was measured once
WORDS = {"time": ("slower", "faster"), "memory": ("more", "less")}


@dataclass(kw_only=True)
class Changes:
    """What differs between records and those before them, as lines for people.

    Attributes:
        slower, faster: rows that moved, by the rule of `moved`; of memory those that take more and less.
        added, gone: rows of one of the two records alone.
        missed: new rows that miss their goals.
        notes: of questions without a record before; of records of another machine, whose rows are not
            compared; and of other versions.
        compared: how many rows were compared.
    """

    slower: list[str] = field(default_factory=list)
    faster: list[str] = field(default_factory=list)
    added: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    compared: int = 0

    def take_in(self, before: Record | None, after: Record) -> None:
        """A question's record before, where there is one, and the new one."""
        question = after["question"]
        new = _by_name(after)
        self.missed += [
            f"{_name(row)}: {measured(row)}, goal ≤ {figure(row['goal'])}"
            for row in new.values()
            if row["met"] is False
        ]
        if before is None:
            self.notes.append(f"{question}: no record before")
            return
        old = _by_name(before)
        self.added += [f"{_name(row)}: {measured(row)}" for key, row in new.items() if key not in old]
        self.gone += [f"{_name(row)}: {measured(row)}" for key, row in old.items() if key not in new]
        if not same_machine(before, after):
            self.notes.append(
                f"{question}: the record before is of {described(before)}, this one of {described(after)}:"
                " rows are not compared"
            )
            return
        others = ", ".join(_other_versions(before, after))
        if others:
            self.notes.append(f"{question}: since the record before: {others}")
        both = [(old[key], row) for key, row in new.items() if key in old]
        self.compared += len(both)
        for row_before, row in both:
            if not moved(row_before, row):
                continue
            first, second = row_before["measured"]["median"], row["measured"]["median"]
            more, less = WORDS[row.get("resource", "time")]
            change = f"{_name(row)}: {measured(row_before)} → {measured(row)}"
            if second > first:
                self.slower.append(f"{change}, {more} by a factor of {second / first:.2f}")
            else:
                self.faster.append(f"{change}, {less} by a factor of {first / second:.2f}")

    def lines(self) -> Iterator[str]:
        """The lists, each below its name."""
        yield from self.notes
        count = len(self.slower) + len(self.faster)
        yield f"{count} of {self.compared} rows moved by more than their spread" + ":" * bool(count)
        yield from (f"  {line}" for line in (*self.slower, *self.faster))
        for name, rows in (("new", self.added), ("gone", self.gone), ("goal missed", self.missed)):
            if rows:
                yield f"{name}: {len(rows)}"
                yield from (f"  {line}" for line in rows)


def moved(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether a row moved: |m₁ − m₀| > s₀ + s₁, m the medians and s the spreads.

    The spread is the distance of the quartiles, twice that of fewer than seven rounds, whose quartiles are
    little known, and at least 2 % of the median; 5 % of it where a row was measured once. So [quartiles] of
    rows that moved never overlap. Of rows drawn twice from the same distribution (normal, skewed, Student's
    t) the rule names 0.9–1.1 % with three rounds, at most 0.5 % with five and more: a test simulates it.
    """
    first, second = before["measured"], after["measured"]
    return bool(abs(second["median"] - first["median"]) > _spread(before) + _spread(after))


def same_machine(before: Record, after: Record) -> bool:
    """Whether two records are of the same processor, number of cores and system."""
    return bool(before["machine"] == after["machine"])


def described(record: Record) -> str:
    """A record's machine in words."""
    machine = record["machine"]
    return f"{machine['cpu']}, {machine['cores']} cores, {machine['system']}"


def _spread(row: Mapping[str, Any]) -> float:
    spread = row["measured"]
    distance, median = spread["high"] - spread["low"], abs(spread["median"])
    # Older records have the rounds beside their seconds, or not at all.
    rounds = spread.get("rounds") or row["parts"].get("seconds", {}).get("rounds", 1)
    if rounds == 1 and distance == 0:
        return float(UNKNOWN_SPREAD * median)
    return float(max(distance * (1 if rounds >= ENOUGH else 2), LEAST_SPREAD * median))


def _by_name(record: Record) -> dict[tuple[str, int], Any]:
    return {(row["work"], row["threads"]): row for row in record["rows"]}


def _name(row: Mapping[str, Any]) -> str:
    return f"{row['work']}, {row['threads']} thread{'s' * (row['threads'] != 1)}"


def _other_versions(before: Record, after: Record) -> Iterator[str]:
    for library, version in after["versions"].items():
        other = before["versions"].get(library)
        if other != version:
            yield f"{library} {other} → {version}"
