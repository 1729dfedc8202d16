"""`gancross`: the group of commands, and how errors reach the user.

Nothing heavy is imported at the top of any file in this folder, so that `--help` answers at once.
"""

from __future__ import annotations

import sys
from typing import Any

import click

from gancross import __version__
from gancross.cli.crosstest import crosstest
from gancross.cli.demo import demo
from gancross.cli.export import export
from gancross.cli.figure import figure
from gancross.cli.listing import datasets, recipes
from gancross.cli.sample import sample
from gancross.cli.train import train
from gancross.errors import GancrossError, printable, unknown_name

INTERRUPTED = 130
BUG = 1
OUT_OF_MEMORY = 5


class Commands(click.Group):
    """A group that suggests the nearest command for a misspelt one."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """As click does, but an unknown name is an error with a suggestion."""
        if args and self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            raise unknown_name("command", args[0], self.list_commands(ctx))
        return super().resolve_command(ctx, args)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="gancross")
def cli() -> None:
    """Train GANs and cross-test them: let each GAN's discriminator judge the other GAN's samples."""


for command in (train, crosstest, sample, export, figure, demo, recipes, datasets):
    cli.add_command(command)


def main(arguments: list[str] | None = None) -> None:
    """Runs the command line and leaves with the exit code of `gancross.errors`."""
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        code = cli.main(args=arguments or ["--help"], prog_name="gancross", standalone_mode=False)
    except Exception as error:
        if "--debug" in arguments:
            raise
        code, message = explanation(error)
        click.echo(f"Error: {printable(message)}", err=True)
    except KeyboardInterrupt:
        click.echo("Error: interrupted", err=True)
        code = INTERRUPTED
    sys.exit(code if isinstance(code, int) else 0)


def explanation(error: Exception) -> tuple[int, str]:
    """Exit code and one line for an error."""
    if isinstance(error, GancrossError):
        return error.exit_code, str(error)
    if isinstance(error, click.Abort):
        return INTERRUPTED, "interrupted"
    if isinstance(error, click.ClickException):
        context = getattr(error, "ctx", None)
        hint = f" Try '{context.command_path} --help'." if context is not None else ""
        return error.exit_code, f"{error.format_message()}{hint}"
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return OUT_OF_MEMORY, f"out of memory: {error}; use a smaller --batch-size or batch_size"
    name = type(error).__name__
    return BUG, f"unexpected {name}: {error}; this is a bug of gancross, run it again with --debug"
