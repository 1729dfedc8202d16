"""The data of a call: its options, and what the models were trained on by what their checkpoints say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gancross.cli.completion import data_names
from gancross.cli.options import Command, data_root
from gancross.errors import UsageError

if TYPE_CHECKING:
    from gancross.checkpoint.contestant import Contestant


def data_options(command: Command) -> Command:
    """Adds `--data`, `--data-root` and `--image-size`."""
    options = (
        click.option(
            "--data", shell_complete=data_names,
            help="Data set or folder:PATH.  [default: the data the models were trained on]",
        ),
        data_root,
        click.option("--image-size", type=int, help="Resize a folder's images.  [default: as in training]"),
    )  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


def common_data(contestants: list[Contestant]) -> str:
    """The data that all contestants were trained on, by the name in their checkpoints.

    Raises:
        UsageError: they differ, name a folder, which no checkpoint may open by itself, or none says.
    """
    from gancross.data.catalogue import DATASETS

    named = set(map(str, _recipe_values(contestants, "data")))
    if not named:
        raise UsageError("no model says which data it was trained on: give --data")
    if len(named) > 1:
        raise UsageError(
            f"the models were trained on different data ({', '.join(sorted(named))}): give --data"
        )
    name = named.pop()
    if name not in DATASETS:
        raise UsageError(f"the models name the data '{name}', which is not opened by itself: give --data")
    return name


def common_image_size(contestants: list[Contestant]) -> int | None:
    """The side to which all contestants' training images were resized; None if they were not."""
    sizes = _recipe_values(contestants, "image_size")
    size = sizes.pop() if len(sizes) == 1 else None
    return size if isinstance(size, int) else None


def _recipe_values(contestants: list[Contestant], key: str) -> set[object]:
    return {c.origin.recipe.get(key) for c in contestants if c.origin is not None and c.origin.recipe}
