"""`gancross.crosstest`: the evaluator's, with a result that shows itself."""

from __future__ import annotations

from gancross.evaluator.crosstest import crosstest as evaluated
from gancross.report.browser.notebook import presented

crosstest = presented(evaluated)
