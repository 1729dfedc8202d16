"""`gancross`: the group of commands, and how errors reach the user.

No file of this package imports a slow module at its top, so that `--help` answers at once.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import click

from gancross.cli.benchmark import benchmark, demo
from gancross.cli.check import check
from gancross.cli.checkpoints import export, sample
from gancross.cli.completion import completion
from gancross.cli.crosstest import crosstest
from gancross.cli.gate import gate
from gancross.cli.listing import cache, datasets, recipes
from gancross.cli.options import interruption, interruptions
from gancross.cli.referees import referee
from gancross.cli.report import report
from gancross.cli.runs import figure, trace
from gancross.cli.train import train
from gancross.errors import (
    GancrossError,
    ResourceError,
    UsageError,
    first_line,
    is_text,
    printable,
    unknown_name,
)
from gancross.machine.distributed import is_reported_elsewhere, process_count
from gancross.machine.files import IMPOSSIBLE_NAMES
from gancross.machine.streams import lost_output
from gancross.version import __version__

INTERRUPTED = 130
BUG = 1
RESOURCES = 5
# Texts of the plain RuntimeErrors that torch's allocators and thread pools raise.
OUT_OF_MEMORY = (
    "can't allocate memory", "not enough memory", "out of memory", "ALLOC_FAILED", "failed to map segment",
    "cannot allocate memory",
)  # fmt: skip
MEMORY_HINTS = {
    "train": "lower batch_size or width: --set batch_size=N, --set width=N",
    "figure": "lower -n",
    **dict.fromkeys(("crosstest", "referee", "sample", "trace"), "lower -n or --chunk"),
}
# Samples go through a network in chunks of one length whatever -n is.
DEVICE_MEMORY_HINT = "add --device cpu, or take a device with more memory"
# Errors of the machine, not of the program.
RESOURCE_ERRORS = {
    getattr(errno, name)
    for name in ("ENOSPC", "EDQUOT", "EFBIG", "EROFS", "EACCES", "EPERM", "EIO", "EMFILE", "ENFILE", "EAGAIN")
    if hasattr(errno, name)
}


@dataclass(frozen=True, kw_only=True)
class Purpose:
    """What people do with some of the commands.

    Attributes:
        commands: what each does, in a line of 80 columns.
        example: a line of a shell.
    """

    title: str
    commands: Mapping[str, str]
    example: str


PURPOSES = (
    Purpose(
        title="Compare", example="gancross crosstest A.pt B.pt --json result.json",
        commands={
            "crosstest": "Let every model's discriminator judge every model's samples.",
            "referee": "Ask equal, fresh judges whose samples are nearer to the data.",
            "check": "Try a model out: say what gancross takes it for, and what is odd.",
            "demo": "Train a small GAN briefly and longer, and compare the two.",
        },
    ),
    Purpose(
        title="Train", example="gancross train digits --steps 1000",
        commands={
            "train": "Train the GAN of a recipe; the same command again resumes.",
            "recipes": "List the recipes, or every field of one.",
            "datasets": "List the data sets that can be named.",
        },
    ),
    Purpose(
        title="Look", example="gancross report result.json --html report.html",
        commands={
            "report": "Show a result that was saved, or write it as HTML or Markdown.",
            "sample": "Draw samples of a model as a picture or as an array.",
            "figure": "Lay out runs as a figure of the paper.",
            "trace": "Follow a run along its numbered checkpoints.",
        },
    ),
    Purpose(
        title="Automate", example="gancross gate result.json --baseline baseline.json",
        commands={
            "benchmark": "Train variants and seeds from one file and cross-test them.",
            "gate": "Let CI decide whether a result is worse than its baseline.",
            "export": "Write a checkpoint for sharing, without optimizer state.",
            "cache": "Show or clear what gancross keeps to avoid computing it again.",
            "completion": "Print the script that completes commands in a shell.",
        },
    ),
)  # fmt: skip


class Commands(click.Group):
    """A group that lists commands by purpose and suggests the nearest one for a misspelt one."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """A section for each purpose: its commands in a line each, then an example."""
        for purpose in PURPOSES:
            with formatter.section(purpose.title):
                formatter.write_dl(list(purpose.commands.items()))
                formatter.write_text(f"Example: {purpose.example}")

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """As click does, but an unknown name is an error with a suggestion."""
        known = not args or args[0].startswith("-") or self.get_command(ctx, args[0]) is not None
        if not known and not ctx.resilient_parsing:  # as shell completion does
            raise unknown_name("command", args[0], self.list_commands(ctx))
        return super().resolve_command(ctx, args)

    def make_context(self, *arguments: Any, **options: Any) -> click.Context:
        """As click does, but Ctrl-C is one line of error, without click's empty line."""
        with interruptions():
            return super().make_context(*arguments, **options)

    def invoke(self, ctx: click.Context) -> Any:
        """As click does, but Ctrl-C keeps its signal and prints no empty line."""
        with interruptions():
            return super().invoke(ctx)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="gancross")
def cli() -> None:
    """Train GANs and cross-test them: let each GAN's discriminator judge the other GAN's samples."""


for command in (
    train, crosstest, referee, check, benchmark, report, gate, sample, export, figure, trace, demo, recipes,
    datasets, cache, completion,
):  # fmt: skip
    cli.add_command(command)


def main(arguments: list[str] | None = None) -> None:
    """Runs the command line and leaves with the exit code of `gancross.errors`."""
    arguments = sys.argv[1:] if arguments is None else arguments
    code: object
    try:
        check_texts(arguments)
        code = cli.main(args=arguments or ["--help"], prog_name="gancross", standalone_mode=False)
        if (lost := lost_output()) is not None:
            raise ResourceError(f"standard output: cannot be written: {lost.strerror}")
    except Exception as error:
        if "--debug" in arguments:
            raise
        code, message = explanation(error, arguments[0] if arguments else "")
        print_error(error, printable(message))
    except KeyboardInterrupt as stop:
        print_error(stop, str(interruption(stop)))
        code = interruption(stop).exit_code
    code = code if isinstance(code, int) else 0
    if code and process_count() > 1:  # without cleanup, which would wait for dead connections
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def check_texts(arguments: list[str]) -> None:
    """A `UsageError` for an argument whose bytes are no text; records, reports and seeds are of text."""
    for argument in arguments:
        if not is_text(argument):
            shown = os.fsencode(argument).decode("utf-8", "backslashreplace")
            encoding = sys.getfilesystemencoding()
            raise UsageError(f"argument '{shown}': is not {encoding}; rename what it names")


def print_error(error: BaseException, message: str) -> None:
    """Prints one line on standard error, from one process."""
    if not is_reported_elsewhere(error):
        click.echo(f"Error: {message}", err=True)


def explanation(error: Exception, command: str = "") -> tuple[int, str]:
    """Exit code and one line for an error of a command."""
    if isinstance(error, GancrossError):
        return error.exit_code, str(error)
    if isinstance(error, click.Abort):
        return INTERRUPTED, "interrupted"
    if isinstance(error, click.ClickException):
        context = getattr(error, "ctx", None)
        hint = f" Try '{context.command_path} --help'." if context is not None else ""
        return error.exit_code, f"{error.format_message()}{hint}"
    if lacks_memory(error):
        of_a_device = type(error).__name__ == "OutOfMemoryError" and command != "train"
        lower = "lower --chunk, " if command == "crosstest" else ""
        hint = (
            f"{lower}{DEVICE_MEMORY_HINT}"
            if of_a_device
            else MEMORY_HINTS.get(command, "close other programs")
        )
        return RESOURCES, f"out of memory: {first_line(error):.200}; {hint}"
    if isinstance(error, OSError) and error.errno in RESOURCE_ERRORS | IMPOSSIBLE_NAMES:
        where = f"{error.filename!s:.200}: " if error.filename is not None else ""
        code = UsageError.exit_code if error.errno in IMPOSSIBLE_NAMES else RESOURCES
        return code, f"{where}{error.strerror}"
    name = type(error).__name__
    return BUG, f"unexpected {name}: {error}; this is a bug of gancross, run it again with --debug"


def lacks_memory(error: Exception) -> bool:
    """Whether the memory of the machine or of a device ran out."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    # A library that finds no room is an import that fails.
    return isinstance(error, RuntimeError | ImportError) and any(
        words in str(error) for words in OUT_OF_MEMORY
    )
