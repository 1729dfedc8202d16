"""`gancross cache`."""

from __future__ import annotations

import click

from gancross.cli.options import common, tables_console

UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")


@click.command()
@click.option(
    "--clear", is_flag=True, help="Remove the files of gancross, and nothing else, without a question."
)
@common
def cache(clear: bool) -> None:
    """Show the folder and the sizes of what gancross keeps to avoid computing it again; or remove it.

    GANCROSS_CACHE names another folder. Data sets and Inception's weights are elsewhere.
    """
    from rich.table import Table

    from gancross.machine import caches

    console = tables_console()
    console.print(f"{caches.cache_folder()}", markup=False, soft_wrap=True)
    sizes = caches.clear() if clear else caches.cache_sizes()
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("folder", no_wrap=True)
    table.add_column("files", justify="right")
    table.add_column("size", justify="right", no_wrap=True)
    table.add_column("what")
    for kind, of_files in sizes.items():
        table.add_row(kind, f"{len(of_files):,}", size(sum(of_files)), caches.KINDS[kind].meaning)
    console.print(table)
    files, freed = sum(map(len, sizes.values())), sum(map(sum, sizes.values()))
    label = "freed" if clear else "in all"
    console.print(f"{label}: {files:,} {'file' if files == 1 else 'files'}, {size(freed)}")


def size(number: int) -> str:
    """Bytes in the largest unit that gives at least 1."""
    power = min((max(number, 1).bit_length() - 1) // 10, len(UNITS) - 1)
    return f"{number:,} {UNITS[0]}" if power == 0 else f"{number / 1024**power:.1f} {UNITS[power]}"
