"""`gancross recipes` and `gancross datasets`; neither imports torch."""

from __future__ import annotations

import click

from gancross.cli.options import common, tables_console


@click.command()
@common
def recipes() -> None:
    """List the recipes that 'gancross train' knows."""
    from rich.table import Table

    from gancross.trainer.experiments import RECIPES, SOURCES

    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("recipe", "data", "network", "γ", "steps", "what it is"):
        table.add_column(heading)
    for name, recipe in RECIPES.items():
        network = f"{recipe.network}, width {recipe.width}"
        gamma = f"{recipe.gamma:g}" + (" annealed" if recipe.anneal else "")
        table.add_row(name, recipe.data, network, gamma, f"{recipe.steps:,}", SOURCES[name])
    console = tables_console()
    console.print(table)
    console.print("\nUnregularized: --regularizer none. Any field: --set key=value.")


@click.command()
@common
def datasets() -> None:
    """List the data sets that recipes and cross-tests can name."""
    from rich.markup import escape
    from rich.table import Table

    from gancross.data.catalogue import DATASETS

    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("data", "train + test", "where from"):
        table.add_column(heading)
    for name, entry in DATASETS.items():
        table.add_row(name, escape(entry.samples), escape(entry.origin))
    table.add_row("folder:PATH", "your images", "train/ and test/ beneath it, or a fixed split")
    tables_console().print(table)
