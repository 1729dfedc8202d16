"""Batch norm over groups of a batch at once, against the groups one by one in float64."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from gancross.models.batch_norm import batch_statistics, divisible, group_statistics

NETWORKS: dict[str, tuple[nn.Module, tuple[int, ...]]] = {
    "images": (nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.Conv2d(3, 1, 3)), (2, 6, 6)),
    "vectors": (nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.Tanh(), nn.Linear(5, 1)), (4,)),
    "no weights": (nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5, affine=False), nn.Linear(5, 1)), (4,)),
    "sequences": (nn.Sequential(nn.BatchNorm1d(3, eps=1e-2), nn.Flatten(), nn.Linear(12, 1)), (3, 4)),
}  # fmt: skip


@pytest.mark.parametrize(("network", "shape"), NETWORKS.values(), ids=NETWORKS)
@torch.no_grad()
def test_groups_at_once_are_groups_one_by_one(network: nn.Module, shape: tuple[int, ...]) -> None:
    torch.manual_seed(1)
    network.double().eval()
    for norm in network.modules():
        if isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d) and norm.affine:
            norm.weight.normal_()
            norm.bias.normal_()
    samples = 3 + 2 * torch.randn(4, 8, *shape, dtype=torch.float64)
    state = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    assert divisible(network)
    with batch_statistics(network):
        expected = torch.cat([network(group) for group in samples])
    with group_statistics(network, groups=4):
        found = network(samples.flatten(0, 1))
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    evaluated = network(samples.flatten(0, 1))
    assert not torch.allclose(evaluated, expected, rtol=0.1)
    assert all(torch.equal(tensor, state[name]) for name, tensor in network.state_dict().items())
    assert all("forward" not in vars(module) for module in network.modules())


class Averages(nn.Module):
    """A layer of another project with running averages."""

    def __init__(self) -> None:
        super().__init__()
        self.running_mean, self.running_var = nn.Buffer(torch.zeros(3)), nn.Buffer(torch.ones(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x - x.mean(0) if self.training else x - self.running_mean


def test_what_is_not_torchs_batch_norm_is_not_divisible() -> None:
    assert not divisible(nn.Sequential(nn.BatchNorm1d(3), Averages()))
    assert not divisible(nn.Sequential(nn.SyncBatchNorm(3)))
    assert divisible(nn.Sequential(nn.Linear(3, 3)))
