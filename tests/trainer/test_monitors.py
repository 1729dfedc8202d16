"""Figures that are logged during training."""

from __future__ import annotations

import pytest
import torch

from gancross.data.mixture import means
from gancross.trainer.monitors import collapsed, mixture_figures, spread


def test_collapse_is_detected() -> None:
    generator = torch.Generator().manual_seed(0)
    centres = torch.from_numpy(means()).float()
    real = centres[torch.randint(7, (500,), generator=generator)]
    for modes, expected in ((7, False), (3, False), (2, True), (1, True)):
        fake = centres[torch.arange(500) % modes]
        figures = mixture_figures(fake) | {"spread": float(spread(fake) / spread(real))}
        assert collapsed(figures) == expected
        assert figures["modes"] == modes and figures["within_3_std"] == 1 and figures["plane_distance"] < 1e-6
    assert spread(real) == pytest.approx(float(real.var(0, correction=0).mean().sqrt()))
    assert collapsed({"spread": 0.2}) and not collapsed({"spread": 0.3})
