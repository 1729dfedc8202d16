"""Discriminators as people write them in loops of their own, with samples and labels; none is gancross's."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypedDict, cast

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations

SHAPE, CLASSES = (3, 8, 8), 5
Around = Callable[[nn.Module], nn.Module]  # what is put around every layer with a weight


def plain(around: Around = lambda layer: layer, *middle: nn.Module) -> nn.Module:
    """A DCGAN's discriminator as in PyTorch's tutorial, without its sigmoid: scores (N, 1, 1, 1)."""
    return nn.Sequential(
        around(nn.Conv2d(3, 4, 4, 2, 1, bias=False)), nn.LeakyReLU(0.2, inplace=True),
        around(nn.Conv2d(4, 6, 4, 2, 1)), *middle, nn.LeakyReLU(0.2, inplace=True),
        around(nn.Conv2d(6, 1, 2, 1, 0)),
    )  # fmt: skip


class Block(nn.Module):
    """A pre-activation block; the shortcut is the identity where the width stays."""

    def __init__(self, inputs: int, outputs: int, around: Around) -> None:
        super().__init__()
        self.first, self.second = (
            around(nn.Conv2d(width, outputs, 3, padding=1)) for width in (inputs, outputs)
        )
        self.shortcut = around(nn.Conv2d(inputs, outputs, 1)) if inputs != outputs else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = self.second(F.relu(self.first(F.relu(x))))
        if self.shortcut is None:
            return cast(torch.Tensor, x + 0.5 * h)
        return F.avg_pool2d(h, 2) + F.avg_pool2d(self.shortcut(x), 2)


class Residual(nn.Module):
    """Blocks, sum pooling, linear; with labels plus ⟨e(y), features⟩."""

    def __init__(self, around: Around = lambda layer: layer, *, conditional: bool = False) -> None:
        super().__init__()
        self.blocks = nn.Sequential(Block(3, 4, around), Block(4, 4, around))
        self.out = around(nn.Linear(4, 1))
        self.embedding = around(nn.Embedding(CLASSES, 4)) if conditional else None

    def forward(self, x: torch.Tensor, y: torch.Tensor | None = None) -> torch.Tensor:
        features = F.relu(self.blocks(x)).sum(dim=(2, 3))
        scores = self.out(features).squeeze(1)
        if self.embedding is not None:
            scores = scores + (self.embedding(y) * features).sum(1)
        return cast(torch.Tensor, scores)


class Functional(nn.Module):
    """Weights scaled as in StyleGAN, constants, methods: what no table of layers lists."""

    mean: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor([0.1, 0.2, 0.3]).reshape(1, 3, 1, 1))
        self.weight, self.bias = nn.Parameter(torch.randn(6, 3, 3, 3)), nn.Parameter(torch.randn(6, 1, 1))
        self.gain, self.scale = 0.3, nn.Parameter(torch.randn(6, 1, 1))
        self.out = nn.Linear(6 * 2 * 2, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = F.conv2d((x - self.mean) * 2 / 1.5, self.weight * self.gain, stride=2, padding=1) + self.bias
        h = 1 - (F.leaky_relu(h, 0.2) * self.scale - self.bias)
        h = F.max_pool2d(h, 2) - 0.3 * F.avg_pool2d(F.pad(h, (1, 1, 1, 1)), 3, 2)[:, :, :2, :2]
        h = h.relu() + h
        return cast(torch.Tensor, self.out(h.view(h.size(0), -1))[:, 0])


class Wrapper(nn.Module):
    """Calls another module, as many wrappers do."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.net(*args, **kwargs)


class ByValue(nn.Module):
    """Decides by the values of its input, which no trace can follow."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(192, 1), nn.Linear(192, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        chosen = self.first if float(x.detach().mean()) > 0 else self.second
        return cast(torch.Tensor, chosen(x.flatten(1)).tanh())


class WithoutGradient(nn.Module):
    """Fixed features computed without gradients: a trace has the same scores and other gradients."""

    def __init__(self) -> None:
        super().__init__()
        self.features, self.out, self.linear = nn.Conv2d(3, 4, 4, 4), nn.Linear(16, 1), nn.Linear(192, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            features = F.relu(self.features(x))
        return cast(torch.Tensor, self.out(features.flatten(1)) + self.linear(x.flatten(1)).tanh())


class MinibatchMean(nn.Module):
    """Couples the samples of a batch by an operation that is linear."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.out = nn.Linear(192, 4), nn.Linear(4, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = F.relu(self.first(x.flatten(1)))
        return cast(torch.Tensor, self.out(h - h.mean(0, keepdim=True)))


class InPlace(nn.Module):
    """Changes in place what the shortcut reads afterwards."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.out = nn.Linear(192, 4), nn.Linear(4, 4), nn.Linear(4, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = self.first(x.flatten(1))
        return cast(torch.Tensor, self.out(self.second(F.relu_(h)) + h))


class Noisy(nn.Module):
    """Adds noise that a trace would take for a constant."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.out = nn.Linear(192, 4), nn.Linear(4, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        noise = torch.randn(4, dtype=torch.float64)
        return cast(torch.Tensor, self.out(F.relu(self.first(x.flatten(1)) + noise)))


class Squares(nn.Module):
    """Multiplies two values that both depend on the samples."""

    def __init__(self) -> None:
        super().__init__()
        self.out = nn.Linear(192, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x.flatten(1)
        return cast(torch.Tensor, self.out(x * x))


def older(name: str) -> Around:
    """torch's older function of this name, without its warning that there is a newer one."""

    def around(layer: nn.Module) -> nn.Module:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            return cast(nn.Module, getattr(nn.utils, name)(layer))

    return around


@dataclass(frozen=True)
class Case:
    """A network, and its route: `four passes`, `six passes`, or the reason of double backward."""

    build: Callable[[], nn.Module]
    route: str = "four passes"
    labels: bool = False


spectral = parametrizations.spectral_norm
CASES: dict[str, Case] = {
    "plain": Case(plain),
    "residual": Case(Residual),
    "functional": Case(Functional),
    "spectral norm": Case(lambda: plain(spectral)),
    "spectral norm, older": Case(lambda: plain(older("spectral_norm"))),
    "spectral norm, evaluation": Case(lambda: plain(spectral).eval()),
    "spectral norm, residual": Case(lambda: Residual(spectral)),
    "spectral norm, tanh": Case(lambda: nn.Sequential(
        nn.Flatten(), spectral(nn.Linear(192, 4)), nn.Tanh(), spectral(nn.Linear(4, 1))
    ), "six passes"),
    "weight norm": Case(lambda: plain(parametrizations.weight_norm)),
    "weight norm, older": Case(lambda: plain(older("weight_norm"))),
    "batch norm": Case(lambda: plain(lambda layer: layer, nn.BatchNorm2d(6)), "six passes"),
    "batch norm, spectral norm": Case(lambda: plain(spectral, nn.BatchNorm2d(6)), "six passes"),
    "batch norm, evaluation": Case(lambda: plain(lambda layer: layer, nn.BatchNorm2d(6)).eval()),
    "dropout, evaluation": Case(lambda: plain(lambda layer: layer, nn.Dropout2d(0.3)).eval()),
    "same padding": Case(
        lambda: nn.Sequential(nn.Conv2d(3, 1, 3, padding="same"), nn.ReLU(), nn.Conv2d(1, 1, 8))
    ),
    "reflection": Case(lambda: nn.Sequential(
        nn.Conv2d(3, 1, 3, padding=1, padding_mode="reflect"), nn.ReLU(), nn.AdaptiveAvgPool2d(1),
    )),
    "wrapper": Case(lambda: Wrapper(Residual(spectral))),
    "data parallel": Case(lambda: nn.DataParallel(plain())),
    "projection": Case(lambda: Residual(conditional=True), labels=True),
    "projection, spectral norm": Case(lambda: Wrapper(Residual(spectral, conditional=True)), labels=True),
    "group norm": Case(lambda: plain(lambda layer: layer, nn.GroupNorm(2, 6)), "operation group_norm"),
    "by value": Case(ByValue, "cannot be traced"),
    "without gradient": Case(WithoutGradient, "disagrees"),
    "minibatch mean": Case(MinibatchMean, "sum of tensors of different shapes"),
    "in place": Case(InPlace, "changes in place"),
    "noise": Case(Noisy, "random numbers"),
    "dropout": Case(lambda: plain(lambda layer: layer, nn.Dropout(0.5)), "dropout in training mode"),
    "squares": Case(Squares, "unsupported operation mul"),
}  # fmt: skip


class Labels(TypedDict, total=False):
    """Keywords of `penalties.backward`."""

    real_labels: torch.Tensor
    fake_labels: torch.Tensor


@dataclass(frozen=True)
class Batch:
    """Real and generated samples, and their labels."""

    real: torch.Tensor
    fake: torch.Tensor
    labels: Labels


def network_and_batch(case: Case) -> tuple[nn.Module, nn.Module, Batch]:
    """The same network twice, in float64, and a batch."""
    torch.manual_seed(0)
    networks = [case.build().double() for _ in range(2)]
    with torch.no_grad():
        for parameter in networks[0].parameters():
            parameter.normal_(std=0.3)
    networks[1].load_state_dict(networks[0].state_dict())
    labels: Labels = {
        "real_labels": torch.randint(CLASSES, (5,)),
        "fake_labels": torch.randint(CLASSES, (4,)),
    }
    real, fake = torch.randn(5, *SHAPE).double(), torch.randn(4, *SHAPE).double()
    return networks[0], networks[1], Batch(real, fake, labels if case.labels else {})
