"""Whether the CPU waits for a GPU inside the loops that must not wait, by torch's own watch on CUDA.

    training      steps of every kind: closed form, double backward, slope penalty, augmentation, labels
    penalties     batches of a training loop of somebody's own, after the first
    samples       chunks of one generator, as pictures and referees draw them
    cross-test    chunks of every source with two judges, in both modes of batch norm
    referees      steps of training, and blocks of scores

A loop is watched between its first report of progress and its last, so that what it reads at its end, and
what it makes once, is left out. `tests/support/simulated_gpu.py` looks at the same places on any machine.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from speed import crosstest as crosstests
from speed.referees import random_samples

import gancross
from gancross.errors import first_line
from gancross.evaluator.crosstest import crosstest
from gancross.evaluator.judging.scoring import canonical_samples
from gancross.evaluator.referees.judge import ImageJudge, VectorJudge
from gancross.evaluator.referees.ladder import Ladder, ladder
from gancross.evaluator.referees.parts import Meter
from gancross.evaluator.referees.protocol import BUDGETS, RefereeProtocol, form_of
from gancross.evaluator.referees.scoring import BLOCK, rung_scores
from gancross.evaluator.referees.training import Identity, Material, judge_network, training_snapshots
from gancross.machine.devices import moved
from gancross.penalties import backward
from gancross.random_streams import Stream
from gancross.trainer.loop import train
from gancross.trainer.recipes.fields import Setting
from gancross.trainer.recipes.named_recipes import recipe

STEPS = 8  # ADA changes its probability after every fourth
CHUNK, CHUNKS = 20, 4
TINY: dict[str, Setting] = {"batch_size": 16, "steps": STEPS}
# On data that every installation of gancross has.
RECIPES: Mapping[str, tuple[str, dict[str, Setting]]] = {
    "Ω_JS in closed form": ("mixture", {}),
    "WGAN-GP": ("mixture", {"objective": "wgan-gp"}),
    "regularized generator": ("mixture", {"regularize_generator": True}),
    "batch norm, ADA": ("digits", {"augment": "ada", "augment_policy": "bgc"}),
    "R3GAN, averages": ("digits-r3gan", {}),
    "labels, projection": ("digits-projection", {}),
    "AC-GAN": ("digits-acgan", {}),
}
SHAPES = {"vectors": (3,), "images": (1, 8, 8)}
IDENTITY = Identity(seed=0, half=0)
PACKAGE = Path(gancross.__file__).parent
Watch = Callable[[bool], None]  # whether a wait is an error from now on


@dataclass(frozen=True, kw_only=True)
class Waits:
    """Of one loop.

    Attributes:
        where: the first wait, or why the loop failed: its line of gancross and torch's words; empty if it did
            not.
        seen: whether anybody looked, which torch does on CUDA alone.
    """

    loop: str
    where: str
    seen: bool


class Watched:
    """As `progress`: watches from the first report of a stage until `before_end` before its last."""

    def __init__(self, watch: Watch, *, before_end: int = 0) -> None:
        self._watch, self._before_end = watch, before_end

    def __call__(self, stage: str, done: int, total: int) -> None:
        self._watch(done < total - self._before_end)


class WatchedScores(Meter):
    """Watches from the first block of scores until the last."""

    def __init__(self, watch: Watch, blocks: int) -> None:
        super().__init__()
        self._watch, self._left = watch, blocks

    def scored(self, scores: int) -> None:
        """A block of scores is computed, or soon will be."""
        self._left -= 1
        self._watch(self._left > 0)


def cuda_watch(device: torch.device) -> Watch:
    """torch's: a wait raises `RuntimeError`. On other devices there is none."""
    if device.type != "cuda":
        return lambda strict: None
    return lambda strict: torch.cuda.set_sync_debug_mode("error" if strict else "default")


def loops(device: torch.device) -> Mapping[str, Callable[[Watch], None]]:
    """The loops by name."""
    return {
        **{f"training: {name}": partial(_training, name, device) for name in RECIPES},
        "penalties: batches": partial(_penalties, device),
        "samples: chunks": partial(_samples, device),
        "cross-test: chunks": partial(_cross_test, device),
        **{
            f"referees: steps, {kind}": partial(_referee_steps, shape, device)
            for kind, shape in SHAPES.items()
        },
        **{
            f"referees: scores, {kind}": partial(_referee_scores, shape, device)
            for kind, shape in SHAPES.items()
        },
    }


def waits(device: torch.device, watch: Watch | None = None) -> Iterator[Waits]:
    """What each loop does.

    Args:
        watch: None: torch's.
    """
    seen = watch is not None or device.type == "cuda"
    watch = cuda_watch(device) if watch is None else watch
    for name, loop in loops(device).items():
        where = ""
        try:
            loop(watch)
        except Exception as error:  # whatever a driver or a kernel raises; other loops follow
            where = f"{_place(error)}: {first_line(error)}"
        finally:
            watch(False)
        yield Waits(loop=name, where=where, seen=seen)


def _place(error: BaseException) -> str:
    """The innermost line of gancross in the traceback of the first cause."""
    while error.__cause__ is not None:
        error = error.__cause__
    frames = [
        frame for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).is_relative_to(PACKAGE)
    ]  # fmt: skip
    return f"{Path(frames[-1].filename).relative_to(PACKAGE)}:{frames[-1].lineno}" if frames else "elsewhere"


def _training(name: str, device: torch.device, watch: Watch) -> None:
    base, changes = RECIPES[name]
    watched = Watched(watch, before_end=1)  # the last step is logged and saved
    with TemporaryDirectory() as folder:
        train(
            recipe(base).with_changes(TINY | changes), folder, device=str(device), log_every=STEPS,
            checkpoint_every=STEPS, progress=lambda step, steps, figures: watched("training", step, steps),
        )  # fmt: skip


def _cross_test(device: torch.device, watch: Watch) -> None:
    n = CHUNK * CHUNKS
    crosstest(
        crosstests.contestants(2, width=4), data=crosstests.random_images(n), num_samples=n, chunk=CHUNK,
        controls=False, referees="none", device=str(device), progress=Watched(watch),
    )  # fmt: skip


def _penalties(device: torch.device, watch: Watch) -> None:
    (model,) = crosstests.contestants(1, width=4)
    judge = crosstests.networks(model)[1].to(device).train()
    real, fake = (moved(torch.rand(8, *crosstests.SAMPLE), device) for _ in range(2))
    for _ in range(3):  # the first batch is compared with double backward
        backward(judge, real=real, fake=fake, gamma=0.1)
        watch(True)


def _samples(device: torch.device, watch: Watch) -> None:
    (model,) = crosstests.contestants(1, width=4)
    watched = Watched(watch)
    canonical_samples(
        model, num_samples=CHUNK * CHUNKS, chunk=CHUNK, device=device,
        progress=lambda done, total: watched("samples", done, total),
    )  # fmt: skip


def _referee_steps(shape: tuple[int, ...], device: torch.device, watch: Watch) -> None:
    steps = _referee(shape, device).steps()
    next(steps)
    watch(True)
    next(steps)


def _referee_scores(shape: tuple[int, ...], device: torch.device, watch: Watch) -> None:
    referee = _referee(shape, device)
    rows = np.arange(len(referee.samples))
    rung_scores(
        [referee.network.eval()], referee.samples, rows, referee.ladder, rung=3, stream=Stream(0, "waits"),
        device=device, meter=WatchedScores(watch, -(-len(rows) // BLOCK)),
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class _Referee:
    """One of the quick budget, and samples on its device, which are real and generated ones at once."""

    network: ImageJudge | VectorJudge
    samples: torch.Tensor
    ladder: Ladder
    protocol: RefereeProtocol

    def steps(self) -> Iterator[object]:
        """Goes on from the first step to the last."""
        rows = np.arange(len(self.samples))
        both = Material(array=self.samples, training=rows, validation=rows[:0])
        return training_snapshots(
            self.network, reals=both, samples=both, ladder=self.ladder, protocol=self.protocol,
            identity=IDENTITY, kept=(1, STEPS),
        )  # fmt: skip


def _referee(shape: tuple[int, ...], device: torch.device) -> _Referee:
    samples = random_samples(shape, 2 * BLOCK + 7, 0)
    climbed, protocol = ladder(samples), replace(BUDGETS["quick"][form_of(shape)], steps=STEPS)
    return _Referee(
        network=judge_network(shape, climbed, protocol, IDENTITY, device), samples=moved(samples, device),
        ladder=climbed, protocol=protocol,
    )  # fmt: skip
