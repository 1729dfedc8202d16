"""Results with figures by class, of scores made for the purpose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from gancross import Contestant, Result
from gancross.evaluator.classes.figures import class_figures
from gancross.evaluator.classes.records import ClassFigures
from gancross.evaluator.judging.sampling import Label
from gancross.evaluator.judging.scores import ScoresBySource

DIGITS = tuple("0123456789")


def figures_by_class(
    judges: Sequence[str], generators: Sequence[str], names: Sequence[str], *, n: int = 2_000,
    worse: Sequence[int] = (), hard: Sequence[int] = (), critics: Sequence[str] = (), group_size: int = 1,
    unlabelled: Sequence[str | None] = (), seed: int = 0,
) -> ClassFigures | None:  # fmt: skip
    """Figures of n reals and n samples of each generator, classes drawn alike.

    Args:
        worse: classes of every generator that judges call real less often.
        hard: classes of the test data that judges call fake more often.
        critics: judges without a threshold.
        unlabelled: sources without classes.
    """
    random = np.random.default_rng(seed)
    sources: list[str | None] = [None, *generators]
    classes: dict[Label, NDArray[np.int64]] = {
        source: random.integers(0, len(names), n) for source in sources
    }
    contestants, scores = [], {}
    for judge in judges:
        decides: dict[str, Any] = {"threshold": None, "score_kind": "critic"} if judge in critics else {}
        contestants.append(
            Contestant(
                name=judge, generator=nn.Identity(), discriminator=nn.Identity(), latent_dim=1, **decides
            )
        )
        arrays: dict[Label, NDArray[np.float64]] = {}
        for source in sources:
            low = np.isin(classes[source], hard if source is None else worse)
            arrays[source] = random.normal(1.0 if source is None else -0.5, 1.0, n) - 1.5 * low
        scores[judge] = ScoresBySource(arrays=arrays, group_size=group_size)
    labelled = {source: array for source, array in classes.items() if source not in unlabelled}
    return class_figures(contestants, scores, labelled, generators, names)


def with_classes(result: Result, names: Sequence[str] = DIGITS, **options: Any) -> Result:
    """The result with figures by class of its judges on its generators."""
    return replace(result, classes=figures_by_class(result.judges, result.names, names, **options))
