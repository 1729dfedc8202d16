"""User code: a factory of contestants in a module or a file. Only `user_modules` imports such code.

Its name always comes from the user's own call, never from a checkpoint.
"""

from __future__ import annotations

import os
import sys
import sysconfig
import traceback
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from gancross.checkpoint.contestant import Contestant
from gancross.checkpoint.own_networks import NetworkPair, network_pair
from gancross.errors import UsageError, first_line
from gancross.evaluator.contestants.import_guard import arguments_hidden, scripts_refused
from gancross.evaluator.contestants.user_modules import project
from gancross.machine.process_state import process_state_kept

Factory = Callable[..., object]


def load_factory(code: str, *, place: str) -> Factory:
    """Imports `module:factory` or `path/to/file.py:factory`, which runs the module's code.

    It finds modules in the current folder, or in the file's, as for `python -m` and `python file.py`; in a
    package relative imports work. Every file has modules of its own, whatever others call theirs
    (`user_modules`). Messages begin with `place`.

    Raises:
        UsageError: no such module, file or function, or the module cannot be imported, as a script that
            parses the command line or trains.
    """
    module_name, _, function_name = code.rpartition(":")
    if not module_name or not function_name:
        raise UsageError(f"{place}: write module:factory or path/to/file.py:factory after the name")
    try:
        user = project(module_name)
        with scripts_refused(place):
            module = run_user_code(f"{place}: importing it", user.load)
    except FileNotFoundError as error:
        raise UsageError(f"{place}: {error}") from error
    except UsageError as error:
        if isinstance(error.__cause__, ModuleNotFoundError):
            raise UsageError(f"{place}: {first_line(error.__cause__)}") from error.__cause__
        raise
    factory: Factory | None = getattr(module, function_name, None)
    if not callable(factory):
        raise UsageError(f"{place}: '{module_name}' has no function '{function_name}'")

    def called(*arguments: object) -> object:
        with user.active(), arguments_hidden(module_name):
            return factory(*arguments)

    called.__wrapped__ = factory  # type: ignore[attr-defined]  # whose parameters `takes_argument` looks at
    return called


def contestant_from(factory: Factory, *arguments: object, place: str) -> Contestant:
    """The contestant that a factory returns; its output goes to standard error.

    Raises:
        UsageError: the factory raises, or returns another type.
    """
    contestant = run_user_code(f"{place}: the factory", lambda: factory(*arguments))
    if not isinstance(contestant, Contestant):
        raise UsageError(
            f"{place}: the factory must return a gancross.Contestant, got {type(contestant).__name__}"
        )
    if contestant.generator is None:
        raise UsageError(f"{place}: the factory's contestant has samples, expected a generator")
    return contestant


def built_from(factory: Factory, *arguments: object, place: str) -> Contestant | NetworkPair:
    """The contestant, or the pair (generator, discriminator), that a factory returns.

    Raises:
        UsageError: the factory raises, or returns something else.
    """
    built = run_user_code(f"{place}: the factory", lambda: factory(*arguments))
    if isinstance(built, Contestant):
        return built
    if not isinstance(built, tuple | list):
        raise UsageError(
            f"{place}: the factory must return a gancross.Contestant or (generator, discriminator), got"
            f" {type(built).__name__}"
        )
    return network_pair(built, place)


def run_user_code(what: str, code: Callable[[], Any]) -> Any:
    """Runs user code: its exceptions become one line, its output goes to standard error.

    What it changes for the whole process, as the default dtype, does not reach other models.
    """
    try:
        with redirect_stdout(sys.stderr), process_state_kept():
            return code()
    except MemoryError:
        raise
    except (Exception, SystemExit) as error:
        kind = type(error).__name__
        message = first_line(error) if isinstance(error, Exception) else str(error)
        raise UsageError(f"{what} raised {kind}{_location(error)}: {message}") from error


def _location(error: BaseException) -> str:
    """The innermost line of user code in a traceback, not one of a library that it called."""
    libraries = [sysconfig.get_paths()[key] for key in ("stdlib", "purelib", "platlib")]
    libraries_and_gancross = (*libraries, os.fspath(Path(__file__).parents[2]), "<")
    frames = traceback.extract_tb(error.__traceback__)
    user_frames = [frame for frame in frames if not frame.filename.startswith(libraries_and_gancross)]
    return f" at {Path(user_frames[-1].filename).name}:{user_frames[-1].lineno}" if user_frames else ""
