"""`gancross completion`, and completions of arguments. Nothing here imports torch: every Tab runs this."""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem, get_completion_class

from gancross.cli.options import common
from gancross.data.catalogue import DATASETS, FOLDER

COMPLETE = "_GANCROSS_COMPLETE"


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@common
def completion(shell: str) -> None:
    """Print the script that makes a shell complete commands, options, recipes, data sets and files."""
    completion_class = get_completion_class(shell)
    assert completion_class is not None
    root = click.get_current_context().find_root().command
    click.echo(completion_class(root, {}, "gancross", COMPLETE).source())


def recipe_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The recipes with this prefix, with their figures."""
    from gancross.trainer.recipes.named_recipes import RECIPES, SOURCES

    return [CompletionItem(name, help=SOURCES[name]) for name in RECIPES if name.startswith(incomplete)]


def data_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The data sets with this prefix, and `folder:`."""
    helps = {name: entry.samples for name, entry in DATASETS.items()} | {FOLDER: "your images"}
    return [CompletionItem(name, help=text) for name, text in helps.items() if name.startswith(incomplete)]


def model_files(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The shell's own file names; after `NAME=` bash completes them too, as it splits words at `=`."""
    return [CompletionItem(incomplete, type="file")]
