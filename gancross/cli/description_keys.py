"""The keys of `--describe NAME=key=value`, and their values."""

from __future__ import annotations

from typing import Any

from gancross.errors import UsageError

OUTPUT_KEYS = ("score", "generate")  # what code does not contain either
LATENTS = "latents"  # of code alone
LABEL_KEYS = ("num_classes", "label_prior", "judge_labels")
DESCRIPTION_KEYS = (
    "score_kind", "orientation", "threshold", "data_range", "latent", LATENTS, *OUTPUT_KEYS, *LABEL_KEYS
)  # fmt: skip
THRESHOLDS = "auto|none|NUMBER"


def described_value(key: str, value: str, text: str) -> Any:
    """A number, two numbers or a text; `Contestant` checks names and ranges."""
    expected = {
        "threshold": THRESHOLDS, "data_range": "the numbers of black and white, as in data_range=0,1",
        "num_classes": "a whole number", "judge_labels": "true or false",
        "label_prior": "uniform, data, or a number for each class, with commas between them",
    }  # fmt: skip
    try:
        if key == "num_classes":
            return int(value)
        if key == "label_prior" and value not in ("uniform", "data"):
            return tuple(map(float, value.split(",")))
        if key == "judge_labels":
            return {"true": True, "false": False}[value.lower()]
        if key == "threshold" and value not in ("auto", "none"):
            return float(value)
        if key == "data_range":
            black, white = map(float, value.split(","))
            return black, white
    except (ValueError, KeyError):
        raise UsageError(f"--describe {text}: expected {expected[key]}, got '{value}'") from None
    return value
