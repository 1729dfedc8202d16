"""Which device to compute on, and how exactly."""

from __future__ import annotations

import torch

from gancross.errors import ResourceError, UsageError


def resolve_device(name: str) -> torch.device:
    """The device called `auto`, `cpu`, `cuda`, `cuda:i` or `mps`, set to full float32 precision.

    `auto` is CUDA where there is one, else the CPU; MPS only by name.

    Raises:
        UsageError: no such kind of device.
        ResourceError: this machine has none of that kind.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise UsageError(f"device '{name}': choose auto, cpu, cuda, cuda:0, … or mps") from None
    if device.type == "cuda":
        count = torch.cuda.device_count()
        if (device.index or 0) >= count:
            raise ResourceError(f"device '{name}': this machine has {count} usable CUDA devices")
        # Convolutions would otherwise round to TF32, and judges' scores with them.
        torch.backends.cudnn.allow_tf32 = False
        torch.backends.cuda.matmul.allow_tf32 = False
    elif device.type == "mps":
        if not torch.backends.mps.is_available():
            raise ResourceError("device 'mps': this machine has none")
    elif device.type != "cpu":
        raise UsageError(f"device '{name}': choose auto, cpu, cuda, cuda:0, … or mps")
    return device
