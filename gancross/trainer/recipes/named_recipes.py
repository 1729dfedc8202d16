"""The recipes by name, built from the table of experiments."""

from __future__ import annotations

from gancross.errors import unknown_name
from gancross.trainer.recipes.experiments import EXPERIMENTS
from gancross.trainer.recipes.fields import Setting
from gancross.trainer.recipes.recipe import Recipe, experiment

RECIPES: dict[str, Recipe] = {name: experiment(name) for name in EXPERIMENTS}
SOURCES: dict[str, str] = {name: entry.source for name, entry in EXPERIMENTS.items()}


def recipe(name: str, **changes: Setting) -> Recipe:
    """The named recipe, with changes where they are given: `recipe("digits", gamma=1.0, seed=3)`.

    Args:
        changes: fields of `Recipe` and their values, as `--set` has them on the command line; a new
            `objective` sets its default regularizer.

    Raises:
        UsageError: no recipe, or no field, has this name (the message suggests the nearest one); a bad
            value, or one without effect.
    """
    if name not in RECIPES:
        raise unknown_name("recipe", name, RECIPES)
    return RECIPES[name].with_changes(changes)
