"""The exceptions gancross raises on purpose, each with the exit code of the command line.

    GancrossError
    ├── UsageError        2    a call, a path or inputs that do not fit together
    ├── CheckpointError   3    a refused checkpoint: damaged, hostile, or of another kind
    ├── DataError         3    a refused data file
    ├── DivergenceError   4    losses, weights or scores that are not finite
    ├── ResourceError     5    disk, lock, memory, missing data or weights
    │   └── RefereesNotSaved   the same, after all figures were found
    ├── GateFailed        6    a result that is worse than its baseline
    ├── ModelFlagged      6    `gancross check` flagged a model
    ├── Interrupted     130    stopped by SIGINT, after a last checkpoint; 143 by another signal
    └── OtherProcessFailed     another process of this run failed first; the exit code of that process

A message says in one line what is wrong, where, and what to do next. Any other exception that escapes is
a bug of gancross (exit code 1).
"""

from __future__ import annotations

import difflib
import re
import signal
from collections.abc import Iterable
from typing import Any


class GancrossError(Exception):
    """Base of every error that gancross raises on purpose."""

    exit_code = 1


class UsageError(GancrossError, ValueError):
    """The arguments of a call are wrong or do not fit together."""

    exit_code = 2


class CheckpointError(GancrossError):
    """A checkpoint was refused; nothing in it was executed."""

    exit_code = 3


class DataError(GancrossError):
    """A data file was refused."""

    exit_code = 3


class DivergenceError(GancrossError, ArithmeticError):
    """A loss, a weight or a score is not a finite number."""

    exit_code = 4


class ResourceError(GancrossError, OSError):
    """The machine lacks something: disk space, a free lock, memory, data, weights."""

    exit_code = 5


class RefereesNotSaved(ResourceError):
    """The figures of a call were found, but its referees could not be saved; `result` holds the figures."""

    def __init__(self, message: str, *, result: Any) -> None:
        super().__init__(message)
        self.result = result


class GateFailed(GancrossError):
    """A result is worse than its baseline, beyond chance and beyond what was allowed."""

    exit_code = 6


class ModelFlagged(GancrossError):
    """A check found that something may have been said wrongly about a model."""

    exit_code = 6


class Interrupted(GancrossError):
    """A signal stopped the work; a run has saved a checkpoint."""

    def __init__(self, message: str, *, signal_number: int) -> None:
        super().__init__(message)
        self.signal_number = signal_number
        # Schedulers send SIGTERM or SIGUSR1 before they take a machine away; both mean the same.
        self.exit_code = 130 if signal_number == signal.SIGINT else 143


class OtherProcessFailed(GancrossError):
    """Another process of this run failed first."""

    def __init__(self, message: str, *, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


NEAR = 0.65  # difflib's ratio of "fdi" and "fid" is 0.67, that of "truncnorm" and "uniform" 0.63


def unknown_name(kind: str, got: str, valid: Iterable[str]) -> UsageError:
    """The error for an unknown name; the message suggests the nearest valid name or lists all."""
    names = sorted(valid)
    near = difflib.get_close_matches(got, names, n=1, cutoff=NEAR)
    hint = f"did you mean '{near[0]}'?" if near else f"choose from {', '.join(names)}"
    return UsageError(f"unknown {kind} '{got}': {hint}")


def first_line(error: BaseException) -> str:
    """The first line of another library's message; the name of the error's class if it is empty."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def printable(text: str, *, limit: int | None = None) -> str:
    """A text on one line that is safe for a terminal: control characters become \\xNN.

    Args:
        limit: length at which the text is truncated.
    """
    if limit is not None and len(text) > limit:
        text = text[:limit] + "…"
    return _UNPRINTABLE.sub(lambda match: ascii(match[0])[1:-1], " ".join(text.split()))


def has_unprintable(text: str) -> bool:
    """Whether a text has control characters, or bytes that are not UTF-8."""
    return _UNPRINTABLE.search(text) is not None


def is_text(text: str) -> bool:
    """Whether a text is Unicode: a file name may hold bytes that are not, which no file of text can."""
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)
