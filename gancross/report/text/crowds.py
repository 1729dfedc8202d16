"""Reports of many contestants: what has a line for every two is left out, and a line says where it is.

A page with every curve and every pair of 128 contestants is larger than 100 MB, which no browser opens.
"""

from __future__ import annotations

from gancross.evaluator.result.types import Result
from gancross.report import formatting

MOST_PAIRED = 40  # contestants of whom every two have a line, a curve or a column


def crowded(result: Result) -> bool:
    """Whether there are more contestants than reports show two by two."""
    return len(result.names) > MOST_PAIRED


def in_the_record(result: Result, what: str) -> str:
    """`scores of 128 contestants: too many to be shown two by two; in the record`.

    Every report says so where it leaves out what it shows of fewer contestants.
    """
    return f"{what} of {len(result.names)} contestants: too many to be shown two by two; in the record"


def left_out(result: Result, what: str) -> str:
    """`in_the_record` as a sentence."""
    return f"{formatting.sentence(in_the_record(result, what))}."
