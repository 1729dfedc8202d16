"""Records whose figures cannot be: beyond their range, limits out of order, somebody unknown."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from report_documents import documents

from gancross.evaluator.result.reading import result_from_dict

Plain = dict[str, Any]


def set_in(document: Plain, *path: str | int, value: object) -> None:
    place: Any = document
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value


EDITS: dict[str, Callable[[Plain], None]] = {
    "an AUC of 7.5": lambda d: set_in(d, "cross", 0, "auc", "value", value=7.5),
    "limits in the wrong order": lambda d: set_in(d, "cross", 0, "auc", "ci95", value=[0.9, 0.1]),
    "J of −3": lambda d: set_in(d, "cross", 1, "j", "value", value=-3),
    "a gap of 1e30": lambda d: set_in(d, "generalisation_gap", "plain", "ci95", value=[0.1, 1e30]),
    "a stranger": lambda d: set_in(d, "ranking", "discriminators", 0, "hardest", value="nobody"),
}


@pytest.mark.parametrize("edit", EDITS)
def test_figures_that_cannot_be_are_refused(edit: str) -> None:
    document: Plain = copy.deepcopy(documents()["two"].to_dict())
    result_from_dict(document)
    EDITS[edit](document)
    with pytest.raises(ValueError, match=r"beyond|limits|take part"):
        result_from_dict(document)
