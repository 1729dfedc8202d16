"""Fidelity as the record holds it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from gancross.evaluator.codec.fields import Recorded, Size
from gancross.evaluator.estimates import Measurement, Missing

NO_INTERVAL = Missing("no interval: how the figure varies from sample to sample is not estimated")


@dataclass(frozen=True, kw_only=True)
class FidelityFigures:
    """One contestant's figures by key, of `n` samples.

    Keys are torch-fidelity's on Inception features; on other features they name the substitute.
    """

    n: Size
    figures: Annotated[Mapping[str, Measurement | Missing], Recorded(inline=True)]

    def of(self, key: str) -> Measurement | Missing:
        """The figure of a key that other contestants have."""
        return self.figures.get(key, Missing("not measured"))


@dataclass(frozen=True, kw_only=True)
class FidelityProtocol:
    """How the figures were computed; equal protocols make them comparable."""

    metrics: tuple[str, ...]
    extractor: str
    weights_sha256: str | None
    resize: str | None
    dtype: str
    versions: str
    seed: int
    is_splits: int
    kid_subsets: int
    kid_subset_size: int
    pr_neighbours: int
    fid_statistics_sha256: str | None


@dataclass(frozen=True, kw_only=True)
class MeasuredFidelity:
    """Every contestant's figures, how they were computed, and what a reader must know."""

    figures: Mapping[str, FidelityFigures]
    protocol: FidelityProtocol
    flags: tuple[str, ...]
