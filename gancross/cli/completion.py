"""`gancross completion`, and what the shell completes. Nothing here imports torch: every Tab runs this."""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem, get_completion_class

from gancross.cli.options import common

FOLDER = "folder:"
COMPLETE = "_GANCROSS_COMPLETE"


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@common
def completion(shell: str) -> None:
    """Print the script that makes a shell complete commands, options, recipes, data sets and files."""
    made = get_completion_class(shell)
    assert made is not None
    root = click.get_current_context().find_root().command
    click.echo(made(root, {}, "gancross", COMPLETE).source())


def recipe_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The recipes that begin so, with their figures."""
    from gancross.trainer.recipes.paper import RECIPES, SOURCES

    return [CompletionItem(name, help=SOURCES[name]) for name in RECIPES if name.startswith(incomplete)]


def data_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The data sets that begin so, and `folder:`."""
    from gancross.data.catalogue import DATASETS

    named = [CompletionItem(name, help=entry.samples) for name, entry in DATASETS.items()]
    found = [item for item in named if item.value.startswith(incomplete)]
    return [*found, *([CompletionItem(FOLDER, help="your images")] if FOLDER.startswith(incomplete) else [])]


def model_files(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The shell's own file names; behind `NAME=` bash goes on, which takes what follows for a word."""
    return [CompletionItem(incomplete, type="file")]
