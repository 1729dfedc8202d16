"""Conditional recipes: labels by projection, by classification, by concatenation.

All have the paper's Ω_JS with γ = 0.1; projection and AC-GAN come from papers that regularize otherwise, by
spectral norm or not at all.
"""

from __future__ import annotations

from gancross.trainer.recipes.experiment import Experiment
from gancross.trainer.recipes.fields import Setting

_PROJECTION: dict[str, Setting] = {"conditional": "labels", "normalization": "none"}
_ACGAN: dict[str, Setting] = {"conditional": "acgan"}
_MIYATO = "Miyato and Koyama 2018: conditional batch norm, projection"
_ODENA = "Odena et al. 2017: AC-GAN, λ = 1"

CONDITIONAL: tuple[Experiment, ...] = (
    Experiment("mixture-conditional", "mixture", {"network": "projection-mlp", "conditional": "labels"},
        "ours: the mixture by its modes, projection"),
    Experiment("digits-projection", "digits", {"network": "projection8", **_PROJECTION}, _MIYATO),
    Experiment("digits-acgan", "digits", {"network": "acgan8", **_ACGAN}, _ODENA),
    Experiment("digits-conditional", "digits", {"network": "conditional-dcgan8", "conditional": "labels"},
        "authors' program: conditional DCGAN, at 8×8"),
    Experiment("cifar10-projection", "cifar10-dcgan", {"network": "projection32", **_PROJECTION}, _MIYATO),
    Experiment("cifar10-acgan", "cifar10-dcgan", {"network": "acgan32", **_ACGAN}, _ODENA),
    Experiment("mnist-conditional", "cifar10-dcgan", {
        "data": "mnist", "network": "conditional-dcgan28", "conditional": "labels", "steps": 9_370},
        "authors' program: conditional DCGAN on MNIST, 10 epochs"),  # of 937 batches
)  # fmt: skip
