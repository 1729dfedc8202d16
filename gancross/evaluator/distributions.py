"""Quantiles and tails of the normal and of Student's distribution.

`scipy.stats` gives the same to the last bit, and takes half a second to import, which every report of a saved
result would wait for. `scipy.special` is imported by the first call.
"""

from __future__ import annotations


def normal_quantile(p: float) -> float:
    """z with P(Z ≤ z) = p, Z standard normal."""
    from scipy.special import ndtri

    return float(ndtri(p))


def normal_tail(z: float) -> float:
    """P(Z > z), Z standard normal."""
    from scipy.special import ndtr

    return float(ndtr(-z))


def student_quantile(p: float, df: float) -> float:
    """t with P(T ≤ t) = p, T of Student's distribution with `df` > 0 degrees of freedom, not always whole."""
    from scipy.special import stdtrit

    return float(stdtrit(df, p))


def student_tail(t: float, df: float) -> float:
    """P(T > t), T of Student's distribution with `df` > 0 degrees of freedom, not always whole."""
    from scipy.special import stdtr

    return float(stdtr(df, -t))
