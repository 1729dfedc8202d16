"""A forward pass changes no buffer of a network that is judged."""

from __future__ import annotations

import warnings

import pytest
import torch
from torch import nn

from gancross import Contestant, crosstest
from gancross.evaluator.protocol import Norm
from gancross.models.buffers import unchanged


class OwnBatchNorm(nn.BatchNorm2d):
    """Batch norm with a forward of its own, which moves its averages in evaluation mode too."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        assert self.running_mean is not None and self.running_var is not None
        normalized = super().forward(images)
        self.running_mean.mul_(0.9).add_(0.1 * images.mean((0, 2, 3)))
        self.running_var = 0.9 * self.running_var + 0.1 * images.var((0, 2, 3))  # a new tensor
        return normalized


class Judge(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = OwnBatchNorm(1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.norm(images).flatten(1).mean(1) - 0.1
        return scores


class Grey(nn.Module):
    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        return latents[:, :1, None, None].tanh().expand(-1, 1, 4, 4)


@pytest.mark.parametrize("script", [False, True])
def test_buffers_are_put_back_by_value_and_by_identity(script: bool) -> None:
    network = Judge().eval()
    if script:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # deprecated, and people still have such files
            network = torch.jit.trace(network, torch.zeros(2, 1, 4, 4))  # type: ignore[no-untyped-call]
    before = {name: buffer.clone() for name, buffer in network.named_buffers()}
    with torch.inference_mode(), unchanged(network):
        network(torch.rand(8, 1, 4, 4))
    for name, buffer in network.named_buffers():
        assert torch.equal(buffer, before[name]) and not buffer.is_inference(), name


class Late(nn.Module):
    """Its buffer comes to be in the first forward pass."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: torch.Tensor | None
        self.register_buffer("seen", None)
        self.register_buffer("scale", torch.full((), torch.nan))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.seen = images.mean()
        return images


def test_buffers_that_come_to_be_are_gone_again() -> None:
    network = Late()
    with unchanged(network):
        network(torch.ones(1))
        assert network.seen is not None
    assert network.seen is None and bool(torch.isnan(network.scale))


@pytest.mark.parametrize("norm", ["eval", "batch"])
def test_judging_changes_neither_the_judge_nor_its_later_figures(norm: Norm) -> None:
    judge = Judge()
    contestant = Contestant(name="a", generator=Grey(), discriminator=judge, latent_dim=2, batch_size=8)
    data = torch.randint(
        0, 256, (600, 1, 4, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    before = {name: buffer.clone() for name, buffer in judge.named_buffers()}
    first, second = (crosstest([contestant], data=data, num_samples=600, norm=norm) for _ in range(2))
    assert all(torch.equal(buffer, before[name]) for name, buffer in judge.named_buffers())
    assert first.confusion == second.confusion
    moves = (first.batch_norm["a"], crosstest([contestant], data=data, num_samples=600).batch_norm["a"])
    assert moves[0] == moves[1]
