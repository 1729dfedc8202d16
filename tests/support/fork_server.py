"""A process that has imported torch and gancross once, and forks one child per program.

A request is a line of JSON on standard input: a program to begin, answered with its process id; or the id
of one, answered with its exit code, or null while it runs. A child has nothing but the imports in common
with its siblings: folder, environment, streams, signals, limits and exit code are its own.

When the tests have ended, however they did, this process kills what they left: fork_server.py MARK.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import runpy
import signal
import sys
import traceback
import warnings
from typing import Any, NoReturn

from sweeping import end_all

IMPORTS = (
    "gancross.cli.main", "gancross.trainer.loop", "gancross.trainer.run.tracking",
    "gancross.workflow.benchmark",
    "gancross.evaluator.crosstest", "gancross.report.text.console", "gancross.report.browser.sample_pictures",
    "torch._dynamo",  # which an optimizer imports at its first step
    "matplotlib.backends.backend_agg", "mpl_toolkits.mplot3d",  # for pictures of the mixture and reports
)  # fmt: skip


def serve() -> set[int]:
    """Answers requests until there are none.

    Returns:
        The children that have not been seen to end.
    """
    children: set[int] = set()
    for line in sys.stdin:
        request = json.loads(line)
        if isinstance(request, int):
            ended, status = os.waitpid(request, os.WNOHANG)
            answer = os.waitstatus_to_exitcode(status) if ended else None
            children.discard(ended)
        else:
            answer = os.fork()
            if answer == 0:
                prepare(request)
                leave(code_of(request["arguments"]))
            children.add(answer)
        print(json.dumps(answer), flush=True)
    return children


def prepare(request: dict[str, Any]) -> None:
    """Makes this process one that was started as the request says."""
    written = (os.open(request[key], os.O_WRONLY | os.O_CREAT) for key in ("out", "err"))
    for number, stream in enumerate([os.open(os.devnull, os.O_RDONLY), *written]):
        os.dup2(stream, number)
        os.close(stream)
    os.setsid()
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    signal.signal(signal.SIGINT, signal.default_int_handler)


def code_of(arguments: list[str]) -> int:
    """Runs `python *arguments`, a module after -m or a script, both perhaps after -W error, to its end."""
    if arguments[:2] == ["-W", "error"]:
        warnings.simplefilter("error")
        arguments = arguments[2:]
    sys.argv = arguments[1:] if arguments[0] == "-m" else arguments
    try:
        if arguments[0] == "-m":
            runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
        else:
            sys.path.insert(0, os.path.dirname(arguments[0]))
            runpy.run_path(arguments[0], run_name="__main__")
    except SystemExit as left:
        if left.code is None or isinstance(left.code, int):
            return left.code or 0
        print(left.code, file=sys.stderr)
        return 1
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def leave(code: int) -> NoReturn:
    """As Python ends, but for tidying up objects, for which a fork would have to copy all its memory."""
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the tests, which then end this process
    for name in IMPORTS:
        __import__(name)
    gc.freeze()  # or the first collection in a child would copy them all
    (mark,) = sys.argv[1:]
    end_all(serve(), mark)
