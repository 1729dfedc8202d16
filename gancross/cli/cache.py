"""`gancross cache`."""

from __future__ import annotations

import click

from gancross.cli.options import common, tables_console

UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")


@click.command()
@click.option(
    "--clear", is_flag=True, help="Remove the files of gancross there, and nothing else; asks nothing."
)
@common
def cache(clear: bool) -> None:
    """Show what gancross keeps in order not to compute it again, and where; or remove it.

    GANCROSS_CACHE names another folder. Data sets and Inception's weights do not lie there.
    """
    from rich.table import Table

    from gancross.machine import caches

    console = tables_console()
    console.print(f"{caches.cache_folder()}", markup=False, soft_wrap=True)
    found = caches.clear() if clear else caches.held()
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("folder", no_wrap=True)
    table.add_column("files", justify="right")
    table.add_column("size", justify="right", no_wrap=True)
    table.add_column("what")
    for kind, held in found.items():
        table.add_row(kind, f"{held.files:,}", size(held.size), caches.KINDS[kind].meaning)
    console.print(table)
    files, freed = sum(held.files for held in found.values()), sum(held.size for held in found.values())
    what = "freed" if clear else "in all"
    console.print(f"{what}: {files:,} {'file' if files == 1 else 'files'}, {size(freed)}")


def size(number: int) -> str:
    """Bytes in the largest unit of which there is at least one."""
    power = min((max(number, 1).bit_length() - 1) // 10, len(UNITS) - 1)
    return f"{number:,} {UNITS[0]}" if power == 0 else f"{number / 1024**power:.1f} {UNITS[power]}"
