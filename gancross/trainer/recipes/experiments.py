"""The experiments as a table: one line per recipe, with its parent and what differs from it.

Where the paper and the authors' program differ, the table follows the program.
"""

from __future__ import annotations

from collections.abc import Iterable

from gancross.trainer.recipes.conditional import CONDITIONAL
from gancross.trainer.recipes.experiment import (
    AUXILIARY_WEIGHT,
    BETAS,
    CLIP,
    GAMMA_DECAY,
    GRADIENT_PENALTY,
    LECAM_DECAY,
    Experiment,
)
from gancross.trainer.recipes.fields import Setting
from gancross.trainer.recipes.habits import HABITS_OFF
from gancross.trainer.recipes.variants import VARIANTS

ROOT = "mixture"
_ROOT: dict[str, Setting] = {
    "data": "mixture", "image_size": None, "batch_size": 512, "network": "mlp", "width": 128,
    "normalization": "none", "activation": "tanh", "latent_dim": 2, "latent": "normal",
    "objective": "js-logit", "regularizer": "jensen-shannon", "gamma": 0.1, "anneal": False,
    "gamma_decay": GAMMA_DECAY, "gradient_penalty": GRADIENT_PENALTY, "clip": CLIP, "lecam": 0.0,
    "lecam_decay": LECAM_DECAY, "lecam_from": 1, "n_phi": 1,
    "update": "alternating", "penalty_every": 1, "penalty_fraction": 1.0,
    "generator_loss": "non-saturating", "regularize_generator": False, "regularize_generator_from": 1,
    "noise": "none", "noise_variance": 0.0, "nsr": 1, "noise_players": "both", "optimizer": "adam",
    "learning_rate": 1e-3, "beta1": BETAS[0], "beta2": BETAS[1], "ema": 0.0, "steps": 50_000, "seed": 0,
    **HABITS_OFF,
    "conditional": "none", "label_prior": "uniform", "auxiliary_weight": AUXILIARY_WEIGHT,
}  # fmt: skip

_WGAN: dict[str, Setting] = {"objective": "wgan", "optimizer": "rmsprop", "learning_rate": 5e-5, "n_phi": 5}
_WGAN_GP: dict[str, Setting] = {
    "objective": "wgan-gp", "normalization": "layer", "learning_rate": 1e-4, "beta1": 0.0, "beta2": 0.9,
    "n_phi": 5,
}  # fmt: skip
_LSGAN: dict[str, Setting] = {"objective": "lsgan", "optimizer": "rmsprop", "learning_rate": 1e-4}


def _mixtures(parent: str, source: str) -> Iterable[Experiment]:
    """The levels of γ of Figs. 1 and 6, with and without annealing; the parent has γ = 0.1."""
    yield Experiment(f"{parent}-annealed", parent, {"anneal": True}, f"{source}: γ₀ = 0.1 annealed")
    for gamma in (0.01, 1.0):
        name = f"{parent}-gamma{gamma}"
        yield Experiment(name, parent, {"gamma": gamma}, f"{source}: γ = {gamma}")
        yield Experiment(f"{name}-annealed", name, {"anneal": True}, f"{source}: γ₀ = {gamma} annealed")


def _noises(parent: str) -> Iterable[Experiment]:
    """Figs. 4 and 9: explicit noise in place of the regularizer."""
    for variance in (0.01, 0.1, 1.0):
        for nsr in (1, 2, 4, 8):
            name = f"cifar10-noise{variance}" + (f"-nsr{nsr}" if nsr > 1 else "")
            noise: dict[str, Setting] = {
                "regularizer": "none", "noise": "gaussian", "noise_variance": variance, "nsr": nsr,
            }  # fmt: skip
            yield Experiment(
                name, parent, noise, f"§5.4, Figs. 4 and 9: explicit noise {variance}, NSR {nsr}"
            )
            players: dict[str, Setting] = {"noise_players": "discriminator"}
            yield Experiment(
                f"{name}-d-only", name, players, f"Fig. 9: noise {variance}, NSR {nsr}, discriminator only"
            )


def _comparators(parent: str, source: str, *, name: str = "") -> Iterable[Experiment]:
    """The GANs that the paper compares with, with the settings of the authors' program."""
    name = name or parent
    yield Experiment(f"{name}-wgan", parent, _WGAN, f"{source}: WGAN with weight clipping")
    yield Experiment(f"{name}-wgan-gp", parent, _WGAN_GP, f"{source}: WGAN-GP, layer norm in its critic")
    yield Experiment(f"{name}-lsgan", parent, _LSGAN, f"{source}: LSGAN")


_EXPERIMENTS: tuple[Experiment, ...] = (
    Experiment(ROOT, None, _ROOT, "§5.1, §7.3, Fig. 1: seven Gaussians on a tilted plane in 3-D, γ = 0.1"),
    *_mixtures("mixture", "Fig. 1"),
    Experiment("mixture-nphi5", "mixture", {"n_phi": 5},
        "Fig. 6: five discriminator updates per generator update"),
    *_mixtures("mixture-nphi5", "Fig. 6"),
    Experiment("mixture-z15", "mixture", {"latent_dim": 15}, "§7.3: 15-dimensional latents"),
    Experiment("cifar10-dcgan", "mixture", {
        "data": "cifar10", "batch_size": 64, "network": "dcgan32", "width": 64, "normalization": "batch",
        "activation": "relu", "latent_dim": 100, "latent": "uniform", "learning_rate": 2e-4,
        "steps": 39_050}, "§5.4, §5.5: DCGAN on CIFAR-10, 50 epochs"),  # of 781 batches
    Experiment("cifar10-dcgan-gamma0.001", "cifar10-dcgan", {"gamma": 0.001}, "Fig. 4: γ = 0.001"),
    Experiment("cifar10-dcgan-gamma0.01", "cifar10-dcgan", {"gamma": 0.01}, "Fig. 4: γ = 0.01"),
    Experiment("cifar10-dcgan-gamma0.1", "cifar10-dcgan", {"gamma": 0.1},
        "Fig. 4: γ = 0.1, cifar10-dcgan itself"),
    Experiment("cifar10-dcgan-gamma1.0", "cifar10-dcgan", {"gamma": 1.0}, "Fig. 4: γ = 1"),
    Experiment("cifar10-dcgan-lr1e-3", "cifar10-dcgan", {"learning_rate": 1e-3}, "§7.4: learning rate 1e-3"),
    Experiment("cifar10-dcgan-lr1e-4", "cifar10-dcgan", {"learning_rate": 1e-4}, "§7.4: learning rate 1e-4"),
    *_noises("cifar10-dcgan"),
    Experiment("cifar10-noise0.1-laplacian", "cifar10-noise0.1", {"noise": "laplacian"},
        "§3.1: Laplacian noise 0.1"),
    *_comparators("cifar10-dcgan", "§1, §5.2", name="cifar10"),
    Experiment("lsun-resnet", "cifar10-dcgan", {
        "data": "lsun-bedroom", "image_size": 64, "network": "resnet64", "latent_dim": 128,
        "latent": "normal", "gamma": 2.0, "anneal": True, "steps": 200_000},
        "§5.2, Figs. 2 and 8: ResNet on LSUN bedrooms"),
    Experiment("lsun-dcgan", "lsun-resnet", {"network": "dcgan64"}, "§5.2, Fig. 2: DCGAN"),
    Experiment("lsun-dcgan-no-normalization", "lsun-dcgan", {"normalization": "none"},
        "Fig. 2: no normalization"),
    Experiment("lsun-dcgan-tanh", "lsun-dcgan", {"activation": "tanh"}, "Fig. 2: tanh in both networks"),
    Experiment("lsun-constant-filters", "lsun-dcgan", {"network": "constant-filters64"},
        "authors' program, §5.2"),
    Experiment("lsun-mlp", "lsun-dcgan", {"network": "mlp64"}, "authors' program, §5.2"),
    Experiment("lsun-gated", "lsun-dcgan", {"network": "gated64"}, "authors' program, §5.2"),
    Experiment("lsun-resnet101", "lsun-resnet", {"network": "resnet101-64"}, "authors' program, §5.2"),
    *_comparators("lsun-resnet", "§5.2"),
    *_comparators("lsun-dcgan", "§5.2"),
    Experiment("celeba-resnet-gamma2.0", "lsun-resnet", {"data": "celeba", "steps": 100_000},
        "Fig. 3: γ₀ = 2"),
    Experiment("celeba-resnet-gamma1.0", "celeba-resnet-gamma2.0", {"gamma": 1.0}, "Fig. 3: γ₀ = 1"),
    Experiment("celeba-resnet-gamma0.5", "celeba-resnet-gamma2.0", {"gamma": 0.5}, "Fig. 3: γ₀ = 0.5"),
    Experiment("digits", "cifar10-dcgan", {
        "data": "digits", "network": "dcgan8", "width": 32, "latent_dim": 16, "latent": "normal",
        "steps": 10_000}, "ours: the DCGAN family at 8×8 on scikit-learn's digits"),
    Experiment("digits-annealed", "digits", {"gamma": 2.0, "anneal": True}, "ours: annealing on the digits"),
    Experiment("digits-noise0.1-nsr4", "digits", {
        "regularizer": "none", "noise": "gaussian", "noise_variance": 0.1, "nsr": 4},
        "ours: §5.4 on the digits, explicit noise 0.1, NSR 4"),
    *_comparators("digits", "ours: on the digits"),
)  # fmt: skip

EXPERIMENTS: dict[str, Experiment] = {entry.name: entry for entry in (*_EXPERIMENTS, *VARIANTS, *CONDITIONAL)}
