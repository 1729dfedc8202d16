"""The convolutions next to the image compute what torch's layers compute, forward, backward and beyond."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from gancross.models.image_convolutions import (
    ImageConv2d,
    ImageConvTranspose2d,
    conv_transpose,
    fast_path_applies,
)

Constructor = Callable[[], nn.Module]
PAIRS: dict[str, tuple[Constructor, Constructor, tuple[int, ...]]] = {
    "down": (lambda: ImageConv2d(3, 5), lambda: nn.Conv2d(3, 5, 5, 2, padding=2), (2, 3, 8, 6)),
    "up": (
        lambda: ImageConvTranspose2d(5, 3),
        lambda: nn.ConvTranspose2d(5, 3, 5, 2, padding=2, output_padding=1),
        (2, 5, 4, 3),
    ),
}


def pair(name: str) -> tuple[nn.Module, nn.Module, torch.Tensor]:
    torch.manual_seed(0)
    ours, torchs, shape = PAIRS[name][0]().double(), PAIRS[name][1]().double(), PAIRS[name][2]
    torchs.load_state_dict(ours.state_dict())
    return ours, torchs, torch.randn(shape, dtype=torch.float64, requires_grad=True)


def gradients(layer: nn.Module, inputs: torch.Tensor, seed: int) -> tuple[torch.Tensor, ...]:
    out = layer(inputs)
    weights = torch.randn(out.shape, dtype=out.dtype, generator=torch.Generator().manual_seed(seed))
    return torch.autograd.grad((out * weights).sum(), [inputs, *layer.parameters()])


@pytest.mark.parametrize("name", PAIRS)
def test_forward_and_all_gradients_are_torchs(name: str) -> None:
    ours, torchs, inputs = pair(name)
    torch.testing.assert_close(ours(inputs), torchs(inputs))
    torch.testing.assert_close(ours(inputs.detach()), torchs(inputs))
    torch.testing.assert_close(gradients(ours, inputs, 1), gradients(torchs, inputs, 1))


@pytest.mark.parametrize("name", PAIRS)
def test_gradients_of_gradients_are_those_of_finite_differences(name: str) -> None:
    ours, _, inputs = pair(name)

    def output(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = torch.func.functional_call(ours, {"weight": weight, "bias": bias}, (x,))
        return result

    arguments = (inputs[:1, :, :4, :2].detach().requires_grad_(True), *ours.parameters())
    assert torch.autograd.gradcheck(output, arguments)
    assert torch.autograd.gradgradcheck(output, arguments)


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_the_fast_path_is_taken_only_where_it_is_faster() -> None:
    assert fast_path_applies(torch.zeros(1), 3) and not fast_path_applies(torch.zeros(1), 5)
    assert not fast_path_applies(torch.zeros(1, device="meta"), 3)
    results = []

    def watched(x: torch.Tensor) -> torch.Tensor:
        results.append(fast_path_applies(x, 3))
        return x + 1

    torch.jit.trace(watched, torch.zeros(1), check_trace=False)  # type: ignore[no-untyped-call]
    torch.compile(watched, backend="eager", fullgraph=False)(torch.zeros(1))
    assert not any(results)


def test_the_fast_path_is_the_transposed_convolution() -> None:
    weight, bias = torch.randn(7, 2, 5, 5).double(), torch.randn(2).double()
    features = torch.randn(3, 7, 6, 4).double()
    expected = nn.functional.conv_transpose2d(features, weight, bias, 2, 2, 1)
    torch.testing.assert_close(conv_transpose(features, weight, bias), expected)
