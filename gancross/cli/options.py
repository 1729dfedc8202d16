"""Common to commands: options, consoles, progress bars."""

from __future__ import annotations

import functools
import math
import os
import platform
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gancross.data.catalogue import DEFAULT_ROOT
from gancross.errors import Interrupted, printable
from gancross.machine.distributed import is_rank_zero, joined
from gancross.version import __version__

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

    from gancross.evaluator.result.types import Result

Command = Callable[..., Any]
WIDEST_STAGE = 24  # characters of a name
STAGES = {
    "metrics": "computing metrics", "samples": "drawing samples", "referees": "training referees, steps",
    "controls": "control referees, steps", "planted faults": "planted faults, steps",
    "checks": "checking referees",
}  # fmt: skip


class FileName(click.Path):
    """The name of a file or folder, in which `~` is the home folder, as shells have it at a word's beginning.

    An empty one, as of a variable that is not set, would be the current folder.
    """

    def convert(
        self, value: str | os.PathLike[str], param: click.Parameter | None, ctx: click.Context | None
    ) -> str | bytes | os.PathLike[str]:
        """As click does, but an empty name is an error."""
        if os.fspath(value) == "":
            self.fail("expected a name, got an empty one; is a variable not set?", param, ctx)
        if os.fspath(value) == "-" and not self.allow_dash:
            self.fail("'-', a standard stream, will not do here; a file of this name is ./-", param, ctx)
        return super().convert(os.path.expanduser(value), param, ctx)


class FileOrStdout(FileName):
    """A file, or `-`: standard output, also under its names as a file."""

    def convert(
        self, value: str | os.PathLike[str], param: click.Parameter | None, ctx: click.Context | None
    ) -> str | bytes | os.PathLike[str]:
        """As `FileName`."""
        return "-" if os.fspath(value) in NAMES_OF_STDOUT else super().convert(value, param, ctx)


class Seconds(click.FloatRange):
    """As click's, which takes NaN for a number in any range."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """As click does, but NaN is an error."""
        seconds = float(super().convert(value, param, ctx))
        if math.isnan(seconds):
            self.fail(f"{value!r} is not a number of seconds", param, ctx)
        return seconds


NAMES_OF_STDOUT = ("/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")
FILE = FileName(path_type=Path)
FILE_OR_STDOUT = FileOrStdout(path_type=str, allow_dash=True, readable=False)

device = click.option(
    "--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:0, … or mps."
)
chunk = click.option(
    "--chunk", type=int,
    help="Samples that networks see at a time: less memory.  [default: 500, fewer beyond 32×32 pixels]",
)  # fmt: skip
resize = click.option(
    "--resize", metavar="N[:FILTER]",
    help="Bring all images that are judged to N×N: bicubic, bilinear or lanczos.  [default: sizes must agree;"
    " filter: bicubic]",
)  # fmt: skip
classes_option = click.option(
    "--classes", metavar="3,5",
    callback=lambda context, option, value: None if value is None else tuple(value.split(",")),
    help="Judge these classes of the data alone, by name or number.",
)  # fmt: skip
data_root = click.option("--data-root", type=FILE, default=DEFAULT_ROOT, help="Folder of named data sets.")
download = click.option("--download", is_flag=True, help="Fetch a missing data set where torchvision can.")

# `common` takes these.
threads = click.option(
    "--threads", "torch_threads", type=click.IntRange(min=1),
    help="Of the CPU; changes no figure.  [default: the cores that are available]",
)  # fmt: skip
crosstest_threads = click.option(
    "--crosstest-threads", "torch_threads", type=click.IntRange(min=1),
    help="Of the CPU, in the cross-test; changes no figure.  [default: the cores that are available]",
)  # fmt: skip
timeout = click.option(
    "--timeout", type=Seconds(min=0, min_open=True, max=86_400), metavar="SECONDS",
    envvar="GANCROSS_TIMEOUT",
    help="After which processes of torchrun give up one that does not come.  [default: 300]",
)  # fmt: skip


def common(command: Command) -> Command:
    """Adds `-q`, `-v` and `--debug` to a command; the parameters of its context hold them."""
    return _common(command, verbose="Versions, threads and seconds on standard error.")


def common_with_tables(command: Command) -> Command:
    """As `common`, of a command that calls `print_screen`."""
    return _common(command, verbose="All tables and reasons; versions and seconds on standard error.")


def _common(command: Command, *, verbose: str) -> Command:
    @click.option("-q", "--quiet", is_flag=True, help="No progress and no notes on standard error.")
    @click.option("-v", "--verbose", is_flag=True, help=verbose)
    @click.option("--debug", is_flag=True, help="Show a traceback instead of one line on an error.")
    @functools.wraps(command)
    def wrapped(*, quiet: bool, verbose: bool, debug: bool, **arguments: Any) -> Any:
        notes = _verbose_notes() if verbose and is_rank_zero() else nullcontext()
        computing = "torch_threads" in arguments
        on_threads = _on_threads(arguments.pop("torch_threads")) if computing else nullcontext()
        with joined(timeout=arguments.pop("timeout", None), exits=True), interruptions(), on_threads, notes:
            return command(**arguments)

    return wrapped


@contextmanager
def _on_threads(count: int | None) -> Iterator[None]:
    """Inside, torch computes on so many threads, by default on all that are available."""
    from gancross.machine.threads import available_threads, checked_threads, torch_threads

    with torch_threads(checked_threads(count) or available_threads()):
        yield


@contextmanager
def _verbose_notes() -> Iterator[None]:
    """Prints versions before; after, the seconds, and threads and GPUs if anything was computed."""
    click.echo(
        f"gancross {__version__}, torch {version('torch')}, Python {platform.python_version()}", err=True
    )
    started = time.perf_counter()
    try:
        yield
    finally:
        seconds = f"{time.perf_counter() - started:.1f} seconds"
        if "torch" in sys.modules:  # a saved result is shown without it
            import torch

            seconds += f", {torch.get_num_threads()} threads, {torch.cuda.device_count()} GPUs"
        click.echo(seconds, err=True)


def interruption(stop: KeyboardInterrupt, *, then: str = "") -> Interrupted:
    """The error for an interruption; `gancross.__main__` puts the signal's number into its arguments.

    Args:
        then: what the same command will do.
    """
    number = stop.args[0] if stop.args and isinstance(stop.args[0], int) else signal.SIGINT
    message = "interrupted" if number == signal.SIGINT else "terminated"
    return Interrupted(f"{message}; {then}" if then else message, signal_number=number)


@contextmanager
def interruptions() -> Iterator[None]:
    """Inside, KeyboardInterrupt becomes `Interrupted`."""
    try:
        yield
    except KeyboardInterrupt as stop:
        raise interruption(stop) from None


def tables_console() -> Console:
    """Standard output, for tables; silent except in rank 0."""
    from rich.console import Console

    return Console(highlight=False, quiet=not is_rank_zero())


def print_screen(result: Result, record: Path | None) -> None:
    """Prints the first screen of a result, with `-v` all tables and reasons.

    Args:
        record: its file, if it was saved.
    """
    from gancross.report.text.console import print_first_screen, print_result

    if click.get_current_context().params["verbose"]:
        print_result(result, tables_console())
    else:
        print_first_screen(result, tables_console(), record=record)


def print_wrapped(console: Console, text: str) -> None:
    """Prints a paragraph in lines that fit; none ends in a blank, as those do that rich breaks."""
    from gancross.report.text.text_layout import wrapped

    console.print("\n".join(wrapped(text, console.width)), markup=False, soft_wrap=True)


def notes_console() -> Console:
    """Standard error, for progress and notes; silent with `-q` and except in rank 0."""
    from rich.console import Console

    quiet = click.get_current_context().params["quiet"] or not is_rank_zero()
    return Console(stderr=True, highlight=False, markup=False, quiet=quiet)


def silent_console() -> Console:
    """For notes that were printed before."""
    from rich.console import Console

    return Console(stderr=True, quiet=True)


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
        disable=not console.file.isatty() or console.quiet,  # FORCE_COLOR makes no terminal of a log
        transient=True,
    )


@contextmanager
def bars(console: Console) -> Iterator[Callable[[str, int, int | None], None]]:
    """A callback (name, done, total) with a bar for each name at work; a total of None: not known yet."""
    tasks: dict[str, Any] = {}
    with progress_bar(console) as progress:

        def show(name: str, done: int, total: int | None) -> None:
            if name not in tasks:
                tasks[name] = progress.add_task(name, total=total, figures="", rate="")
            speed = progress.tasks[tasks[name]].speed
            rate = f"{speed:.0f}/s" if speed else ""
            progress.update(tasks[name], completed=done, total=total, rate=rate, visible=done != total)

        yield show


class ProgressLine:
    """A callback (stage, done, total) with one line, of the stage at hand, with its time left.

    A stage that is none of `STAGES` is what discriminators judge.

    Attributes:
        expected: shown of a stage of which nothing is done yet, so that its time left is not known.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress, self._stage = progress, ""
        self.expected = ""

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Shows how much of a stage is done."""
        progress, figures = self._progress, self.expected if done == 0 else ""
        if stage != self._stage:
            for task in progress.task_ids:
                progress.remove_task(task)
            title = STAGES.get(stage, f"judging {printable(stage, limit=WIDEST_STAGE)}")
            progress.add_task(title, total=total, figures=figures, rate="")
            self._stage = stage
        progress.update(progress.task_ids[0], completed=done, total=total, figures=figures)


@contextmanager
def progress_line(console: Console) -> Iterator[ProgressLine]:
    """One line of progress, which is gone at the end."""
    with progress_bar(console) as progress:
        yield ProgressLine(progress)
