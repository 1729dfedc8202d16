"""Mean and covariance of features on the device that computes them.

Fifty thousand features of 2048 numbers take 4·10¹¹ float64 operations, in which a GPU would wait for the CPU,
and 400 MB of copies. On the CPU numpy computes them (`Moments`).

Shape suffixes: N samples, D feature dimensions.
"""

from __future__ import annotations

import torch

from gancross.evaluator.fidelity.frechet import Moments, Statistics

OF_NUMPY = ("cpu", "mps")  # mps has no float64


class DeviceMoments:
    """As `Moments`, of tensors on a device, and equal to them but for the order of sums within a chunk.

    The CPU waits for nothing until `leave_device` or `statistics`. Memory is taken at the first chunk.
    """

    def __init__(self) -> None:
        self._n = 0
        self._sums: tuple[torch.Tensor, torch.Tensor] | None = None  # mean (D,) and scatter (D, D)

    def add(self, features_ND: torch.Tensor) -> None:
        """Takes in one chunk, (N, D) on the device; an empty one changes nothing."""
        m = len(features_ND)
        if m == 0:
            return
        values_ND = features_ND.to(torch.float64)
        mean_of_chunk = values_ND.mean(dim=0)
        centred_ND = values_ND - mean_of_chunk
        total = self._n + m
        if self._sums is None:
            self._sums = mean_of_chunk, centred_ND.T @ centred_ND
        else:
            mean, scatter = self._sums
            delta = mean_of_chunk - mean
            scatter.addmm_(centred_ND.T, centred_ND).addr_(delta, delta, alpha=self._n * m / total)
            mean.add_(delta, alpha=m / total)
        self._n = total

    def leave_device(self) -> None:
        """All chunks were taken in: the sums go to the CPU, which waits for them, and free the device."""
        if self._sums is not None:
            mean, scatter = self._sums
            self._sums = mean.cpu(), scatter.cpu()

    def statistics(self) -> Statistics:
        """What was seen so far; at least two samples."""
        self.leave_device()
        assert self._sums is not None
        mean, scatter = (each.numpy() for each in self._sums)
        return Statistics(n=self._n, mean=mean.copy(), covariance=scatter / (self._n - 1))


def moments_on(device: torch.device, dimension: int) -> Moments | DeviceMoments:
    """Those of features that the device computes."""
    return Moments(dimension) if device.type in OF_NUMPY else DeviceMoments()
