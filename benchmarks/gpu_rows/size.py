"""How much `gpu.py` measures: the full form for ten minutes of a GPU, and a small one of the same code."""

from __future__ import annotations

from dataclasses import dataclass

from gancross.trainer.recipes.fields import Setting


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much is measured.

    Attributes:
        recipes: with changes to them.
        layouts, compiled: recipes of which channels-last layout and the compiler are tried.
        rounds, repeats: of ratios, of seconds, where time is left.
        flop: of a recipe's steps in one figure, about.
        width, num_samples: of the cross-test's networks and its samples.
        images, image_shape: of FID.
        referees: shapes of samples.
        referee_samples, referee_steps: None: those of the quick budget.
        side: of the matrices whose product is the device's rate.
    """

    recipes: tuple[tuple[str, dict[str, Setting]], ...]
    layouts: tuple[tuple[str, dict[str, Setting]], ...]
    compiled: tuple[tuple[str, dict[str, Setting]], ...]
    rounds: int
    repeats: int
    flop: float
    width: int
    num_samples: int
    images: int
    image_shape: tuple[int, int, int]
    referees: tuple[tuple[int, ...], ...]
    referee_samples: int
    referee_steps: int | None
    side: int


FULL = Size(
    recipes=(
        ("mixture", {}), ("cifar10-dcgan", {}), ("cifar10-dcgan", {"normalization": "none"}),
        ("lsun-dcgan", {}), ("lsun-resnet", {}),
    ),
    layouts=(
        ("cifar10-dcgan", {}), ("cifar10-dcgan", {"precision": "bf16"}),
        ("lsun-resnet", {}), ("lsun-resnet", {"precision": "bf16"}),
    ),
    compiled=(("mixture", {}), ("cifar10-dcgan", {"normalization": "none", "width": 16})),
    rounds=5, repeats=2, flop=2e13, width=64, num_samples=10_000, images=50_000, image_shape=(3, 32, 32),
    referees=((3,), (1, 8, 8), (3, 32, 32)), referee_samples=10_000, referee_steps=None, side=8192,
)  # fmt: skip
SMALL = Size(
    recipes=(("mixture", {"width": 8, "batch_size": 32}), ("cifar10-dcgan", {"width": 2, "batch_size": 8})),
    layouts=(("cifar10-dcgan", {"width": 2, "batch_size": 8}),),
    compiled=(("mixture", {"width": 8, "batch_size": 32}),),
    rounds=1, repeats=1, flop=1e6, width=2, num_samples=20, images=60, image_shape=(1, 8, 8),
    referees=((3,),), referee_samples=60, referee_steps=5, side=64,
)  # fmt: skip
