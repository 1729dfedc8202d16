"""The classifier whose features stand in for Inception's on scikit-learn's 8×8 digits.

Its weights ship with gancross; `benchmarks/train_digits_cnn.py` makes them from the training digits.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from safetensors.torch import load
from torch import nn

WEIGHTS = Path(__file__).with_name("digits_cnn.safetensors")
DIMENSION = 64
CLASSES = 10


class DigitsCNN(nn.Module):
    """8×8 → 8×8 → 4×4 → 2×2 by 3×3 convolutions, then 64 features and 10 logits.

    SiLU throughout: a dead ReLU would make the covariance of the features singular.
    """

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1), nn.SiLU(),
            nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.SiLU(),
            nn.Conv2d(32, 32, 3, stride=2, padding=1), nn.SiLU(),
            nn.Flatten(), nn.Linear(32 * 2 * 2, DIMENSION), nn.SiLU(),
        )  # fmt: skip
        self.head = nn.Linear(DIMENSION, CLASSES)

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """uint8 (N, 1, 8, 8) → features (N, 64) and logits (N, 10)."""
        features: torch.Tensor = self.body(images.to(torch.float32) / 255)
        return features, self.head(features)


def load_digits_cnn() -> tuple[DigitsCNN, str]:
    """The shipped network in evaluation mode, and the SHA-256 of its weights file."""
    content = WEIGHTS.read_bytes()
    network = DigitsCNN()
    network.load_state_dict(load(content))
    return network.eval().requires_grad_(False), hashlib.sha256(content).hexdigest()
