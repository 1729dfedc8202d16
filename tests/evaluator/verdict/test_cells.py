"""Cells and pairs in threads: the same figures, errors and warnings whatever their number."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import pytest
from torch import nn

from gancross import Contestant
from gancross.evaluator.judging.scores import Scores, ScoresBySource
from gancross.evaluator.protocol import NORMS, Protocol
from gancross.evaluator.verdict.cells import Cells, all_cells, all_pairs
from gancross.evaluator.verdict.figures import Cell, CellScores, computed_cell
from gancross.evaluator.verdict.halving import Halving
from gancross.evaluator.verdict.pairs import Pair
from gancross.machine.crew import crew

NAMES = ("a", "b", "c")
N = 240
COMPUTED = "gancross.evaluator.verdict.cells.computed_cell"


def contestants(names: Sequence[str] = NAMES) -> list[Contestant]:
    return [
        Contestant(name=name, generator=nn.Linear(2, 2), discriminator=nn.Linear(2, 1), latent_dim=2)
        for name in names
    ]


def scores() -> Scores:
    """Of judges with batch norm, in groups of 4 where batches normalise."""
    random = np.random.default_rng(0)
    return Scores(
        by_norm={
            norm: {
                judge: ScoresBySource(
                    arrays={source: random.normal(source is None, 1, N) for source in (None, *NAMES)},
                    group_size=size,
                ) for judge in NAMES
            } for norm, size in zip(NORMS, (1, 4), strict=True)
        },
        clipped={}, batch_normalised=frozenset(NAMES),
    )  # fmt: skip


def figures(size: int, names: Sequence[str] = NAMES) -> tuple[Cells, tuple[Pair, ...]]:
    models, judged = contestants(names), scores()
    protocol = Protocol(num_samples=N)
    with crew(size) as workers:
        halving = Halving(np.arange(N), seed=0, group_sizes=(1, 4), workers=workers)
        cells = all_cells(models, judged, norm="eval", halving=halving, seed=0, workers=workers)
        return cells, all_pairs(models, judged, cells, halving, protocol, workers)


def test_threads_give_the_figures_of_one_in_the_same_order() -> None:
    alone = figures(1)
    assert list(alone[0]) == [(judge, generator) for judge in NAMES for generator in NAMES]
    for size in (2, 3):
        threads = figures(size)
        assert list(threads[0].items()) == list(alone[0].items())
        assert threads[1] == alone[1]


def test_the_order_of_contestants_changes_no_cell() -> None:
    forth, back = figures(2)[0], figures(2, NAMES[::-1])[0]
    assert list(forth) != list(back)
    assert dict(forth) == dict(back)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_the_first_error_in_the_order_of_the_cells_is_raised_and_warnings_reach_the_caller(
    size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(evidence: CellScores) -> Cell:
        if evidence.judge.name == "b":
            raise FloatingPointError(f"{evidence.judge.name} on {evidence.generator}")
        warnings.warn(f"{evidence.judge.name} on {evidence.generator}", RuntimeWarning, stacklevel=1)
        return computed_cell(evidence)

    monkeypatch.setattr(COMPUTED, failing)
    with warnings.catch_warnings(record=True, action="always") as caught:  # noqa: SIM117
        with pytest.raises(FloatingPointError, match=r"^b on a$"):
            figures(size)
    of_a = [str(each.message) for each in caught if str(each.message).startswith("a ")]
    assert sorted(of_a) == ["a on a", "a on b", "a on c"]


def test_an_interrupt_between_cells_ends_after_those_that_were_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[str] = []

    def counted(evidence: CellScores) -> Cell:
        begun.append(evidence.generator)
        if evidence.judge.name == evidence.generator == "a":
            raise KeyboardInterrupt
        return computed_cell(evidence)

    monkeypatch.setattr(COMPUTED, counted)
    with pytest.raises(KeyboardInterrupt):
        figures(2)
    assert len(begun) < len(NAMES) ** 2
