"""What channels-last weights save: networks as `gancross.evaluator.judging.memory_layout` has them, and not.

Input is in the usual order in both, as a cross-test's samples are.
"""

from __future__ import annotations

import copy

import torch

from gancross.models.architectures import initialised
from gancross.models.pairs import PairSettings, pair
from gancross.random_streams import Stream
from speed.timing import Row, interleaved, record

ROUNDS = 7
LATENT = 100
# Network, side of its images, width, samples of a batch.
NETWORKS = [
    ("dcgan32", 32, 16, 500),
    ("dcgan32", 32, 64, 100),
    ("dcgan64", 64, 16, 500),
    ("resnet64", 64, 16, 50),
]


def measured(name: str, side: int, width: int, batch: int) -> list[Row]:
    """Generator and discriminator."""
    shape = PairSettings(
        sample_shape=(3, side, side), latent_dim=LATENT, width=width, normalization="batch", activation="relu"
    )  # fmt: skip
    generator, judge = (
        initialised(architecture, Stream(0, "bench").torch_generator()).eval()
        for architecture in pair(name, shape)
    )
    inputs = {"generator": torch.rand(batch, LATENT), "discriminator": torch.rand(batch, 3, side, side)}
    rows = []
    for role, usual in (("generator", generator), ("discriminator", judge)):
        last, given = copy.deepcopy(usual).to(memory_format=torch.channels_last), inputs[role]
        with torch.inference_mode():
            times = interleaved(
                {"channels last": lambda: last(given), "usual": lambda: usual(given)},  # noqa: B023
                rounds=ROUNDS, threads=1,
            )  # fmt: skip
        work = f"`{name}` {role}, width {width}, evaluated channels last / in the usual order"
        rows.append(times.row(work, "channels last", "usual"))
    return rows


def rows() -> list[Row]:
    """Of every family whose layers are convolutions."""
    return [row for network in NETWORKS for row in measured(*network)]


if __name__ == "__main__":
    record("layout", rows)
