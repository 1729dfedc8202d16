"""The score v at which each f-GAN is optimal for a known log-ratio: g_f⁻¹(f'(p/q)), worked out by hand."""

from __future__ import annotations

from collections.abc import Callable

import torch

OPTIMAL_SCORE: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "gan": lambda log_ratio: log_ratio,
    "jensen-shannon": lambda log_ratio: log_ratio,
    "kl": lambda log_ratio: 1 + log_ratio,
    "reverse-kl": lambda log_ratio: log_ratio,
    "pearson": lambda log_ratio: 2 * torch.expm1(log_ratio),
    "neyman": lambda log_ratio: 2 * log_ratio,
    "squared-hellinger": lambda log_ratio: log_ratio / 2,
}
