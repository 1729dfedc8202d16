"""The recipes by name, built from the table of experiments."""

from __future__ import annotations

from gancross.errors import unknown_name
from gancross.trainer.recipes.experiments import EXPERIMENTS
from gancross.trainer.recipes.recipe import Recipe, experiment

RECIPES: dict[str, Recipe] = {name: experiment(name) for name in EXPERIMENTS}
SOURCES: dict[str, str] = {name: entry.source for name, entry in EXPERIMENTS.items()}


def recipe(name: str) -> Recipe:
    """The named recipe.

    Raises:
        UsageError: no recipe has this name; the message suggests the nearest one.
    """
    if name not in RECIPES:
        raise unknown_name("recipe", name, RECIPES)
    return RECIPES[name]
