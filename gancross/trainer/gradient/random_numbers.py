"""Global random numbers, which tracing and trying a network must not use up."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import numpy as np
import torch
from torch import nn


@contextmanager
def unchanged_random_numbers(network: nn.Module) -> Iterator[Callable[[], bool]]:
    """Afterwards the generators of Python, numpy, the CPU and the network's devices are as before.

    Yields:
        A function that says whether any of them has drawn a number by now.
    """
    devices = sorted({p.device.index or 0 for p in network.parameters() if p.device.type == "cuda"})
    of_python, of_numpy = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices):
        before = _states(devices)
        try:
            yield lambda: _states(devices) != before
        finally:
            random.setstate(of_python)
            np.random.set_state(of_numpy)


def _states(devices: list[int]) -> list[Any]:
    of_torch = [torch.get_rng_state(), *(torch.cuda.get_rng_state(device) for device in devices)]
    _, numbers, *rest = cast(Any, np.random.get_state())
    return [
        random.getstate(), np.asarray(numbers).tobytes(), rest,
        *(state.numpy().tobytes() for state in of_torch),
    ]  # fmt: skip
