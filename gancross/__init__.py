"""gancross: GANs of Roth et al. 2017 and the cross-testing protocol between any two of them."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from gancross.evaluator.result.display import register_displays
from gancross.version import __version__ as __version__

if TYPE_CHECKING:
    from gancross import penalties as penalties
    from gancross.checkpoint.contestant import Contestant as Contestant
    from gancross.checkpoint.file import load_contestant as load_contestant
    from gancross.checkpoint.inputs import Input as Input
    from gancross.evaluator.check import check as check
    from gancross.evaluator.contestants.saving import save_checkpoint as save_checkpoint
    from gancross.evaluator.crosstest import crosstest as crosstest
    from gancross.evaluator.referee import referee as referee
    from gancross.evaluator.result.reading import load_result as load_result
    from gancross.evaluator.result.types import Result as Result
    from gancross.trainer.loop import train as train
    from gancross.trainer.recipes.named_recipes import recipe as recipe
    from gancross.trainer.recipes.recipe import Recipe as Recipe

_HOMES = {
    "Contestant": "gancross.checkpoint.contestant",
    "Input": "gancross.checkpoint.inputs",
    "Recipe": "gancross.trainer.recipes.recipe",
    "Result": "gancross.evaluator.result.types",
    "check": "gancross.evaluator.check",
    "crosstest": "gancross.evaluator.crosstest",
    "load_contestant": "gancross.checkpoint.file",
    "load_result": "gancross.evaluator.result.reading",
    "referee": "gancross.evaluator.referee",
    "recipe": "gancross.trainer.recipes.named_recipes",
    "save_checkpoint": "gancross.evaluator.contestants.saving",
    "train": "gancross.trainer.loop",
}
_MODULES = ("penalties",)
__all__ = [*sorted((*_HOMES, *_MODULES)), "__version__"]  # noqa: PLE0604  # names are resolved on first use

register_displays({
    "rich": "gancross.report.text.console:render",
    "html": "gancross.report.browser.notebook:notebook_html",
    "dataframe": "gancross.report.browser.notebook:to_dataframe",
    "matrix": "gancross.report.charts.plots:plot_matrix",
    "histograms": "gancross.report.charts.plots:plot_histograms",
    "roc": "gancross.report.charts.plots:plot_roc",
    "check": "gancross.report.text.check:check_text",
})  # fmt: skip


def __getattr__(name: str) -> object:
    """Imports a public name when it is first used, so that `import gancross` costs nothing."""
    if name in _MODULES:
        return importlib.import_module(f"gancross.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'gancross' has no attribute '{name}'")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
