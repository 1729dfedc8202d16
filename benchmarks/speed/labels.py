"""What labels cost: a cross-test of two conditional `projection32` beside the same networks without labels.

The networks are those of width 16, untrained, and the test images are random bytes: neither moves a time. The
same without labels: the same networks under the label 0, which contestants without labels give themselves, so
that they compute as much. The bare loop has latents, labels and reals ready, and keeps nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import nn

from gancross.checkpoint.contestant import Contestant
from gancross.evaluator.classes.figures import class_figures
from gancross.evaluator.crosstest import crosstest
from gancross.evaluator.judging.sampling import Label
from gancross.evaluator.judging.scores import ScoresBySource
from gancross.evaluator.judging.scoring import evaluating
from gancross.evaluator.protocol import CHUNK
from speed.crosstest import CPU, LATENT, contestants, networks, random_images
from speed.timing import Row, interleaved, record

N = 4_000
WIDTH = 16
CLASSES = 10
ROUNDS = 3
MOST, MOST_BY_CLASS = 1.10, 0.05


class UnderLabelZero(nn.Module):
    """A conditional network as one without labels: every input has the label 0."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        outputs: torch.Tensor = self.network(inputs, inputs.new_zeros(len(inputs), dtype=torch.int64))
        return outputs


def conditional(count: int) -> list[Contestant]:
    """Untrained pairs of different weights, which take labels."""
    return contestants(count, width=WIDTH, network="projection32", num_classes=CLASSES)


def without_labels(model: Contestant) -> Contestant:
    """The same networks under the label 0."""
    generator, judge = (UnderLabelZero(network) for network in networks(model))
    return replace(model, generator=generator, discriminator=judge, num_classes=None, judge_labels=None)


def random_labels(n: int) -> torch.Tensor:
    """int64 (n,)."""
    return torch.randint(0, CLASSES, (n,), generator=torch.Generator().manual_seed(0))


def product(
    models: Sequence[Contestant], reals: torch.Tensor, labels: torch.Tensor | None, n: int
) -> Callable[[], object]:
    """The cross-test, from contestants to the record, in one norm mode without controls."""
    return lambda: crosstest(
        models, data=reals, data_labels=labels, num_samples=n, controls=False, norm_check=False, device="cpu"
    )


def bare(models: Sequence[Contestant], reals: torch.Tensor, n: int) -> Callable[[], object]:
    """The forward passes alone: each generator once, each judge on all of them and the data."""
    latents = torch.rand((CHUNK, LATENT), generator=torch.Generator().manual_seed(0))
    images, labels = reals[:CHUNK] / 127.5 - 1, random_labels(CHUNK)
    pairs = [networks(model) for model in models]

    def run() -> None:
        with evaluating([network for pair in pairs for network in pair], CPU):
            for _ in range(-(-n // CHUNK)):
                for generator, _ in pairs:
                    samples = generator(latents, labels)
                    for _, judge in pairs:
                        judge(samples, labels)
            for _ in range(-(-len(reals) // CHUNK)):
                for _, judge in pairs:
                    judge(images, labels[: len(images)])

    return run


def by_class(models: Sequence[Contestant], n: int) -> Callable[[], object]:
    """All figures by class, of scores that are drawn."""
    generator = np.random.default_rng(0)
    names = [model.name for model in models]
    sources: list[Label] = [None, *names]
    classes = {source: generator.integers(0, CLASSES, n) for source in sources}
    scores = {
        model.name: ScoresBySource(arrays={source: generator.normal(size=n) for source in sources})
        for model in models
    }
    return lambda: class_figures(models, scores, classes, names, [str(number) for number in range(CLASSES)])


def rows() -> list[Row]:
    """At one thread."""
    models, reals = conditional(2), random_images(N)
    variants = {
        "labels": product(models, reals, random_labels(N), N),
        "no labels": product([without_labels(model) for model in models], reals, None, N),
        "bare loop": bare(models, reals, N),
        "by class": by_class(models, N),
    }
    product(models, reals[:CHUNK], random_labels(CHUNK), CHUNK)()  # imports are not its cost
    times = interleaved(variants, rounds=ROUNDS, threads=1, warmup=0, share=0.85)
    work = f"cross-test of two conditional width-{WIDTH} `projection32`, n = {N:,}"
    return [
        times.row(f"{work} / the same without labels", "labels", "no labels", goal=MOST),
        times.row(
            f"{work} / bare loop of its forward passes", "labels", "bare loop", predicted=1.0, goal=MOST
        ),
        times.row(
            f"figures by class of a pair, {CLASSES} classes, n = {N:,} / its cross-test",
            "by class", "labels", goal=MOST_BY_CLASS,
        ),
    ]  # fmt: skip


if __name__ == "__main__":
    record("labels", rows)
