"""gancross: GANs of Roth et al. 2017 and the cross-testing protocol between any two of them."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gancross.checkpoint import load_contestant as load_contestant
    from gancross.contestant import Contestant as Contestant
    from gancross.evaluator.saving import save_checkpoint as save_checkpoint
    from gancross.report.crosstest import crosstest as crosstest
    from gancross.report.notebook import Result as Result
    from gancross.report.notebook import load_result as load_result
    from gancross.trainer.experiments import recipe as recipe
    from gancross.trainer.loop import train as train
    from gancross.trainer.recipes import Recipe as Recipe

__version__ = "0.1.0"

_HOMES = {
    "Contestant": "gancross.contestant",
    "Recipe": "gancross.trainer.recipes",
    "Result": "gancross.report.notebook",
    "crosstest": "gancross.report.crosstest",
    "load_contestant": "gancross.checkpoint",
    "load_result": "gancross.report.notebook",
    "recipe": "gancross.trainer.experiments",
    "save_checkpoint": "gancross.evaluator.saving",
    "train": "gancross.trainer.loop",
}
__all__ = [*sorted(_HOMES), "__version__"]  # noqa: PLE0604  # names are resolved on first use


def __getattr__(name: str) -> object:
    """Imports a public name when it is first used, so that `import gancross` costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'gancross' has no attribute '{name}'")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
