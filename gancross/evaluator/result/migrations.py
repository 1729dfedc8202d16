"""Records of earlier formats in today's form.

One function for each format that was ever written. It adds what is missing as null with the reason, and
never guesses what the file does not tell. It leaves the document that it is given as it is.
The schema then judges the outcome: a file that lacks more than its migration adds is refused.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from gancross.evaluator.codec.fields import JsonObject, JsonValue
from gancross.evaluator.result.contestant_record import DESCRIPTION_FIELDS
from gancross.evaluator.result.types import FORMAT
from gancross.score_kinds import probability_threshold

NO_FIDELITY = "recorded before results had fidelity"
NO_GENERATOR_VERDICT = "recorded before results had a verdict about generators"
NO_INTERVAL = "recorded before fidelity had intervals"
UNTESTED_STEPS = "Recorded before J on the same samples and blindness were tested."
GROUPS_AS_SAMPLES = (
    "recorded under batch statistics with intervals and tests as if samples were independent, and with bounds"
    " that are those of groups: cross-test again"
)
NO_PROBES = "recorded before networks were tried out"
NO_J_DIFFERENCE = "recorded before discriminators were compared on the same samples"
BOOTSTRAPPED = "recorded with a permutation of run labels alone, and a bootstrap over runs as interval"
NO_REFEREES = "recorded before there were referees"
OLD_RANKING = "recorded with a ranking by FP, in which a collapsed generator can stand before a perfect one"


def from_version_1(document: JsonObject) -> JsonObject:
    """`strict` was about discriminators; fidelity had numbers alone; generators were ranked by FP.

    Thresholds of probabilities were thresholds of their logits.
    The first files had no `fidelity`.
    """
    lacking: JsonObject = {"fidelity": None, "fidelity_reason": NO_FIDELITY}
    document = document if "fidelity" in document else {**document, **lacking}
    changed: JsonObject = {"format": FORMAT, "probes": None, "probes_reason": NO_PROBES, **_NO_REFEREES}
    flags, protocol = document.get("flags"), document.get("protocol")
    if isinstance(flags, list) and isinstance(protocol, dict) and protocol.get("norm") == "batch":
        changed["flags"] = [*flags, GROUPS_AS_SAMPLES]
    for key, change in _CHANGES.items():
        if key in document:
            changed[key] = change(document[key])
    return {**document, **changed}


def within_version_2(document: JsonObject) -> JsonObject:
    """The first files of format 2 had no `referees`."""
    return document if "referees" in document else {**document, **_NO_REFEREES}


_NO_REFEREES: JsonObject = {"referees": None, "referees_reason": NO_REFEREES}


def _protocol(value: JsonValue) -> JsonValue:
    return {**value, "fidelity": value.get("fidelity")} if isinstance(value, dict) else value


def _contestants(value: JsonValue) -> JsonValue:
    return [_contestant(entry) for entry in value] if isinstance(value, list) else value


def _contestant(value: JsonValue) -> JsonValue:
    if not isinstance(value, dict):
        return value
    lacking: JsonObject = dict.fromkeys(DESCRIPTION_FIELDS)
    match value:
        # Only numbers that a float holds; whatever else stands there is refused later.
        case {"score_kind": "probability", "threshold": float(logit) | int(logit)} if (
            not isinstance(logit, bool) and abs(logit) <= sys.float_info.max
        ):
            lacking["threshold"] = probability_threshold(logit)
    return {**value, **lacking}


def _verdicts(value: JsonValue) -> JsonValue:
    """`strict` becomes `discriminator`; what was not asked then names nobody."""
    if not isinstance(value, dict) or "strict" not in value:
        return value
    nobody: JsonObject = {"winner": None, "reason": NO_GENERATOR_VERDICT}
    discriminator = value["strict"]
    if isinstance(discriminator, dict) and discriminator.get("winner") is not None:
        discriminator = {**discriminator, "reason": f"{discriminator.get('reason')} {UNTESTED_STEPS}"}
    return {**value, "discriminator": discriminator, "generator": nobody, "strict": nobody}


def _pairs(value: JsonValue) -> JsonValue:
    return [_pair(pair) for pair in value] if isinstance(value, list) else value


def _pair(value: JsonValue) -> JsonValue:
    pair = _verdicts(value)
    if isinstance(pair, dict) and isinstance(tests := pair.get("tests"), dict):
        lacking: JsonObject = {"j_difference": None, "j_difference_reason": NO_J_DIFFERENCE}
        pair = {**pair, "tests": {**tests, **lacking}}
    return pair


def _ranking(value: JsonValue) -> JsonValue:
    if not isinstance(value, dict):
        return value
    changed = {**value}
    if isinstance(changed.get("generators"), list):
        changed |= {"generators": None, "generators_reason": OLD_RANKING}
    strengths = changed.get("bradley_terry")
    if isinstance(strengths, dict):
        changed["bradley_terry"] = {**strengths, "residual": None}
    return changed


def _groups(value: JsonValue) -> JsonValue:
    """Claims had one test, the permutation of run labels."""
    if not isinstance(value, dict) or not isinstance(claims := value.get("claims"), list):
        return value
    return {**value, "claims": [_claim(claim) for claim in claims]}


def _claim(value: JsonValue) -> JsonValue:
    if not isinstance(value, dict):
        return value
    lacking: JsonObject = {
        "welch_p": None, "permutation_p": value.get("p"), "sign_flip_p": None, "pairs": 0,
        "flags": [BOOTSTRAPPED],
    }  # fmt: skip
    return {key: entry for key, entry in value.items() if key != "descriptive"} | lacking


def _fidelity(value: JsonValue) -> JsonValue:
    if not isinstance(value, dict):
        return value
    return {name: _measured(figures) for name, figures in value.items()}


def _measured(value: JsonValue) -> JsonValue:
    if not isinstance(value, dict):
        return value
    return {
        key: {"value": number, "ci95": None, "ci95_reason": NO_INTERVAL}
        if key != "n" and isinstance(number, int | float) and not isinstance(number, bool)
        else number
        for key, number in value.items()
    }


_CHANGES: dict[str, Callable[[JsonValue], JsonValue]] = {
    "protocol": _protocol, "contestants": _contestants, "verdict": _verdicts, "pairs": _pairs,
    "ranking": _ranking, "groups": _groups, "fidelity": _fidelity,
}  # fmt: skip

MIGRATIONS: dict[str, Callable[[JsonObject], JsonObject]] = {
    "gancross.result/1": from_version_1,
    FORMAT: within_version_2,
}
