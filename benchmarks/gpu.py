"""How long things take on a GPU: training ratios, a cross-test, FID of 50,000 images, referees; ten minutes.

    python benchmarks/gpu.py                              on CUDA; writes results/gpu.json, prints a table
    python benchmarks/gpu.py --device cpu --small --out /tmp/gpu.json      the same code in a moment

Beside every figure stands what counting floating-point operations of convolutions and matrix products
expects: of a ratio their ratio; of seconds the time in which this device multiplies matrices with as many
operations, in float32 without TF32, as gancross computes. Weights and images are random, which moves no time.
Variants take turns; a ratio is the median over rounds of the ratio within one round.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from environment import machine, versions
from fresh_referees import arena_and_sets, trained_anew
from speed import crosstest as crosstests
from speed.referees import random_samples
from speed.steps import SHAPES, Steps
from speed.timing import Spread
from torch_fidelity import FeatureExtractorInceptionV3

from gancross.errors import GancrossError
from gancross.evaluator.fidelity.extractor import INCEPTION, extractor_for, load_extractor
from gancross.evaluator.fidelity.frechet import Moments, frechet_distance
from gancross.evaluator.referees.protocol import BUDGETS, form_of
from gancross.evaluator.referees.training import judge_network
from gancross.evaluator.referees.work import tasks_of
from gancross.machine.devices import full_precision, resolve_device
from gancross.trainer.recipes.fields import Setting
from gancross.trainer.recipes.named_recipes import recipe
from gancross.trainer.recipes.recipe import Recipe
from gancross.trainer.run.threads import OperationCounter
from gancross.workflow.plan import estimated_work

RESULT = Path(__file__).parent / "results" / "gpu.json"
BATCH = 500  # images whose features are computed at a time


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much is measured.

    Attributes:
        recipes: with changes to them.
        rounds, repeats: of ratios, of seconds.
        flop: of a recipe's steps in one figure, about.
        width, num_samples: of the cross-test's networks and its samples.
        images, image_shape: of FID.
        referees: shapes of samples.
        referee_samples, referee_steps: None: those of the quick budget.
        side: of the matrices whose product is the device's rate.
    """

    recipes: tuple[tuple[str, dict[str, Setting]], ...]
    rounds: int
    repeats: int
    flop: float
    width: int
    num_samples: int
    images: int
    image_shape: tuple[int, int, int]
    referees: tuple[tuple[int, ...], ...]
    referee_samples: int
    referee_steps: int | None
    side: int


FULL = Size(
    recipes=(
        ("mixture", {}), ("cifar10-dcgan", {}), ("cifar10-dcgan", {"normalization": "none"}),
        ("lsun-dcgan", {}), ("lsun-resnet", {}),
    ),
    rounds=5, repeats=2, flop=2e13, width=64, num_samples=10_000, images=50_000, image_shape=(3, 32, 32),
    referees=((3,), (1, 8, 8), (3, 32, 32)), referee_samples=10_000, referee_steps=None, side=8192,
)  # fmt: skip
SMALL = Size(
    recipes=(("mixture", {"width": 8, "batch_size": 32}), ("cifar10-dcgan", {"width": 2, "batch_size": 8})),
    rounds=1, repeats=1, flop=1e6, width=2, num_samples=20, images=60, image_shape=(1, 8, 8),
    referees=((3,),), referee_samples=60, referee_steps=5, side=64,
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table: seconds or a ratio with quartiles, what FLOP make one expect, and the FLOP."""

    work: str
    unit: str
    measured: Spread
    expected: float
    flop: float


class Bench:
    """The measurements of one size on one device."""

    def __init__(self, device: torch.device, size: Size) -> None:
        self.device, self.size = device, size
        self.rate = self._rate()

    def rows(self) -> Iterator[Row]:
        """All of them, as they are done."""
        for name, changes in self.size.recipes:
            yield self.training(recipe(name).with_changes(changes), changes)
        yield self.cross_test()
        yield self.fid()
        for shape in self.size.referees:
            yield self.referees(shape)

    def training(self, chosen: Recipe, changes: dict[str, Setting]) -> Row:
        """A step with the recipe's regularizer / one without."""
        variants = {"regularized": chosen, "plain": chosen.with_changes({"regularizer": "none"})}
        work = {
            name: estimated_work(each, shape=SHAPES[each.data]).step_flop for name, each in variants.items()
        }
        steps = min(200, max(2, round(self.size.flop / work["regularized"])))
        runs = {name: Steps(each, device=self.device) for name, each in variants.items()}

        def several(run: Steps) -> Callable[[], object]:
            def steps_in_a_row() -> None:
                for _ in range(steps):
                    run.whole()

            return steps_in_a_row

        times = self._turns({name: several(run) for name, run in runs.items()}, self.size.rounds)
        ratios = [over / under for over, under in zip(times["regularized"], times["plain"], strict=True)]
        named = " ".join([chosen.name, *(f"{key}={value}" for key, value in changes.items())])
        return Row(
            work=f"`{named}`: a step of training, regularized / not", unit="", measured=Spread.of(ratios),
            expected=work["regularized"] / work["plain"], flop=work["regularized"],
        )  # fmt: skip

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
            moments = Moments(extractor.dimension)
            with torch.no_grad():
                for batch in torch.split(images, BATCH):
                    features, _ = extractor.apply(batch.to(self.device))
                    moments.add(features.cpu().numpy())
            statistics = moments.statistics()
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
        (times,) = self._turns({"": variant}, self.size.repeats).values()
        return Row(work=work, unit="s", measured=Spread.of(times), expected=flop / self.rate, flop=flop)

    def _turns(self, variants: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
        """Seconds of every variant in every round after one that is not counted; the order alternates."""
        times: dict[str, list[float]] = {name: [] for name in variants}
        for number in range(-1, rounds):
            for name in list(variants)[:: 1 if number % 2 else -1]:
                seconds = self._spent(variants[name])
                if number >= 0:
                    times[name].append(seconds)
        return times

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


def table(rows: Sequence[Row]) -> str:
    """The rows as Markdown."""
    lines = ["| work | measured [quartiles] | expected from FLOP |", "|---|---|---|"]
    for row in rows:
        unit, spread = f" {row.unit}" if row.unit else "", row.measured
        measured = f"{spread.median:.3g}{unit} [{spread.low:.3g}, {spread.high:.3g}]"
        lines.append(f"| {row.work} | {measured} | {row.expected:.3g}{unit} |")
    return "\n".join(lines)


@contextmanager
def one_line() -> Iterator[None]:
    """Inside, an error of gancross ends the program with its exit code and one line."""
    try:
        yield
    except GancrossError as error:
        print(f"Error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--small", action="store_true", help="a small form of everything, for tests")
    parser.add_argument("--out", type=Path, default=RESULT)
    options = parser.parse_args(arguments)
    with one_line():
        device = resolve_device(options.device)
        rows = list[Row]()
        with full_precision():
            bench = Bench(device, SMALL if options.small else FULL)
            for row in bench.rows():
                rows.append(row)
                print(f"{row.work}: {row.measured.median:.3g} {row.unit}", file=sys.stderr, flush=True)
        name = torch.cuda.get_device_name(device) if device.type == "cuda" else str(device)
        document = {
            "rows": [asdict(row) for row in rows], "device": name, "flop_per_second": bench.rate,
            "rounds": bench.size.rounds, "repeats": bench.size.repeats, "small": options.small,
            "machine": machine(),
            "versions": versions("torch", "numpy", "scipy") | {"cuda": str(torch.version.cuda)},
            "date": datetime.now(UTC).date().isoformat(),
        }  # fmt: skip
        options.out.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        print(table(rows))


if __name__ == "__main__":
    main()
