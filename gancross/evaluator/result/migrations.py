"""Results of earlier versions in today's form: what a form lacks is null, with the reason.

One function for each format that was ever written. Each adds what is missing and changes nothing that is
there; what cannot be told from the file is never guessed. The schema then judges the outcome: a file that
lacks more than its migration adds is refused.
"""

from __future__ import annotations

from collections.abc import Callable

from gancross.evaluator.codec.fields import JsonObject

FORMAT = "gancross.result/1"
NO_FIDELITY = "recorded before results had fidelity"


def from_version_1(document: JsonObject) -> JsonObject:
    """The format of today, whose first files had no `fidelity`."""
    lacking: JsonObject = {"fidelity": None, "fidelity_reason": NO_FIDELITY}
    document = document if "fidelity" in document else {**document, **lacking}
    protocol = document.get("protocol")
    if isinstance(protocol, dict):
        return {**document, "protocol": {**protocol, "fidelity": protocol.get("fidelity")}}
    return document


MIGRATIONS: dict[str, Callable[[JsonObject], JsonObject]] = {FORMAT: from_version_1}


def migrated(document: JsonObject) -> JsonObject:
    """The document in today's form; the one given is not changed.

    Args:
        document: whose `format` is a key of `MIGRATIONS`.
    """
    return MIGRATIONS[str(document["format"])](document)
