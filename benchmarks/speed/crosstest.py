"""What a cross-test costs beside its forward passes: two width-16 `dcgan32`, 10,000 samples each.

Networks are freshly initialised and the test images are 10,000 of random bytes in memory: neither moves a
time. The bare loop has latents and reals ready, hands each batch straight to the judges and keeps nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import nn

from gancross.checkpoint.contestant import Contestant
from gancross.evaluator.crosstest import crosstest
from gancross.evaluator.judging.scoring import Progress, evaluating
from gancross.evaluator.protocol import CHUNK
from gancross.machine.cores import available_cores
from gancross.models.architectures import PairSettings, initialised, pair
from gancross.random_streams import Stream
from speed.timing import Row, interleaved, pinned, record

N = 10_000
WIDTH = 16
LATENT = 100
SAMPLE = (3, 32, 32)
CPU = torch.device("cpu")
ROUNDS = 3
MOST = {"bare": 1.10, "threads": 1 / 1.8}


def contestants(
    count: int, *, width: int = WIDTH, network: str = "dcgan32", num_classes: int | None = None
) -> list[Contestant]:
    """Untrained pairs of different weights, which take labels where there are classes."""
    shape = PairSettings(
        sample_shape=SAMPLE, latent_dim=LATENT, width=width, normalization="batch", activation="relu",
        num_classes=num_classes,
    )  # fmt: skip
    measured = []
    for number in range(count):
        generator, judge = (
            initialised(architecture, Stream(number, "bench", architecture.name).torch_generator())
            for architecture in pair(network, shape)
        )
        measured.append(
            Contestant(
                name=f"pair-{number}", generator=generator, discriminator=judge, latent_dim=LATENT,
                latent="uniform", num_classes=num_classes,
            )
        )  # fmt: skip
    return measured


def random_images(n: int) -> torch.Tensor:
    """uint8 (n, 3, 32, 32)."""
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (n, *SAMPLE), dtype=torch.uint8, generator=generator)


def product(
    models: Sequence[Contestant],
    reals: torch.Tensor,
    n: int,
    *,
    device: str = "cpu",
    progress: Progress | None = None,
) -> Callable[[], object]:
    """The cross-test, from contestants to the record."""
    return lambda: crosstest(
        models, data=reals, num_samples=n, controls=False, norm_check=False, device=device, progress=progress
    )


def networks(model: Contestant) -> tuple[nn.Module, nn.Module]:
    """Generator and discriminator of a contestant that has both."""
    assert model.generator is not None and model.discriminator is not None
    return model.generator, model.discriminator


def bare(models: Sequence[Contestant], reals: torch.Tensor, n: int) -> Callable[[], object]:
    """The same forward passes alone: each generator once, each judge on all of them and the data."""
    latents = torch.rand((CHUNK, LATENT), generator=torch.Generator().manual_seed(0))
    images = reals[:CHUNK] / 127.5 - 1
    pairs = [networks(model) for model in models]
    modules = [network for pair in pairs for network in pair]

    def run() -> None:
        with evaluating(modules, CPU):
            for _ in range(-(-n // CHUNK)):
                for generator, _ in pairs:
                    samples = generator(latents)
                    for _, judge in pairs:
                        judge(samples)
            for _ in range(-(-len(reals) // CHUNK)):
                for _, judge in pairs:
                    judge(images)

    return run


def on(threads: int, variant: Callable[[], object]) -> Callable[[], object]:
    """The variant with so many threads of torch and of BLAS."""

    def run() -> None:
        with pinned(threads):
            variant()

    return run


def rows() -> list[Row]:
    """At one thread and, where there are two cores, at two, in the same rounds; then two beside one."""
    models, reals = contestants(2), random_images(N)
    work = f"cross-test of two width-{WIDTH} `dcgan32`, n = {N:,}"
    both = {"cross-test": product(models, reals, N), "bare loop": bare(models, reals, N)}
    counts = (1, 2) if available_cores() >= 2 else (1,)
    product(models, reals[:CHUNK], CHUNK)()  # imports are not its cost
    times = interleaved(
        {f"{name}, {count}": on(count, variant) for count in counts for name, variant in both.items()},
        rounds=ROUNDS, threads=1, warmup=0, share=0.9,
    )  # fmt: skip
    result = [
        replace(times, threads=count).row(
            f"{work} / bare loop of its forward passes", f"cross-test, {count}", f"bare loop, {count}",
            predicted=1.0, goal=MOST["bare"],
        )
        for count in counts
    ]  # fmt: skip
    if len(counts) == 2:
        result.append(
            replace(times, threads=2).row(
                f"{work}, on two threads / on one", "cross-test, 2", "cross-test, 1", predicted=0.5,
                goal=MOST["threads"],
            )
        )  # fmt: skip
    return result


if __name__ == "__main__":
    record("crosstest", rows)
