"""What the models of a call were trained on, by what their checkpoints say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gancross.errors import UsageError

if TYPE_CHECKING:
    from gancross.checkpoint.contestant import Contestant


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
