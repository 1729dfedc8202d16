"""How networks lie in memory while they are evaluated: channels last where that is faster and safe.

oneDNN, which computes torch's convolutions on most CPUs, wants the channels of a pixel side by side. Of
networks in the usual order (N, C, H, W) it turns over every input and every output; with weights in
channels-last order nothing is turned over: ResNets take about half of their time, DCGANs of width 16 about
four fifths, those of width 64, where arithmetic outweighs the turning, about all of it (measured by
`benchmarks/speed/layout.py`). Sums then run in another order and scores move in their last bits, so which
order a network has is a rule of the protocol and no choice: it depends on the network and the device alone.

- Networks of `gancross.models` on a CPU with oneDNN lie channels last.
- Others stay as they are: `.view` in their code may fail in any other order than theirs.
- On other devices all stay as they are: cuDNN's channels-last kernels are made for half precision and TF32,
  which cross-tests do not use.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from itertools import chain

import torch
from torch import nn

from gancross.data.sets import to_network
from gancross.models.architectures import architecture_of


def is_channels_last(network: nn.Module, device: torch.device) -> bool:
    """Whether the rule has this network lie channels last on this device."""
    return device.type == "cpu" and has_onednn() and architecture_of(network) is not None


def has_onednn() -> bool:
    """Whether this torch computes convolutions on a CPU with oneDNN."""
    return bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]


class ChunkLayouts:
    """A chunk in contiguous and in channels-last layout; each is made when it is first needed.

    A network of channels-last weights makes channels-last images, so between two of them none is turned over.
    """

    def __init__(self, chunk: torch.Tensor) -> None:
        self._chunk = chunk
        self._ready: dict[tuple[float, float], torch.Tensor] = {}

    @cached_property
    def contiguous(self) -> torch.Tensor:
        """(N, C, H, W) in this order, or vectors."""
        return self._chunk.contiguous()

    @cached_property
    def channels_last(self) -> torch.Tensor:
        """The same values."""
        return turned(self._chunk)

    def ready(self, data_range: tuple[float, float]) -> torch.Tensor:
        """Channels last in a range of values, once for all of gancross' own networks, which only read it.

        Made for each judge it would be megabytes that the allocator hands back and faults in again.
        """
        if data_range not in self._ready:
            self._ready[data_range] = to_network(self.channels_last, data_range)
        return self._ready[data_range]


def turned(samples: torch.Tensor) -> torch.Tensor:
    """Images channels last, as their first convolution would turn them over; vectors as they are."""
    return samples.contiguous(memory_format=torch.channels_last) if samples.ndim == 4 else samples


@contextmanager
def laid_out(network: nn.Module, device: torch.device) -> Iterator[None]:
    """Inside, the network lies as the rule has it; afterwards its tensors are the very ones from before."""
    if not is_channels_last(network, device):
        yield
        return
    tensors = chain(network.parameters(), network.buffers())
    before = [(tensor, tensor.data) for tensor in tensors if tensor.ndim == 4]
    network.to(memory_format=torch.channels_last)
    try:
        yield
    finally:
        for tensor, data in before:
            tensor.data = data
