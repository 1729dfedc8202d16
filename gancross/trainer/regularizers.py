"""Public name of the regularizers Ω_JS (Eq. 20) and Ω_f (Eq. 19) of Roth et al. 2017."""

from __future__ import annotations

from gancross.trainer.objective.regularizers import f_divergence, jensen_shannon

__all__ = ["f_divergence", "jensen_shannon"]
