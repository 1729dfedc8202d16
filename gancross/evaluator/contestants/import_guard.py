"""Refuses code that is a script where it is imported: it parses the command line, or trains.

While user code is imported, `sys.argv` is its file alone, as of `python file.py`. A backward pass, an
optimizer's step and an iteration over a DataLoader end the import, in the thread that imports; other threads
may train meanwhile.
"""

from __future__ import annotations

import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from pathlib import Path
from typing import Any

import torch
from torch.optim.optimizer import register_optimizer_step_pre_hook
from torch.utils.data import DataLoader

from gancross.errors import UsageError, first_line

REMEDY = (
    "put that under if __name__ == '__main__':, or copy the two networks' classes into a file of their own"
)
PARSES = "parses the command line, or ends Python, when it is imported"


class TrainsWhenImportedError(BaseException):
    """Ends an import; no `except Exception` of the imported code catches it."""


@contextmanager
def guarded_import(file: str) -> Iterator[None]:
    """Inside, this thread may import code, and not train.

    Raises:
        TrainsWhenImportedError: it does, even if the code goes on after that.
    """
    importing, trained = threading.get_ident(), list[str]()

    def refuse(what: str) -> None:
        if threading.get_ident() == importing:
            trained.append(f"{what}{_line(file)}")
            raise TrainsWhenImportedError(trained[0])

    def refused(function: Callable[..., Any], what: str) -> Callable[..., Any]:
        @wraps(function)
        def called(*arguments: Any, **options: Any) -> Any:
            refuse(what)
            return function(*arguments, **options)

        return called

    with ExitStack() as stack:
        stack.enter_context(arguments_hidden(file))
        for owner, name, what in (
            (torch.autograd, "backward", "takes gradients of a loss"),
            (DataLoader, "__iter__", "reads batches of data"),
        ):
            function = getattr(owner, name)
            stack.callback(setattr, owner, name, function)
            setattr(owner, name, refused(function, what))
        hook = register_optimizer_step_pre_hook(lambda *_: refuse("takes an optimizer's step"))
        stack.callback(hook.remove)
        yield
        if trained:
            raise TrainsWhenImportedError(trained[0])


@contextmanager
def arguments_hidden(file: str) -> Iterator[None]:
    """Inside, `sys.argv` is this file alone; user code must not read gancross's arguments."""
    outer, sys.argv = sys.argv, [file]
    try:
        yield
    finally:
        sys.argv = outer


@contextmanager
def scripts_refused(place: str) -> Iterator[None]:
    """Around an import by `run_user_code`: one line says why a script is none that can be imported.

    Raises:
        UsageError: the code parsed the command line, ended Python, or trained.
    """
    try:
        yield
    except TrainsWhenImportedError as error:
        raise UsageError(f"{place}: trains when it is imported ({error}): {REMEDY}") from None
    except UsageError as error:
        cause = error.__cause__
        if isinstance(cause, SystemExit) or _reads_arguments(cause):
            with_reason = isinstance(cause, SystemExit) and isinstance(cause.code, str)
            said = f" ({first_line(cause)})" if cause is not None and with_reason else ""
            raise UsageError(f"{place}: {PARSES}{said}: {REMEDY}") from cause
        raise


def _line(file: str) -> str:
    """Where in the file, or in a module that it imports, the innermost line of user code is."""
    folder = str(Path(file).parent)
    frames = [frame for frame in traceback.extract_stack() if frame.filename.startswith(folder)]
    return f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""


def _reads_arguments(error: BaseException | None) -> bool:
    """Whether a program looked for an argument in `sys.argv` that is not there."""
    frames = [] if error is None else traceback.extract_tb(error.__traceback__)
    return isinstance(error, IndexError) and bool(frames) and "argv" in (frames[-1].line or "")
