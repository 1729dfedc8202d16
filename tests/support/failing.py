"""`gancross` in which one process meets a signal: failing.py RANK SIGNAL gancross-arguments…

The signal comes in the third step of a training run, or when the third chunk is judged.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from gancross.cli.main import main
from gancross.evaluator.judging import judge_calls as judging
from gancross.trainer import loop

FATAL = 3


def failing(function: Callable[..., Any], number: signal.Signals) -> Callable[..., Any]:
    calls = [0]

    def called(*arguments: Any, **options: Any) -> Any:
        calls[0] += 1
        if calls[0] == FATAL:
            os.kill(os.getpid(), number)
        return function(*arguments, **options)

    return called


if __name__ == "__main__":
    rank, number, *arguments = sys.argv[1:]
    if os.environ["RANK"] == rank:
        loop.algorithm_1 = failing(loop.algorithm_1, signal.Signals[number])
        judging.raw_scores = failing(judging.raw_scores, signal.Signals[number])
    main(arguments)
