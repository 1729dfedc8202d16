"""`gancross demo`."""

from __future__ import annotations

from pathlib import Path

import click

from gancross.cli.options import common


@click.command()
@click.option("--out", type=click.Path(path_type=Path), default=Path("gancross-demo"), show_default=True)
@common
def demo(out: Path) -> None:
    """Train two small GANs side by side and cross-test them, in about a minute."""
