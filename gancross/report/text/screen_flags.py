"""Which flags a first screen shows: by what they put in doubt.

A copy of training data comes first. Then come flags about who may be named and about judges that do not judge
as they should, then all others, each in the order of the record. Flags about figures that the screen does not
show, and of what gancross dealt with by itself, are counted and not shown.
"""

from __future__ import annotations

from gancross.evaluator.estimates import Missing
from gancross.evaluator.result.types import Result
from gancross.report import formatting
from gancross.report.text import referee_texts as texts

MOST = 5
# Parts of their texts.
OF_VERDICTS = (
    "referees: ", "referees name nobody", "trained too little", "is blind", "score above the test data",
    "running averages and batch statistics", "has seen no batch", "expected another data_range",
    "a probability? then give",
)  # fmt: skip
NOT_OF_THE_SCREEN = (
    "FP at matched FN", "probabilities were clipped", "Bradley–Terry", "claims about methods:",
    "too few to pair", "left out of the claim", "each of its calls had a seed", "put back each time",
    "the null control took",
)  # fmt: skip


def ordered_flags(result: Result) -> tuple[list[str], list[str]]:
    """The flags that a first view may show, the most important first, and the others."""
    minor = [flag for flag in result.flags if _has(flag, NOT_OF_THE_SCREEN)]
    rest = [flag for flag in result.flags if flag not in minor]
    urgent = [flag for flag in rest if _has(flag, OF_VERDICTS)]
    return [*_copies(result), *urgent, *(flag for flag in rest if flag not in urgent)], minor


def _copies(result: Result) -> list[str]:
    """Who copies training data, in a line."""
    if isinstance(result.referees, Missing):
        return []
    copied = {
        name: found for name, found in result.referees.controls.copying.items()
        if not isinstance(found, Missing) and found.copies
    }  # fmt: skip
    if len(copied) > 1:
        return [f"{len(copied)} models copy training data: {formatting.listed(list(copied))}"]
    return [texts.copying_text(name, found) for name, found in copied.items()]


def _has(flag: str, parts: tuple[str, ...]) -> bool:
    return any(part in flag for part in parts)
