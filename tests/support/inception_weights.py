"""A weights file in torch-fidelity's format: random, but with activations of ordinary size."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch_fidelity import FeatureExtractorInceptionV3


class _Blank(FeatureExtractorInceptionV3):  # type: ignore[misc]
    def load_state_dict(self, state: Mapping[str, Any], strict: bool = True, assign: bool = False) -> None:
        """Keeps the random initial weights."""


def random_network() -> Any:
    empty = io.BytesIO()
    torch.save({}, empty)
    empty.seek(0)
    return _Blank("inception-v3-compat", ["2048"], feature_extractor_weights_path=empty)


def images(seed: int, n: int) -> torch.Tensor:
    """Blotches of colour whose scale differs from image to image."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(n, 3, 4, 4, generator=generator) * torch.rand(n, 3, 1, 1, generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, size=(32, 32), mode="bilinear")
    return (smooth * 255).round().to(torch.uint8)


def write_weights(path: Path) -> None:
    """Batch norm is calibrated on one batch: untouched, the features are about 1e-9 and IS is constant."""
    torch.manual_seed(0)
    network = random_network()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.train().momentum = 1.0
    with torch.no_grad():
        network(images(0, 16))
        network.fc.weight.mul_(40)
    torch.save(network.state_dict(), path)
