"""The record of `gpu.py`, written after every section: what is done, failed, or left for next time."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from environment import machine, versions

from gancross.errors import UsageError
from gancross.machine.files import write_text
from gpu_rows.measurements import Row
from gpu_rows.waits import Waits

LEFT = "the time was over"


@dataclass(kw_only=True)
class Record:
    """The sections of one size on one device with one version of torch.

    Attributes:
        setting: what must be the same for the record to go on.
        sections: rows by section.
        failed: the reason by section: an error, or `LEFT`.
        rate: FLOP a second of products of matrices, when it was last measured.
    """

    path: Path
    setting: Mapping[str, Any]
    sections: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    rate: float | None = None

    @classmethod
    def opened(cls, path: Path, setting: Mapping[str, Any], *, again: bool) -> Record:
        """A new record, or the one in the file, whose sections are not measured anew.

        Args:
            again: begin anew whatever the file holds.

        Raises:
            UsageError: the file holds another device's record, or none.
        """
        if again or not path.exists():
            return cls(path=path, setting=setting)
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            found = document["setting"]
            record = cls(path=path, setting=setting, sections=document["sections"])
            record.table()  # reads all that is read of them
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            raise UsageError(f"{path}: no record of gpu.py: give --again, or another --out") from None
        if found != setting:
            raise UsageError(f"{path}: of {found}, this is {dict(setting)}: give --again, or another --out")
        return record

    def add(self, section: str, rows: Sequence[Row | Waits]) -> None:
        """A section is done."""
        self.sections[section] = [asdict(row) for row in rows]
        self.save()

    def fail(self, section: str, reason: str) -> None:
        """A section failed, or was left."""
        self.failed[section] = reason
        self.save()

    def save(self) -> None:
        """Writes the file, wholly or not at all."""
        document = {
            "setting": dict(self.setting), "sections": self.sections, "failed": self.failed,
            "flop_per_second": self.rate,
            "machine": machine(), "versions": versions("torch", "numpy", "scipy"),
            "date": datetime.now(UTC).date().isoformat(),
        }  # fmt: skip
        write_text(self.path, json.dumps(document, indent=1, ensure_ascii=False) + "\n")

    def table(self) -> str:
        """All rows as Markdown."""
        lines = ["| work | measured [quartiles] | expected from FLOP |", "|---|---|---|"]
        for row in (row for rows in self.sections.values() for row in rows):
            if "loop" in row:
                found = row["where"] or ("no wait" if row["seen"] else "not looked at")
                lines.append(f"| {row['loop']} | {found} | no wait |")
                continue
            unit, spread = f" {row['unit']}" if row["unit"] else "", row["measured"]
            measured = f"{spread['median']:.3g}{unit} [{spread['low']:.3g}, {spread['high']:.3g}]"
            measured += "" if row["rounds"] else ", with warming up"
            lines.append(f"| {row['work']} | {measured} | {row['expected']:.3g}{unit} |")
        lines += [f"| {section} | {reason} | |" for section, reason in self.failed.items()]
        return "\n".join(lines)
