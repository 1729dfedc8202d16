"""What belongs to the whole process and code may change: torch's defaults, random generators, the folder."""

from __future__ import annotations

import contextlib
import os
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import torch

from gancross.machine.crew import leave_crew, one_core
from gancross.machine.devices import full_precision

_TURN = threading.RLock()


@contextmanager
def own_turn() -> Iterator[None]:
    """Around every evaluation: threads take turns, in full precision on one core, and leave all as it was.

    Networks are put into a mode and back, torch's generators are seeded and put back: two threads at a time
    would see each other's. So a network that evaluates others is no work for a crew. A context manager and a
    decorator.
    """
    leave_crew()
    with _TURN, process_state_kept(), full_precision(), one_core():
        yield


@contextmanager
def process_state_kept() -> Iterator[None]:
    """Inside, code may change what `SETTINGS` reads and seed every generator; afterwards all is as before."""
    with contextlib.ExitStack() as stack:
        stack.callback(random.setstate, random.getstate())
        stack.callback(np.random.set_state, np.random.get_state())
        stack.callback(torch.set_rng_state, torch.get_rng_state())
        if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
            stack.callback(torch.cuda.set_rng_state_all, torch.cuda.get_rng_state_all())
        before = [read() for read, _ in SETTINGS]
        try:
            yield
        finally:
            for (read, write), value in zip(SETTINGS, before, strict=True):
                if read() != value:
                    write(value)


def _folder() -> str | None:
    """The current folder; None if it was removed."""
    with contextlib.suppress(OSError):
        return os.getcwd()
    return None


def _enter(folder: str | None) -> None:
    if folder is not None:
        os.chdir(folder)


def _set_default_device(device: torch.device) -> None:
    """No default at all where it is the CPU: a default slows every call of torch."""
    torch.set_default_device(None if device.type == "cpu" else device)


def _flags(owner: Any, *names: str) -> list[tuple[Callable[[], Any], Callable[[Any], object]]]:
    return [(partial(getattr, owner, name), partial(setattr, owner, name)) for name in names]


SETTINGS: tuple[tuple[Callable[[], Any], Callable[[Any], object]], ...] = (
    (_folder, _enter),
    (torch.get_default_dtype, torch.set_default_dtype),
    (torch.get_default_device, _set_default_device),
    (torch.is_grad_enabled, torch.set_grad_enabled),
    (torch.get_num_threads, torch.set_num_threads),
    (torch.get_deterministic_debug_mode, torch.set_deterministic_debug_mode),
    *_flags(torch.backends.cudnn, "allow_tf32", "benchmark", "deterministic"),
    *_flags(torch.backends.cuda.matmul, "allow_tf32"),
)
