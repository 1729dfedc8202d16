"""Common to all commands: verbosity, consoles, progress bars."""

from __future__ import annotations

import functools
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import click

from gancross.machine.distributed import is_rank_zero
from gancross.version import __version__

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

Command = Callable[..., Any]


def common(command: Command) -> Command:
    """Adds `-q`, `-v` and `--debug` to a command; `settings()` reads them."""

    @click.option("-q", "--quiet", is_flag=True, help="No progress and no notes on standard error.")
    @click.option("-v", "--verbose", is_flag=True, help="Versions, threads and seconds on standard error.")
    @click.option("--debug", is_flag=True, help="Show a traceback instead of one line on an error.")
    @functools.wraps(command)
    def wrapped(*, quiet: bool, verbose: bool, debug: bool, **arguments: Any) -> Any:
        context = click.get_current_context()
        context.find_root().meta["gancross"] = {"quiet": quiet, "verbose": verbose, "debug": debug}
        with _verbose_notes() if verbose and is_rank_zero() else nullcontext():
            return command(**arguments)

    return wrapped


@contextmanager
def _verbose_notes() -> Iterator[None]:
    """Prints versions and threads before, seconds after."""
    import torch

    click.echo(
        f"gancross {__version__}, torch {torch.__version__}, Python {platform.python_version()},"
        f" {torch.get_num_threads()} threads, {torch.cuda.device_count()} GPUs",
        err=True,
    )
    started = time.perf_counter()
    try:
        yield
    finally:
        click.echo(f"{time.perf_counter() - started:.1f} seconds", err=True)


def deterministic(command: Command) -> Command:
    """Adds `--deterministic` to a command."""
    return click.option(
        "--deterministic", is_flag=True, help="Only operations that repeat bit by bit, on a GPU too."
    )(command)


def setting(name: str) -> bool:
    """Whether `quiet`, `verbose` or `debug` was given."""
    meta = click.get_current_context().find_root().meta.get("gancross", {})
    return bool(meta.get(name, False))


def tables_console() -> Console:
    """Standard output, for tables; silent except in rank 0."""
    from rich.console import Console

    return Console(highlight=False, quiet=not is_rank_zero())


def notes_console() -> Console:
    """Standard error, for progress and notes; silent with `-q` and except in rank 0."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, quiet=setting("quiet") or not is_rank_zero())


def progress_bar(console: Console) -> Progress:
    """A bar with rate, time left and figures; disabled if the stream is no terminal."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}", markup=False),
        TimeRemainingColumn(compact=True),
        TextColumn("{task.fields[figures]}", markup=False),
        console=console,
        disable=not console.is_terminal or console.quiet,
        transient=True,
    )


def bar_for_each(bar: Progress) -> Callable[[str, int, int], None]:
    """A callback (label, done, total) with a bar for each label."""
    tasks: dict[str, Any] = {}

    def show(label: str, done: int, n: int) -> None:
        if label not in tasks:
            tasks[label] = bar.add_task(label, total=n, figures="", rate="")
        speed = bar.tasks[tasks[label]].speed
        bar.update(tasks[label], completed=done, rate=f"{speed:.0f}/s" if speed else "")

    return show
