"""The record of a cross-test: one JSON document."""

from __future__ import annotations

import json
import reprlib
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from gancross.errors import DataError, printable
from gancross.evaluator.result.migrations import FORMAT, MIGRATIONS, migrated
from gancross.evaluator.result.validation import unfit
from gancross.machine.files import read_bytes, write_atomically
from gancross.untrusted.strict_json import parsed

__all__ = ["FORMAT", "Result", "load_result", "schema"]

LARGEST_FILE = 1 << 30
LONGEST_QUOTE = 300  # characters of a file's content in a message


@dataclass(frozen=True)
class Result:
    """What `crosstest` found. `document` is the JSON as plain Python values."""

    document: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """A copy of the whole document."""
        copied: dict[str, Any] = json.loads(self.to_json())
        return copied

    def to_json(self) -> str:
        """The document as text; the same figures always give the same bytes."""
        return json.dumps(self.document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    def save(self, path: str | Path) -> None:
        """Writes the JSON atomically.

        Raises:
            ResourceError: the file cannot be written.
        """
        write_atomically(Path(path), self.to_json().encode())

    @property
    def names(self) -> list[str]:
        """The contestants in the order of the call."""
        return [contestant["name"] for contestant in self.document["contestants"]]


def load_result(path: str | Path) -> Result:
    """Reads a result that `Result.save` wrote, in this version or an earlier one.

    An earlier one comes in today's form: what it did not record is null, with the reason.

    Raises:
        UsageError: there is no such file.
        DataError: it is not a result of this format, or not as the JSON Schema in the package says.
    """
    path = Path(path)
    content = read_bytes(path, limit=LARGEST_FILE)
    try:
        document = parsed(content)
    except ValueError as error:
        raise DataError(f"{path}: not JSON: {error}") from None
    found = document.get("format") if isinstance(document, dict) else None
    if not isinstance(found, str) or found not in MIGRATIONS:
        quoted = printable(printable(reprlib.repr(found)), limit=LONGEST_QUOTE)  # escapes are longer
        raise DataError(f"{path}: not a result this version reads: format {quoted}, expected '{FORMAT}'")
    document = migrated(document)
    flaw = best_match(Draft202012Validator(schema()).iter_errors(document))
    if flaw is not None:
        what = printable(printable(f"{flaw.json_path:.100}: {flaw.message:.300}"), limit=LONGEST_QUOTE)
        raise DataError(f"{path}: not a valid result: {what}")
    complaint = unfit(document)
    if complaint is not None:
        raise DataError(f"{path}: not a valid result: {complaint}")
    return Result(document)


def schema() -> dict[str, Any]:
    """The JSON Schema of a result, as it ships with the package."""
    text = files("gancross.evaluator.result").joinpath("result.schema.json").read_text(encoding="utf-8")
    parsed: dict[str, Any] = json.loads(text)
    return parsed
