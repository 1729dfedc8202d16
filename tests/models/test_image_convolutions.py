"""The convolutions next to the image compute what torch's layers compute, forward, backward and beyond."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from gancross.models.image_convolutions import (
    ImageConv2d,
    ImageConvTranspose2d,
    conv_transpose,
    fast_path_applies,
)

PAIRS = {
    "down": (lambda: ImageConv2d(3, 5), lambda: nn.Conv2d(3, 5, 5, 2, padding=2), (2, 3, 8, 6)),
    "up": (
        lambda: ImageConvTranspose2d(5, 3),
        lambda: nn.ConvTranspose2d(5, 3, 5, 2, padding=2, output_padding=1),
        (2, 5, 4, 3),
    ),
}


def pair(name):
    torch.manual_seed(0)
    ours, torchs, shape = PAIRS[name][0]().double(), PAIRS[name][1]().double(), PAIRS[name][2]
    torchs.load_state_dict(ours.state_dict())
    return ours, torchs, torch.randn(shape, dtype=torch.float64, requires_grad=True)


def gradients(layer, inputs, seed):
    out = layer(inputs)
    weights = torch.randn(out.shape, dtype=out.dtype, generator=torch.Generator().manual_seed(seed))
    return torch.autograd.grad((out * weights).sum(), [inputs, *layer.parameters()])


@pytest.mark.parametrize("name", PAIRS)
def test_forward_and_all_gradients_are_torchs(name):
    ours, torchs, inputs = pair(name)
    torch.testing.assert_close(ours(inputs), torchs(inputs))
    torch.testing.assert_close(ours(inputs.detach()), torchs(inputs))
    for one, other in zip(gradients(ours, inputs, 1), gradients(torchs, inputs, 1), strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("name", PAIRS)
def test_gradients_of_gradients_are_those_of_finite_differences(name):
    ours, _, inputs = pair(name)

    def of(x, weight, bias):
        return torch.func.functional_call(ours, {"weight": weight, "bias": bias}, (x,))

    arguments = (inputs[:1, :, :4, :2].detach().requires_grad_(True), *ours.parameters())
    assert torch.autograd.gradcheck(of, arguments)
    assert torch.autograd.gradgradcheck(of, arguments)


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_the_detour_is_taken_where_it_helps_only():
    assert fast_path_applies(torch.zeros(1), 3) and not fast_path_applies(torch.zeros(1), 5)
    assert not fast_path_applies(torch.zeros(1, device="meta"), 3)
    found = []

    def watched(x):
        found.append(fast_path_applies(x, 3))
        return x + 1

    torch.jit.trace(watched, torch.zeros(1), check_trace=False)
    torch.compile(watched, backend="eager", fullgraph=False)(torch.zeros(1))
    assert not any(found)


def test_the_detour_is_the_transposed_convolution():
    weight, bias = torch.randn(7, 2, 5, 5).double(), torch.randn(2).double()
    features = torch.randn(3, 7, 6, 4).double()
    expected = nn.functional.conv_transpose2d(features, weight, bias, 2, 2, 1)
    torch.testing.assert_close(conv_transpose(features, weight, bias), expected)
