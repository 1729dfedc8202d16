"""What a cross-test costs beside its forward passes: two width-16 `dcgan32`, 10,000 samples each.

Networks are freshly initialised and the test images are 10,000 of random bytes in memory: neither moves a
time. The bare loop has latents and reals ready, hands each batch straight to the judges and keeps nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import nn

from gancross.checkpoint.contestant import Contestant
from gancross.evaluator.crosstest import crosstest
from gancross.evaluator.judging.scoring import Progress, evaluating
from gancross.evaluator.protocol import CHUNK
from gancross.models.architectures import PairSettings, initialised, pair
from gancross.random_streams import Stream
from speed.timing import Row, interleaved, record

N = 10_000
WIDTH = 16
LATENT = 100
SAMPLE = (3, 32, 32)
CPU = torch.device("cpu")
ROUNDS = {1: 5, 2: 5}  # by threads
# Until its thresholds have settled, glibc's allocator hands memory back after a call and faults it in again
# in the next: a million page faults, up to two seconds, as chance has it in one variant or the other.
WARMUP = 3


def contestants(count: int, *, width: int = WIDTH) -> list[Contestant]:
    """Untrained pairs of different weights."""
    shape = PairSettings(
        sample_shape=SAMPLE, latent_dim=LATENT, width=width, normalization="batch", activation="relu"
    )  # fmt: skip
    measured = []
    for number in range(count):
        generator, judge = (
            initialised(architecture, Stream(number, "bench", architecture.name).torch_generator())
            for architecture in pair("dcgan32", shape)
        )
        measured.append(
            Contestant(
                name=f"pair-{number}", generator=generator, discriminator=judge, latent_dim=LATENT,
                latent="uniform",
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


def rows() -> list[Row]:
    """At one thread and at two."""
    models, reals = contestants(2), random_images(N)
    variants = {"cross-test": product(models, reals, N), "bare loop": bare(models, reals, N)}
    work = "cross-test of two width-16 `dcgan32`, n = 10,000 / bare loop of its forward passes"
    return [
        interleaved(variants, rounds=ROUNDS[threads], threads=threads, warmup=WARMUP).row(
            work, "cross-test", "bare loop", predicted=1.0, goal=1.10
        )
        for threads in ROUNDS
    ]


if __name__ == "__main__":
    record("crosstest", rows)
