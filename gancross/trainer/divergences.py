"""The f-GAN table under its public name; it lies in `gancross.divergences`, which the evaluator reads too."""

from __future__ import annotations

from gancross.divergences import DIVERGENCES, Divergence, divergence

__all__ = ["DIVERGENCES", "Divergence", "divergence"]
