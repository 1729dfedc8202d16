"""Seconds and ratios on one device, beside what counting floating-point operations makes one expect."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from fresh_referees import arena_and_sets, trained_anew
from speed import crosstest as crosstests
from speed.referees import random_samples
from speed.steps import SHAPES, Steps, with_compiled_gradient
from speed.timing import Spread
from torch_fidelity import FeatureExtractorInceptionV3

from gancross.evaluator.fidelity.device_moments import moments_on
from gancross.evaluator.fidelity.extractor import INCEPTION, extractor_for, load_extractor
from gancross.evaluator.fidelity.features import Collected
from gancross.evaluator.fidelity.frechet import frechet_distance
from gancross.evaluator.referees.protocol import BUDGETS, form_of
from gancross.evaluator.referees.training import judge_network
from gancross.evaluator.referees.work import tasks_of
from gancross.machine.devices import Fetched, moved
from gancross.trainer.recipes.fields import Setting
from gancross.trainer.recipes.recipe import Recipe
from gancross.trainer.run.threads import OperationCounter
from gancross.workflow.plan import estimated_work
from gpu_rows.size import Size

BATCH = 500  # images whose features are computed at a time
MOST_STEPS = 200  # of a recipe in one figure
REPLAYS = 4  # a CUDA graph is recorded at the second call


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table: seconds or a ratio with quartiles, what FLOP make one expect, and the FLOP.

    Attributes:
        rounds: that were counted; 0: the time was over after the first, which warms up, and it stands here.
    """

    work: str
    unit: str
    measured: Spread
    rounds: int
    expected: float
    flop: float


class Bench:
    """The measurements of one size on one device.

    Args:
        left: seconds until no further round is begun.
    """

    def __init__(self, device: torch.device, size: Size, left: Callable[[], float]) -> None:
        self.device, self.size, self._left = device, size, left
        self.rate = self._rate()

    def training(self, chosen: Recipe, changes: dict[str, Setting]) -> Row:
        """A step with the recipe's regularizer / one without."""
        plain = chosen.with_changes({"regularizer": "none"})
        work, work_plain = _step_flop(chosen), _step_flop(plain)
        runs = {name: Steps(each, device=self.device) for name, each in (("", chosen), ("plain", plain))}
        times, rounds = self._turns(self._several(runs, work), self.size.rounds)
        return Row(
            work=f"`{_named(chosen, changes)}`: a step of training, regularized / not", unit="",
            measured=_ratios(times, "", "plain"), rounds=rounds, expected=work / work_plain, flop=work,
        )  # fmt: skip

    def layout(self, chosen: Recipe, changes: dict[str, Setting]) -> Row:
        """A step of channels-last networks and images / one of contiguous ones."""
        work = _step_flop(chosen)
        runs = {
            name: Steps(chosen, device=self.device, channels_last=bool(name))
            for name in ("", "channels-last")
        }
        times, rounds = self._turns(self._several(runs, work), self.size.rounds)
        return Row(
            work=f"`{_named(chosen, changes)}`: a step of training, channels-last / contiguous", unit="",
            measured=_ratios(times, "channels-last", ""), rounds=rounds, expected=1.0, flop=work,
        )  # fmt: skip

    def compiled(self, chosen: Recipe, changes: dict[str, Setting]) -> list[Row]:
        """A step whose gradient of D is compiled, and one that replays it as a CUDA graph / an eager one.

        Raises:
            RuntimeError: it cannot be compiled, or has another gradient.
        """
        work, eager = _step_flop(chosen), Steps(chosen, device=self.device)
        runs = {"": eager}
        for name, graphs in (("compiled", False), ("compiled with CUDA graphs", True)):
            runs[name] = with_compiled_gradient(Steps(chosen, device=self.device), graphs=graphs)
            if runs[name].players.route.compiled is None:
                raise RuntimeError(f"{name}: there is no working compiler")
            for _ in range(REPLAYS):  # the weights stay
                _compare_gradients(eager, runs[name], name)
        times, rounds = self._turns(self._several(runs, work), self.size.rounds)
        return [
            Row(
                work=f"`{_named(chosen, changes)}`: a step of training, {name} / eager", unit="",
                measured=_ratios(times, name, ""), rounds=rounds, expected=1.0, flop=work,
            ) for name in runs if name
        ]  # fmt: skip

    def _several(self, runs: dict[str, Steps], flop: float) -> dict[str, Callable[[], object]]:
        """So many steps of each that they are some work."""
        steps = min(MOST_STEPS, max(2, round(self.size.flop / flop)))

        def in_a_row(run: Steps) -> None:
            for _ in range(steps):
                run.whole()

        return {name: partial(in_a_row, run) for name, run in runs.items()}

    def cross_test(self) -> Row:
        """Two pairs on random images, from the contestants to the record."""
        size = self.size
        models = crosstests.contestants(2, width=size.width)
        reals = crosstests.random_images(size.num_samples)
        pairs = [crosstests.networks(model) for model in models]
        one = torch.zeros(1, *crosstests.SAMPLE)
        latent = torch.zeros(1, crosstests.LATENT)
        with torch.no_grad(), OperationCounter() as counter:
            for generator, judge in pairs:
                generator.eval()(latent)
                for _ in range(1 + len(pairs)):  # the data and every generator's samples
                    judge.eval()(one)
        flop = counter.flop * size.num_samples
        test = crosstests.product(models, reals, size.num_samples, device=str(self.device))
        return self._seconds(
            f"cross-test of two width-{size.width} `dcgan32`, n = {size.num_samples:,}", test, flop
        )

    def fid(self) -> Row:
        """Features of images, their mean and covariance, the Fréchet distance of two sets of them."""
        size = self.size
        name = extractor_for(size.image_shape)
        with TemporaryDirectory() as folder:
            weights = random_inception(Path(folder)) if name == INCEPTION else None
            extractor = load_extractor(name, shape=size.image_shape, weights=weights, device=self.device)
        images = torch.randint(
            0, 256, (size.images, *size.image_shape), dtype=torch.uint8,
            generator=torch.Generator().manual_seed(0),
        )  # fmt: skip
        with torch.no_grad(), OperationCounter() as counter:
            extractor.apply(images[:1].to(self.device))

        def distance() -> None:
            source = Collected(
                who="images", n=size.images, dimension=extractor.dimension, file=None, classifier_score=None,
                moments=moments_on(self.device, extractor.dimension),
            )  # fmt: skip
            before: Fetched | None = None
            with torch.no_grad():
                for batch in torch.split(images, BATCH):
                    features, _ = extractor.apply(moved(batch, self.device))
                    columns = Fetched(source.columns_for_cpu(features))
                    if before is not None:  # the device computes the next ones meanwhile
                        source.add(before.result())
                    before = columns
            assert before is not None
            source.add(before.result())
            statistics = source.statistics()
            frechet_distance(fake=statistics, real=statistics)

        work = f"Fréchet distance of {size.images:,} images, {extractor.dimension} features of `{name}`"
        return self._seconds(work, distance, counter.flop * size.images)

    def referees(self, shape: tuple[int, ...]) -> Row:
        """All referees of one contestant: training, choice of snapshots, scores."""
        size, protocol = self.size, BUDGETS["quick"][form_of(shape)]
        if size.referee_steps is not None:
            protocol = replace(protocol, steps=size.referee_steps, seeds=1)
        reals, samples = (random_samples(shape, size.referee_samples, seed) for seed in (0, 1))
        arena, sets = arena_and_sets(reals, {"contestant": samples}, protocol, device=self.device)
        network = judge_network(
            shape, arena.ladder, protocol, arena.identities[0], torch.device("cpu")
        ).eval()
        with torch.no_grad(), OperationCounter() as counter:
            network(network.inputs(arena.ladder.inputs(arena.reals.array[:1]), torch.ones(1)))
        places = [("contestant", identity) for identity in arena.identities]
        efforts = [task.effort for task in tasks_of(places, sets, arena)]
        # A step passes reals and samples forwards and, at twice the work, backwards.
        passes = sum(effort.steps * effort.batch_size * 2 * 3 + effort.scores for effort in efforts)
        work = f"a contestant's {len(places)} referees, `quick`, samples of {'×'.join(map(str, shape))}"
        work += f", n = {size.referee_samples:,}"
        return self._seconds(work, lambda: trained_anew(sets, arena), counter.flop * passes)

    def _seconds(self, work: str, variant: Callable[[], object], flop: float) -> Row:
        times, rounds = self._turns({"": variant}, self.size.repeats)
        return Row(
            work=work, unit="s", measured=Spread.of(times[""]), rounds=rounds, expected=flop / self.rate,
            flop=flop,
        )  # fmt: skip

    def _turns(
        self, variants: dict[str, Callable[[], object]], rounds: int
    ) -> tuple[dict[str, list[float]], int]:
        """Seconds of every variant in every round after one that is not counted; the order alternates.

        No round is begun that is not expected to end in time. Where the first is the only one it counts,
        and their number is 0.
        """
        times: dict[str, list[float]] = {name: [] for name in variants}
        done = 0
        while done <= rounds and (not done or self._left() > sum(each[-1] for each in times.values())):
            for name in list(variants)[:: -1 if done % 2 else 1]:
                times[name].append(self._spent(variants[name]))
            done += 1
        counted = {name: each[1:] or each for name, each in times.items()}
        return counted, done - 1

    def _spent(self, variant: Callable[[], object]) -> float:
        self._wait()
        started = time.perf_counter()
        variant()
        self._wait()
        return time.perf_counter() - started

    def _wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def _rate(self) -> float:
        """FLOP a second of a product of two matrices, the best of ten."""
        side = self.size.side
        left, right = torch.randn(2, side, side, device=self.device)
        return 2 * side**3 / min(self._spent(lambda: left @ right) for _ in range(10))


def _step_flop(chosen: Recipe) -> float:
    return estimated_work(chosen, shape=SHAPES[chosen.data]).step_flop


def _named(chosen: Recipe, changes: dict[str, Setting]) -> str:
    return " ".join([chosen.name, *(f"{key}={value}" for key, value in changes.items())])


def _ratios(times: dict[str, list[float]], numerator: str, denominator: str) -> Spread:
    return Spread.of([over / under for over, under in zip(times[numerator], times[denominator], strict=True)])


def _compare_gradients(eager: Steps, other: Steps, name: str) -> None:
    """Those of D at the same weights."""
    both = []
    for run in (eager, other):
        run.gradient()
        both.append([each.grad for each in run.players.discriminator.parameters() if each.grad is not None])
    for expected, found in zip(*both, strict=True):
        if not torch.allclose(found, expected, rtol=1e-3, atol=1e-4 * float(expected.abs().max())):
            raise RuntimeError(f"{name}: a gradient of D is not that of the eager step")


def random_inception(folder: Path) -> Path:
    """A weights file of torch-fidelity's Inception with random weights."""

    class Untrained(FeatureExtractorInceptionV3):  # type: ignore[misc]
        def load_state_dict(self, state: Any, strict: bool = True, assign: bool = False) -> None:
            """Keeps the initial weights."""

    empty = BytesIO()
    torch.save({}, empty)
    empty.seek(0)
    network = Untrained("inception-v3-compat", ["2048"], feature_extractor_weights_path=empty)
    path = folder / "weights.pth"
    torch.save(network.state_dict(), path)
    return path
