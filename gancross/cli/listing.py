"""`gancross recipes`, `gancross datasets` and `gancross cache`; none imports torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gancross.cli.completion import recipe_names
from gancross.cli.options import common, tables_console
from gancross.data.catalogue import DATASETS
from gancross.machine.files import size

if TYPE_CHECKING:
    from gancross.trainer.recipes.recipe import Recipe


@click.command()
@click.argument("name", required=False, shell_complete=recipe_names)
@common
def recipes(name: str | None) -> None:
    """List the recipes that 'gancross train' knows, or every field of one."""
    from rich.markup import escape
    from rich.table import Column, Table

    from gancross.trainer.recipes.named_recipes import RECIPES, SOURCES, recipe

    console = tables_console()
    if name is not None:
        table = Table(Column("field", no_wrap=True), "value", box=None, padding=(0, 2, 0, 0))
        for key, value in recipe(name).to_dict().items():
            table.add_row(key, escape(str(value)))
        console.print(table)
        return
    table = Table(
        Column("recipe", no_wrap=True), "figure or section", Column("γ or noise", no_wrap=True),
        Column("steps", justify="right", no_wrap=True), box=None, padding=(0, 2, 0, 0),
    )  # fmt: skip
    for key, listed in RECIPES.items():
        table.add_row(key, escape(SOURCES[key]), strength(listed), f"{listed.steps:,}")
    console.print(table)
    console.print(
        "\nEvery field of one: gancross recipes NAME. Unregularized: --regularizer none."
        " Another value: --set key=value.",
        markup=False,
    )


def strength(recipe: Recipe) -> str:
    """The strength of regularization or noise, in a few characters."""
    if recipe.gamma > 0:
        return f"{recipe.gamma:g}" + (" annealed" if recipe.anneal else "")
    if recipe.noise != "none":
        return f"noise {recipe.noise_variance:g}"
    return "–"


@click.command()
@common
def datasets() -> None:
    """List the data sets that recipes and cross-tests can name."""
    from rich.markup import escape
    from rich.table import Column, Table

    columns = (Column("data", no_wrap=True), "train + test", Column("classes", justify="right"), "where from")
    table = Table(*columns, box=None, padding=(0, 2, 0, 0))
    for name, entry in DATASETS.items():
        classes = "–" if entry.num_classes is None else str(entry.num_classes)
        table.add_row(name, escape(entry.samples), classes, escape(entry.origin))
    table.add_row("folder:PATH", "your images", "folders", "train/ and test/ beneath it, or a fixed split")
    tables_console().print(table)


@click.command()
@click.option(
    "--clear", is_flag=True, help="Remove the files of gancross, and nothing else, without a question."
)
@common
def cache(clear: bool) -> None:
    """Show the folder and the sizes of what gancross keeps to avoid computing it again; or remove it.

    GANCROSS_CACHE names another folder. Data sets and Inception's weights are elsewhere.
    """
    from rich.table import Column, Table

    from gancross.machine import caches

    console = tables_console()
    folder = caches.cache_folder()
    none = "none: this user has no home folder; name a folder with GANCROSS_CACHE"
    console.print(none if folder == caches.NO_CACHE else f"{folder}", markup=False, soft_wrap=True)
    sizes = caches.clear() if clear else caches.cache_sizes()
    table = Table(
        Column("folder", no_wrap=True), Column("files", justify="right"),
        Column("size", justify="right", no_wrap=True), "what", box=None, padding=(0, 2, 0, 0),
    )  # fmt: skip
    for kind, of_files in sizes.items():
        table.add_row(kind, f"{len(of_files):,}", size(sum(of_files)), caches.KINDS[kind].meaning)
    console.print(table)
    files, freed = sum(map(len, sizes.values())), sum(map(sum, sizes.values()))
    label = "freed" if clear else "in all"
    console.print(f"{label}: {files:,} {'file' if files == 1 else 'files'}, {size(freed)}")
