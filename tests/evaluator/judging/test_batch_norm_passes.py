"""Judges with batch norm: running averages against the statistics of their training batches."""

from __future__ import annotations

import torch
from grey_models import REALS, BlackOrWhite, Brightness, ConstantGrey, NormalizedBrightness, model

from gancross import crosstest
from gancross.data.order import content_order
from gancross.evaluator.estimates import Missing
from gancross.evaluator.judging.figures import ConfusionMatrix
from gancross.random_streams import Stream


def test_batch_statistics_are_those_of_groups_in_order_with_wrap_around() -> None:
    """Against a slow reading of the protocol, with 10 reals in groups of 4: 4, 4, and 2 + the first 2."""
    judge = NormalizedBrightness()
    contestant = model("normalized", BlackOrWhite(0.5), judge, batch_size=4)
    result = crosstest([contestant], data=REALS, num_samples=30, norm="batch")
    order = content_order(REALS, stream=Stream(0, "order", "test"))
    images = REALS[torch.from_numpy(order.index)].float() * (2 / 255) - 1
    expected = []
    for start in (0, 4, 8):
        index = [(start + k) % 10 for k in range(4)]
        group = images[index]
        normal = (group - group.mean()) / (group.var(correction=0) + 1e-5).sqrt()
        expected += normal.flatten(1).mean(1)[: min(4, 10 - start)].tolist()
    fn = sum(score <= 0 for score in expected)
    matrix, moves = result.confusion["normalized"], result.batch_norm["normalized"]
    assert isinstance(matrix, ConfusionMatrix) and not isinstance(moves, Missing)
    assert matrix.fn.count == fn
    assert moves.modes.batch.fn.count == fn
    running = (images.flatten(1).mean(1) - 0.25) / 0.5**0.5
    assert moves.modes.eval.fn.count == int((running <= 0).sum())
    assert judge.norm.running_mean is not None and float(judge.norm.running_mean) == 0.25
    assert judge.norm.num_batches_tracked is not None and int(judge.norm.num_batches_tracked) == 0


def test_both_modes_are_compared_flagged_and_needed() -> None:
    # A batch of nothing but white looks average to itself.
    pair = [
        model("normalized", ConstantGrey(1.0), NormalizedBrightness()),
        model("plain", ConstantGrey(-1.0), Brightness(0.0)),
    ]
    checked = crosstest(pair, data=REALS, num_samples=600)
    moves = checked.batch_norm["normalized"]
    assert not isinstance(moves, Missing) and moves.flagged
    assert any("'normalized': a rate moves by" in flag for flag in checked.flags)
    assert isinstance(checked.batch_norm["plain"], Missing)
    unchecked = crosstest(pair, data=REALS, num_samples=600, norm_check=False)
    assert unchecked.verdict.discriminator.winner is None
    skipped = unchecked.batch_norm["normalized"]
    assert isinstance(skipped, Missing) and "batch-norm modes not compared" in skipped.reason
