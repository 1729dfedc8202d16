"""Results of earlier versions in today's form: what a form lacks is null, with the reason.

One function for each format that was ever written. Each adds what is missing and changes nothing that is
there; what cannot be told from the file is never guessed. `result.schema.json` then judges the outcome: a
file which lacks more than its migration adds is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Plain = dict[str, Any]

FORMAT = "gancross.result/1"
NO_FIDELITY = "recorded before results had fidelity"


def from_version_1(document: Plain) -> Plain:
    """The format of today, whose first files had no `fidelity`."""
    if "fidelity" in document:
        return document
    return document | {"fidelity": None, "fidelity_reason": NO_FIDELITY}


MIGRATIONS: dict[str, Callable[[Plain], Plain]] = {FORMAT: from_version_1}


def migrated(document: Plain) -> Plain:
    """The document in today's form; the one given is not changed.

    Args:
        document: whose `format` is a key of `MIGRATIONS`.
    """
    return MIGRATIONS[document["format"]](document)
