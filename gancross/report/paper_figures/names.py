"""The paper's figures by name; no imports, so that `gancross figure --help` starts fast."""

from __future__ import annotations

FIGURES: dict[str, str] = {
    "fig1": "the mixture: rows are runs with n_phi=1, unregularized first, columns are steps",
    "fig2": "images: regularized runs of several architectures side by side",
    "fig3": "images: runs at several γ₀ side by side",
    "fig4": "images: unregularized, explicit noise and regularizer at several γ",
    "fig5": "the mixture itself, with ten times its standard deviation; takes no run",
    "fig6": "the mixture: as fig1, runs with n_phi above 1",
    "fig7": "images: unregularized runs of several architectures side by side",
    "fig8": "images: one run, one large grid at full resolution",
    "fig9": "images: explicit noise; rows are noise γ and the players that see it, columns are NSR",
}
