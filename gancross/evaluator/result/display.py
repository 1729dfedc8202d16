"""Who shows a result: functions of the reports by name, so that the evaluator imports nothing of them."""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from typing import Any

_DISPLAYS: dict[str, str] = {}


def register_displays(displays: Mapping[str, str]) -> None:
    """Names functions, `module:function`, that take a result first; they are imported when first called."""
    _DISPLAYS.update(displays)


def display(name: str, *arguments: object) -> Any:
    """What the registered function makes of a result and further arguments."""
    return pkgutil.resolve_name(_DISPLAYS[name])(*arguments)
