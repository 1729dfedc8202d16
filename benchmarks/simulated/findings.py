"""What a simulation found, against what was promised."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One figure against its target [low, high]; without a target it is reported only."""

    claim: str
    setting: str
    value: float
    standard_error: float
    draws: int | None
    target: tuple[float, float] | None

    def within_target(self, *, errors: float = 0.0) -> bool | None:
        """Whether the figure lies within its target, give or take so many standard errors."""
        if self.target is None:
            return None
        room = errors * self.standard_error
        return self.target[0] - room <= self.value <= self.target[1] + room


def rate(claim: str, setting: str, count: int, draws: int, target: tuple[float, float] | None) -> Finding:
    """A share of draws; its standard error is that of the nearest share within the target."""
    value = count / draws
    expected = value if target is None else min(max(value, target[0]), target[1])
    error = float((expected * (1 - expected) / draws) ** 0.5)
    return Finding(
        claim=claim, setting=setting, value=value, standard_error=error, draws=draws, target=target
    )
