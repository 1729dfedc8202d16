"""The record of a section as JSON has it: the input of tables, verdicts and pictures."""

from __future__ import annotations

from typing import Any

Record = dict[str, Any]
