"""Variants that are newer than the paper, each on the mixture, the digits and CIFAR-10.

On images objective, penalty and optimizer are those of the variant's source, as far as it states them;
WGAN-LP's are WGAN-GP's. The mixture keeps its own optimizer and γ: the sources' values are for images.
Networks and batch sizes are those of the data's own recipes, so that variants can be compared with them, but
for SNGAN's and R3GAN's on CIFAR-10, which are their sources' whole. Of R3GAN's settings the augmentation is
left out: its program raises p to 0.55 by a schedule. Its average has a half-life of a quarter of the images
seen so far, at the end 5,000 thousand. SNGAN's generator has the discriminator's batch, in its source twice.
"""

from __future__ import annotations

from collections.abc import Iterable

from gancross.trainer.recipes.experiment import Experiment
from gancross.trainer.recipes.fields import Setting

Settings = dict[str, Setting]

_HINGE: Settings = {"objective": "hinge", "beta1": 0.0, "beta2": 0.9, "n_phi": 5}
_LECAM: Settings = {"objective": "hinge", "lecam": 0.3, "lecam_from": 1_001, "beta1": 0.0, "n_phi": 4}
# GAN_stability's reg_param 10 is without the factor ½ of γ/2.
_STABILITY: Settings = {"gamma": 20.0, "optimizer": "rmsprop", "learning_rate": 1e-4, "ema": 0.999}
_RELATIVISTIC: Settings = {"objective": "relativistic", "regularizer": "r1+r2"}
_R3GAN: Settings = {
    **_RELATIVISTIC, "gamma": 0.05, "anneal": True, "anneal_shape": "cosine", "gamma_decay": 0.1,
    "beta1": 0.0, "beta2": 0.9, "beta2_end": 0.99, "schedule": "cosine", "schedule_end": 0.25,
    "ema_half_life": 5_000.0, "ema_ramp_up": 0.25,
}  # fmt: skip
_SNGAN: Settings = {"normalization": "spectral", **_HINGE, "schedule": "linear"}
_CRITIC: Settings = {"objective": "wgan-lp", "beta1": 0.0, "beta2": 0.9, "n_phi": 5}

_MIXTURE: tuple[tuple[str, Settings, str], ...] = (
    ("hinge", {"objective": "hinge"}, "Lim and Ye 2017: hinge loss"),
    ("r1", {"regularizer": "r1"}, "Mescheder et al. 2018: R1"),
    ("r2", {"regularizer": "r2"}, "Mescheder et al. 2018: R2"),
    ("r3gan", _RELATIVISTIC, "Huang et al. 2024: relativistic pairing, R1 + R2"),
    ("dragan", {"regularizer": "dragan"}, "Kodali et al. 2017: DRAGAN"),
    ("lecam", {"objective": "hinge", "lecam": 0.3, "lecam_from": 1_001},
     "Tseng et al. 2021: LeCam on the hinge loss"),
    ("wgan-lp", {"objective": "wgan-lp", "n_phi": 5}, "Petzka et al. 2018: WGAN-LP"),
)  # fmt: skip

_IMAGES: tuple[tuple[str, Settings, str], ...] = (
    ("hinge", _HINGE, "Lim and Ye 2017: hinge loss; optimizer of Miyato et al. 2018"),
    ("r1", {"regularizer": "r1", **_STABILITY}, "Mescheder et al. 2018, GAN_stability: R1"),
    ("r2", {"regularizer": "r2", **_STABILITY}, "Mescheder et al. 2018, GAN_stability: R2"),
    ("sngan", _SNGAN, "Miyato et al. 2018: spectral norm, hinge loss, linear decay"),
    ("r3gan", _R3GAN, "Huang et al. 2024: relativistic pairing, R1 + R2, schedules"),
    ("dragan", {"regularizer": "dragan", "learning_rate": 1e-4, "beta2": 0.9}, "Kodali et al. 2017: DRAGAN"),
    ("lecam", _LECAM, "Tseng et al. 2021: LeCam on the hinge loss"),
    ("wgan-lp", {**_CRITIC, "normalization": "layer", "learning_rate": 1e-4},
     "Petzka et al. 2018: WGAN-LP; optimizer and layer norm of Gulrajani et al. 2017"),
)  # fmt: skip

_WHOLE: dict[str, Settings] = {
    "cifar10-sngan": {"network": "sngan32", "latent_dim": 128, "latent": "normal", "steps": 50_000},
    "cifar10-r3gan": {
        "network": "r3gan32", "width": 768, "normalization": "none", "latent_dim": 64, "latent": "normal",
        "batch_size": 512, "steps": 39_063,  # 2·10⁷ images
    },
}  # fmt: skip
_RESNET: Settings = {"network": "resnet32", "width": 128}


def _variants() -> Iterable[Experiment]:
    parents = {"mixture": "mixture", "digits": "digits", "cifar10": "cifar10-dcgan"}
    for data, parent in parents.items():
        entries = _MIXTURE if data == "mixture" else _IMAGES
        for suffix, settings, source in entries:
            name = f"{data}-{suffix}"
            yield Experiment(name, parent, settings | _WHOLE.get(name, {}), source)
    yield Experiment("cifar10-sngan-resnet", "cifar10-sngan", _RESNET, "Miyato et al. 2018: the same, ResNet")


VARIANTS: tuple[Experiment, ...] = tuple(_variants())
