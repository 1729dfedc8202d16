"""`gancross recipes` and `gancross datasets`; neither imports torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gancross.cli.completion import recipe_names
from gancross.cli.options import common, tables_console

if TYPE_CHECKING:
    from gancross.trainer.recipes.recipe import Recipe


@click.command()
@click.argument("name", required=False, shell_complete=recipe_names)
@common
def recipes(name: str | None) -> None:
    """List the recipes that 'gancross train' knows, or every field of one."""
    from rich.markup import escape
    from rich.table import Table

    from gancross.trainer.recipes.paper import RECIPES, SOURCES, recipe

    console = tables_console()
    table = Table(box=None, padding=(0, 2, 0, 0))
    if name is not None:
        table.add_column("field", no_wrap=True)
        table.add_column("value")
        for key, value in recipe(name).to_dict().items():
            table.add_row(key, escape(str(value)))
        console.print(table)
        return
    table.add_column("recipe", no_wrap=True)
    table.add_column("figure or section")
    table.add_column("γ or noise", no_wrap=True)
    table.add_column("steps", justify="right", no_wrap=True)
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
    from rich.table import Table

    from gancross.data.catalogue import DATASETS

    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("data", no_wrap=True)
    table.add_column("train + test")
    table.add_column("where from")
    for name, entry in DATASETS.items():
        table.add_row(name, escape(entry.samples), escape(entry.origin))
    table.add_row("folder:PATH", "your images", "train/ and test/ beneath it, or a fixed split")
    tables_console().print(table)
