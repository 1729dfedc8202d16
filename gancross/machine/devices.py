"""Which device to compute on, and how exactly."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from gancross.errors import ResourceError, UsageError, first_line

CUBLAS = "CUBLAS_WORKSPACE_CONFIG"
AUTOCAST_KINDS = ("cpu", "cuda")
KINDS = ("cpu", "cuda", "mps")
UNPINNED = ("cpu", "mps")  # devices that copy from any memory
CHOICES = "choose auto, cpu, cuda, cuda:0, … or mps"


def resolve_device(name: str | torch.device) -> torch.device:
    """The device called `auto`, `cpu`, `cuda`, `cuda:i` or `mps`.

    `auto` is CUDA where there is one, else the CPU; MPS only by name.

    Raises:
        UsageError: unknown kind of device.
        ResourceError: no such device on this machine.
    """
    if not isinstance(name, str | torch.device):
        raise UsageError(f"device {name!r}: {CHOICES}")
    name = str(name)
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        known = device.type in KINDS
    except RuntimeError:
        known = False
    if not known:
        raise UsageError(f"device '{name}': {CHOICES}")
    if device.type == "cuda":
        count = torch.cuda.device_count()
        if (device.index or 0) >= count:
            raise ResourceError(f"device '{name}': this machine has {count} CUDA devices; choose another")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise ResourceError("device 'mps': not available on this machine")
    return device


def shared_devices(name: str) -> list[str]:
    """Devices for the processes of one machine: all GPUs for `cuda`, and for `auto` if there are any."""
    if name == "cuda" or (name == "auto" and torch.cuda.is_available()):
        return [f"cuda:{index}" for index in range(torch.cuda.device_count())] or [name]
    return [name]


def moved(rows: torch.Tensor, device: torch.device) -> torch.Tensor:
    """The rows on the device; a GPU copies them from pinned memory, for which the CPU does not wait."""
    if device.type not in UNPINNED and rows.device.type == "cpu":
        return rows.pin_memory().to(device, non_blocking=True)
    return rows.to(device)


class Fetched:
    """The values of a tensor for the CPU, which goes on while a GPU still computes them.

    A GPU copies them into pinned memory as soon as they are there. Nobody reads them before: `result` waits
    for this copy, and not for the work that was begun after it. Other devices copy at once.
    """

    def __init__(self, values: torch.Tensor) -> None:
        self._copied: torch.cuda.Event | None = None
        if values.device.type in UNPINNED:
            self._values = values.cpu()
            return
        self._values = torch.empty(values.shape, dtype=values.dtype, pin_memory=True)
        self._values.copy_(values, non_blocking=True)
        self._copied = torch.cuda.Event()  # type: ignore[no-untyped-call]
        self._copied.record(torch.cuda.current_stream(values.device))

    def result(self) -> torch.Tensor:
        """The values, on the CPU; of a tensor that lay there, that tensor itself."""
        if self._copied is None:
            return self._values
        self._copied.synchronize()
        return self._values.clone()  # pinned memory is scarce


@contextmanager
def full_precision() -> Iterator[None]:
    """Inside, torch multiplies and convolves in float32, not in TF32 or under a caller's autocast.

    Judges' scores would be rounded to these; autocast is of the calling thread alone.
    """
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    before = cudnn.allow_tf32, matmul.allow_tf32
    cudnn.allow_tf32 = matmul.allow_tf32 = False
    try:
        with _outside_autocast():
            yield
    finally:
        cudnn.allow_tf32, matmul.allow_tf32 = before


@contextmanager
def _outside_autocast() -> Iterator[None]:
    """Inside, the caller's autocast is neither on nor around what is called.

    torch keeps rounded weights until the outermost autocast ends: training under one of its own, in another
    one, would see those of the first step for ever.
    """
    kinds = [kind for kind in AUTOCAST_KINDS if torch.is_autocast_enabled(kind)]
    depth = torch.autocast_increment_nesting() - 1
    for _ in range(depth + 1):
        torch.autocast_decrement_nesting()
    for kind in kinds:
        torch.set_autocast_enabled(kind, False)
    try:
        yield
    finally:
        for kind in kinds:
            torch.set_autocast_enabled(kind, True)
        for _ in range(depth):
            torch.autocast_increment_nesting()


@contextmanager
def only_deterministic(enabled: bool = True) -> Iterator[None]:
    """Inside, if enabled, torch runs only deterministic operations; afterwards as before.

    Raises:
        ResourceError: an operation has no deterministic form on this device.
    """
    if not enabled:
        yield
        return
    cudnn = torch.backends.cudnn
    before, cublas_before = torch.get_deterministic_debug_mode(), os.environ.get(CUBLAS)
    cudnn_before = cudnn.benchmark, cudnn.deterministic
    os.environ.setdefault(CUBLAS, ":4096:8")  # read when CUDA's first matrix product is computed
    torch.use_deterministic_algorithms(True)
    cudnn.benchmark, cudnn.deterministic = False, True
    try:
        yield
    except Exception as error:
        cause = error if isinstance(error, RuntimeError) else error.__cause__
        if isinstance(cause, RuntimeError) and "deterministic" in str(cause):
            raise ResourceError(
                "--deterministic: an operation has no deterministic implementation on this device; run"
                f" without it: {first_line(cause)}"
            ) from error
        raise
    finally:
        torch.use_deterministic_algorithms(before > 0, warn_only=before == 1)
        cudnn.benchmark, cudnn.deterministic = cudnn_before
        if cublas_before is None:
            os.environ.pop(CUBLAS, None)
