"""Where images and convolutions' weights lie in memory: contiguous, or with their channels last.

Values, shapes and files are the same; a convolution adds in another order.
"""

from __future__ import annotations

from itertools import chain
from typing import TypeVar

import torch
from torch import nn

Network = TypeVar("Network", bound=nn.Module)


def network_laid_out(network: Network, *, channels_last: bool) -> Network:
    """The network itself, with weights of four axes in `torch.channels_last` if asked, else as they are."""
    for tensor in chain(network.parameters(), network.buffers()) if channels_last else ():
        if tensor.ndim == 4:  # `Module.to` refuses volumes, of five axes
            tensor.data = tensor.data.to(memory_format=torch.channels_last)
    return network


def batch_laid_out(batch: torch.Tensor, *, channels_last: bool) -> torch.Tensor:
    """Images (N, C, H, W) in `torch.channels_last` if asked; vectors, and images otherwise, as they are."""
    if not channels_last or batch.ndim != 4:
        return batch
    return batch.contiguous(memory_format=torch.channels_last)
