"""The f-GAN table under the trainer's name; it lives one floor down, since the evaluator reads it too."""

from gancross.divergences import DIVERGENCES, Divergence, divergence

__all__ = ["DIVERGENCES", "Divergence", "divergence"]
