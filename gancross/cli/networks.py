"""`--networks` and `--trust-code` of the commands that train or read runs with networks of the user's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from gancross.cli.contestants import TRUST
from gancross.errors import UsageError

if TYPE_CHECKING:
    from gancross.checkpoint.own_networks import NetworkPair
    from gancross.trainer.recipes.recipe import Recipe

Command = Callable[..., Any]


def networks_options(command: Command) -> Command:
    """Adds `--networks` and `--trust-code`."""
    command = click.option("--trust-code", is_flag=True, help="Let --networks run that code.")(command)
    return click.option(
        "--networks", metavar="module:pair",
        help="Code of networks of your own: a function that returns (generator, discriminator); or"
        " file.py:pair.",
    )(command)  # fmt: skip


def trusted_code(networks: str | None, *, trust_code: bool) -> str | None:
    """The code that `--networks` names, if it may run.

    Raises:
        UsageError: it may not, or `--trust-code` has nothing to trust.
    """
    if networks is not None and not trust_code:
        raise UsageError(f"--networks {networks} {TRUST}")
    if networks is None and trust_code:
        raise UsageError("--trust-code needs --networks module:pair")
    return networks


def own_pair(code: str | None, recipe: Recipe) -> NetworkPair | None:
    """The networks that trusted code builds for a recipe; None without code."""
    if code is None:
        return None
    from gancross.evaluator.contestants.pairs import load_pair

    return load_pair(code, recipe, seed=recipe.seed, place=f"--networks {code}")
