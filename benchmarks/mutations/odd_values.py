# ruff: noqa: E501  # tables of oddities read better in long lines
"""Odd values, and containers with an odd value inside."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import torch


def cyclic() -> list[Any]:
    cycle: list[Any] = []
    cycle.append(cycle)
    return cycle


def laughing(depth: int) -> list[Any]:
    """10^depth values in a few hundred bytes."""
    laughs: list[Any] = ["ha"]
    for _ in range(depth):
        laughs = [laughs] * 10
    return laughs


def deep(depth: int) -> list[Any]:
    nested: list[Any] = []
    for _ in range(depth):
        nested = [nested]
    return nested


def plain_value(rng: random.Random) -> Any:
    """A value of a type that JSON has."""
    return rng.choice((
        None, True, False, 0, 1, -1, 2, 63, 64, 65535, 65536, 65537, 2**31, 2**53, 2**63 - 1, 2**64, 10**40, -(10**18),
        0.0, -0.0, 0.5, 1e308, -1.0, 1e-320, "", "x", "é", "\x1b[2J\x07", "\n", "\u202e", "../../etc/passwd",
        "folder:/etc", "http://127.0.0.1:1/x", "os.system", "mlp", "resnet101-generator", "digits", "batch", "tanh",
        "x" * 100_000, [], [1], [1, 2, 3], (), (1,), (3, 64, 64), (-1.0, 1.0), (1, 65536, 65536, 1), {}, {"": 1},
        {"name": "mlp", "arguments": {"sizes": (2, 3)}}, (65536,) * 64, deep(12), deep(100), rng.random(),
        rng.getrandbits(62),
    ))  # fmt: skip


def any_value(rng: random.Random) -> Any:
    """A value of any type that a pickle can hold."""
    if rng.random() < 0.5:
        return plain_value(rng)
    return rng.choice((
        lambda: float("nan"), lambda: float("inf"), lambda: b"bytes", lambda: {1, 2}, lambda: 1j, lambda: "\ud800",
        lambda: 10**600, cyclic, lambda: laughing(9), lambda: deep(400), lambda: {(1, 2): 3},
        lambda: {(2**61 - 1) * k: 0 for k in range(50)}, lambda: torch.float32, lambda: torch.Size((2, 3)),
        lambda: torch.zeros(()), lambda: torch.zeros(0), lambda: torch.zeros(1).expand(10**6, 10**6),
        lambda: torch.zeros(4, 4).T[1:], lambda: torch.zeros(3, dtype=torch.complex64),
        lambda: torch.zeros(3).to_sparse(), lambda: torch.full((3,), float("nan")),
        lambda: torch.quantize_per_tensor(torch.zeros(3), 0.1, 0, torch.qint8), lambda: torch.nn.Linear(2, 2),
        lambda: torch.nn.Parameter(torch.zeros(2)), lambda: torch.zeros(2, device="meta"),
        lambda: torch.zeros((1,) * 40), lambda: torch.nested.nested_tensor([torch.zeros(2)]),
    ))()  # fmt: skip


def changed_inside(rng: random.Random, container: Any, odd: Callable[[random.Random], Any]) -> Any:
    """The container with an entry at a random depth replaced, removed, added or moved."""
    keys = list(container) if isinstance(container, dict) else list(range(len(container)))
    action = rng.random()
    if not keys or action < 0.1:
        key = rng.choice((*keys, "extra", 7)) if isinstance(container, dict) else None
        if key is None:
            return _like(container, [*container, odd(rng)])
        return {**container, key: odd(rng)}
    key = rng.choice(keys)
    inner = container[key]
    if isinstance(inner, dict | list | tuple) and action < 0.75:
        new = changed_inside(rng, inner, odd)
    elif isinstance(inner, torch.Tensor) and action < 0.6:
        new = _odd_tensor(rng, inner)
    else:
        new = container[rng.choice(keys)] if action > 0.9 else odd(rng)
    if isinstance(container, dict):
        return {k: v for k, v in container.items() if k != key} if action > 0.96 else {**container, key: new}
    return _like(container, [new if position == key else item for position, item in enumerate(container)])


def _like(container: list[Any] | tuple[Any, ...], items: list[Any]) -> Any:
    """A list or a tuple; torch.Size is a tuple that takes only integers."""
    return items if isinstance(container, list) else tuple(items)


def _odd_tensor(rng: random.Random, good: torch.Tensor) -> torch.Tensor:
    return rng.choice((
        good.double, good.half, good.int, good.flatten, lambda: good[None],
        lambda: good.clone().fill_(float("nan") if good.is_floating_point() else -1),
        lambda: good.clone().fill_(float("-inf") if good.is_floating_point() else 2**40),
        lambda: good.mT if good.ndim > 1 else good.flip(0) if good.ndim else good, lambda: good * 1,
        lambda: good.flatten()[:1].expand(good.shape), lambda: good.to_sparse() if good.ndim else good,
        lambda: good.clone().requires_grad_(good.is_floating_point()),
    ))()  # fmt: skip
