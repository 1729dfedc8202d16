"""Public name of the f-divergence table of `gancross.divergences`, which trainer and evaluator share."""

from __future__ import annotations

from gancross.divergences import DIVERGENCES, Divergence, divergence

__all__ = ["DIVERGENCES", "Divergence", "divergence"]
