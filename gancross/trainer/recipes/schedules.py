"""Schedules: by how much a value is scaled, as a function of the progress alone."""

from __future__ import annotations

import math


def schedule_factor(shape: str, *, end: float, progress: float) -> float:
    """The factor of a value that moves from 1 to `end` while progress s moves from 0 to 1.

        constant      1
        linear        1 − (1 − end)·s
        cosine        end + (1 − end)·(1 + cos πs)/2
        exponential   end^s

    Args:
        shape: one of these names.
        end: the factor at s = 1, at least 0.
        progress: s; values outside of [0, 1] count as the nearest end.

    Source: linear: Miyato et al. 2018; cosine: Loshchilov and Hutter 2017, without restarts, as in Huang et
    al. 2024; exponential: Roth et al. 2017, Algorithm 1.
    """
    s = min(max(progress, 0.0), 1.0)
    if shape == "constant":
        return 1.0
    if shape == "linear":
        return 1 - (1 - end) * s
    if shape == "cosine":
        return end + (1 - end) * (1 + math.cos(math.pi * s)) / 2
    return float(end**s)
