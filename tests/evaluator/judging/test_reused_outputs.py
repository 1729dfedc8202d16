"""Networks that return the same tensor at each call, as replayed CUDA graphs do, are judged as others are."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from gancross import Contestant, crosstest


class Reusing(nn.Module):
    """A network that writes its output into one tensor for each shape."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network, self.outputs = network, dict[torch.Size, torch.Tensor]()

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        output = self.network(inputs)
        return self.outputs.setdefault(output.shape, torch.empty_like(output)).copy_(output)


def record(shape: tuple[int, ...], *, reusing: tuple[str, ...] = (), **options: Any) -> dict[str, Any]:
    width = int(torch.Size(shape).numel())
    torch.manual_seed(0)
    models = []
    for number in range(2):
        networks: dict[str, Any] = {
            "generator": nn.Sequential(nn.Linear(2, width), nn.Tanh(), nn.Unflatten(1, shape)),
            "discriminator": nn.Sequential(nn.Flatten(), nn.BatchNorm1d(width), nn.Linear(width, 1)),
        }
        for name in reusing:
            networks[name] = Reusing(networks[name])
        models.append(Contestant(name=f"c{number}", latent_dim=2, batch_size=30, **networks))
    reals = torch.randn(200, *shape)
    found = crosstest(
        models, data=reals if len(shape) == 1 else reals.mul(50).add(128).clamp(0, 255).to(torch.uint8),
        num_samples=250, device="cpu", controls=False, chunk=100, **options,
    ).to_dict()  # fmt: skip
    del found["provenance"]
    return found


@pytest.mark.parametrize("shape", [(3,), (1, 4, 4)], ids=["vectors", "images"])
@pytest.mark.parametrize("network", ["generator", "discriminator"])
def test_outputs_that_are_written_into_again_are_those_of_their_call(
    network: str, shape: tuple[int, ...]
) -> None:
    options: dict[str, Any] = {"norm": "batch", "batch_size": 200}  # chunks that wait for their groups
    assert record(shape, reusing=(network,), **options) == record(shape, **options)
