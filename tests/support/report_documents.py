"""Real results of every kind that reports must show, made in a moment, for the tests of reports."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from classed import with_classes
from grey_models import Brightness
from referee_records import refereed, without_judges
from torch import nn

from gancross import Contestant, Result, crosstest
from gancross.evaluator.result.types import RefereeCost

HOSTILE = "<script>alert(1)</script>"
ODD = "\"'>]]&|`*_@team #1 $x$ [a](http://b) \u202e\x07 www.b.c"
LONG = "cifar10-dcgan_data=folder:/a/very/long/path/without/any/space_" * 4


class Grey(nn.Module):
    """Images whose grey level is the mean of the latents plus a shift."""

    def __init__(self, shift: float) -> None:
        super().__init__()
        self.shift = shift

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        level = (latents.mean(1) + self.shift).tanh()
        return level[:, None, None, None] + 0.1 * latents[:, :1, None, None].expand(-1, 1, 4, 4)


class Cloud(nn.Module):
    """Vectors."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        return latents.repeat(1, self.dim)[:, : self.dim]


def image_model(name: str, shift: float = 0.0, cut: float = 0.0, **fields: Any) -> Contestant:
    judge = fields.pop("discriminator", Brightness(cut))
    return Contestant(name=name, generator=Grey(shift), discriminator=judge, latent_dim=3, **fields)


def images(n: int = 60) -> torch.Tensor:
    levels = torch.linspace(40, 255, n)[:, None, None, None]
    return levels.expand(n, 1, 4, 4).round().to(torch.uint8)


def result_of(*contestants: Contestant, data: torch.Tensor | None = None, **options: Any) -> Result:
    settings: dict[str, Any] = {"num_samples": 200, "device": "cpu"} | options
    return crosstest(contestants, data=images() if data is None else data, **settings)


def vector_model(name: str, dim: int) -> Contestant:
    return Contestant(name=name, generator=Cloud(dim), discriminator=nn.Linear(dim, 1), latent_dim=2)


KINDS = [
    "two", "batch norm", "not compared", "one", "four", "methods", "critics", "constant", "samples",
    "flipped", "hostile", "vectors", "5-d", "fidelity", "five", "refereed",
    "few vectors refereed", "nobody judges", "classes",
]  # fmt: skip


@cache
def documents() -> dict[str, Result]:
    """A result of every shape: how many contestants, who judges, who decides, what was asked for."""
    torch.manual_seed(0)
    critic: dict[str, Any] = {"threshold": None, "score_kind": "critic"}
    normalised = nn.Sequential(nn.BatchNorm2d(1), Brightness(0.2))
    two = [image_model("plain", -0.4), image_model("regularized", 0.3, 0.1)]
    whole = {
        "two": result_of(*two, train_data=images(40)),
        "batch norm": result_of(image_model("with", discriminator=normalised), two[0]),
        "not compared": result_of(
            image_model("with", discriminator=normalised), two[0], norm_check=False,
            controls=False,
        ),
        "one": result_of(two[0]),
        "four": result_of(
            *two, image_model("critic", 0.8, **critic), image_model("mute", 0.1, discriminator=None),
        ),
        "methods": result_of(
            *(image_model(f"{m}{i}", 0.1 * i, 0.05 * i, method=m) for m in ("even", "odd") for i in range(2))
        ),
        "critics": result_of(image_model("one", 0.2, **critic), image_model("other", **critic)),
        "constant": result_of(image_model("always", cut=-9.0), image_model("never", cut=9.0)),
        "samples": result_of(
            two[0], Contestant(name="folder", samples=images(30)), quantize=False,
        ),
        "flipped": result_of(
            image_model(
                "probable", score_kind="probability", threshold=0.75,
                discriminator=nn.Sequential(Brightness(0.1), nn.Sigmoid()),
            ),
            image_model("flipped", orientation="fake_high", threshold=0.25),
        ),
        "hostile": result_of(image_model(HOSTILE, 0.1), image_model(ODD), image_model(LONG, -0.2)),
        "vectors": result_of(vector_model("a", 3), vector_model("b", 3), data=torch.randn(50, 3)),
        "5-d": result_of(vector_model("a", 5), vector_model("b", 5), data=torch.randn(50, 5)),
        "fidelity": result_of(
            vector_model("a", 3), vector_model("b", 3), data=torch.randn(200, 3),
            metrics=["fid", "is", "kid"], kid_subset_size=50,
        ),
        "five": result_of(*(image_model(f"model {i}", 0.2 * i - 0.4, 0.1 * i) for i in range(5))),
    }  # fmt: skip
    cost = RefereeCost(trained=4, cached=4, seconds=71.3)
    return {
        **whole, "refereed": refereed(whole["two"], cost=cost),
        "few vectors refereed": refereed(whole["vectors"], form="vectors", n=60, missing=True),
        "nobody judges": refereed(without_judges(whole["two"])),
        "classes": with_classes(whole["hostile"], [*"012345", HOSTILE, ODD, LONG], n=600, worse=[3, 7]),
    }  # fmt: skip
