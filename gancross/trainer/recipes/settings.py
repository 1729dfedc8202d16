"""`key=value` of the command line as a field of a recipe."""

from __future__ import annotations

import typing

from gancross.errors import UsageError, unknown_name
from gancross.trainer.recipes import fields
from gancross.trainer.recipes.fields import Setting
from gancross.trainer.recipes.recipe import Recipe


def parse_setting(text: str) -> tuple[str, Setting]:
    """`key=value` of the command line as (key, value), the value in the type of the recipe's field.

    Raises:
        UsageError: no `=`, an unknown key, or a value that does not parse.
    """
    key, separator, value = text.partition("=")
    if not separator:
        raise UsageError(f"--set {text}: write key=value, for example --set width=16")
    hints = typing.get_type_hints(Recipe)
    if key not in hints:
        raise unknown_name("recipe key", key, hints)
    return key, fields.parse(key, value, hints[key])
