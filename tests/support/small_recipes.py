"""Recipes that train in a moment."""

from __future__ import annotations

from gancross.trainer.recipes.fields import Setting
from gancross.trainer.recipes.named_recipes import recipe
from gancross.trainer.recipes.recipe import Recipe

SMALL: dict[str, dict[str, Setting]] = {
    "mixture": {"width": 8, "batch_size": 32, "steps": 6},
    "digits": {"width": 4, "batch_size": 16, "steps": 6},
}


def small(name: str, **changes: Setting) -> Recipe:
    """A recipe that trains in a moment."""
    return recipe(name).with_changes(SMALL[name] | changes)
