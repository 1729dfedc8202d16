"""The optimal score v of each f-GAN for a given log-ratio: g_f⁻¹(f'(p/q)), derived by hand."""

from __future__ import annotations

import torch

from gancross.divergences import Function

OPTIMAL_SCORE: dict[str, Function] = {
    "gan": lambda log_ratio: log_ratio,
    "jensen-shannon": lambda log_ratio: log_ratio,
    "kl": lambda log_ratio: 1 + log_ratio,
    "reverse-kl": lambda log_ratio: log_ratio,
    "pearson": lambda log_ratio: 2 * torch.expm1(log_ratio),
    "neyman": lambda log_ratio: 2 * log_ratio,
    "squared-hellinger": lambda log_ratio: log_ratio / 2,
}
