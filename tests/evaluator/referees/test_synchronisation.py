"""Loops of referees call no operation for which the CPU would wait until a GPU has computed.

Seen on the CPU, by the operations that torch dispatches; copies between devices do not show there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from grey_models import Brightness
from tiny_referees import CPU, grains, points, tiny
from torch.utils._python_dispatch import TorchDispatchMode

from gancross import Contestant
from gancross.evaluator.referees.arena import Arena
from gancross.evaluator.referees.cross import NoisyDiscriminator
from gancross.evaluator.referees.halves import sample_set
from gancross.evaluator.referees.ladder import ladder
from gancross.evaluator.referees.protocol import form_of
from gancross.evaluator.referees.scoring import BLOCK, rung_scores
from gancross.evaluator.referees.standing import StandingNetwork
from gancross.evaluator.referees.training import Identity, Material, judge_network, training_snapshots
from gancross.random_streams import Stream

IDENTITY = Identity(seed=0, half=0)
WAITING = {  # with those that torch takes apart, which it does not in inference mode
    f"aten::{name}" for name in (
        "_local_scalar_dense", "item", "is_nonzero", "nonzero", "nonzero_numpy", "argwhere", "masked_select",
        "equal", "_unique2", "unique_dim", "repeat_interleave.Tensor",
    )
}  # fmt: skip


class Waits(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Collects the operations whose result the CPU must know."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.names: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        masks = [part for part in args[1] if part is not None] if func.name() == "aten::index.Tensor" else []
        if func.name() in WAITING or any(mask.dtype == torch.bool for mask in masks):
            self.names.append(func.name())
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize(
    "operation",
    [
        lambda values: values[0].item(), lambda values: float(values[0]), lambda values: values[values > 0],
        lambda values: bool(values.isfinite().all()), lambda values: values.nonzero(),
    ],
)  # fmt: skip
@pytest.mark.parametrize("inference", [False, True])
def test_what_waits_is_seen(operation: Callable[[torch.Tensor], object], inference: bool) -> None:
    with torch.inference_mode(inference), Waits() as waits:
        operation(torch.ones(3))
    assert waits.names


REALS = {"vectors": points(2 * BLOCK + 7), "images": grains(2 * BLOCK + 7)}


@pytest.mark.parametrize("kind", REALS)
def test_a_step_of_training_waits_for_nothing(kind: str) -> None:
    reals = REALS[kind]
    climbed, protocol = ladder(reals), tiny(form_of(reals.shape[1:]), steps=12, batch_size=64)
    rows = np.arange(len(reals))
    both = Material(array=reals, training=rows, validation=rows[:0])
    network = judge_network(tuple(reals.shape[1:]), climbed, protocol, IDENTITY, CPU)
    steps = training_snapshots(
        network, reals=both, samples=both, ladder=climbed, protocol=protocol, identity=IDENTITY, kept=(1, 12)
    )
    next(steps)
    with Waits() as waits:  # eleven steps, in which epochs end
        next(steps)
    assert waits.names == []


@pytest.mark.parametrize("kind", REALS)
def test_a_block_of_scores_waits_for_nothing(kind: str) -> None:
    reals = REALS[kind]
    climbed, protocol = ladder(reals), tiny(form_of(reals.shape[1:]))
    judge = judge_network(tuple(reals.shape[1:]), climbed, protocol, IDENTITY, CPU).eval()
    arena = Arena(reals=sample_set(reals), ladder=climbed, protocol=protocol, size=20, seed=0, device=CPU)
    contestant = Contestant(name="x", samples=reals, discriminator=Brightness(0.0))
    judges = [
        judge, StandingNetwork(judge, own=climbed, present=ladder(reals[:50])),
        NoisyDiscriminator(contestant, arena),
    ]  # fmt: skip
    for network in judges:
        with Waits() as waits:
            rung_scores(
                [network], reals, np.arange(len(reals)), climbed, rung=3, stream=Stream(0, "x"), device=CPU
            )
        assert waits.names == []
