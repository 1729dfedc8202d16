"""Variants that are newer than the paper, each on the mixture, the digits and CIFAR-10.

On images objective, penalty and optimizer are those of the variant's source, as far as it states them;
WGAN-LP's are WGAN-GP's. The mixture keeps its own optimizer and γ: the sources' values are for images.
Networks and batch sizes are those of the data's own recipes, so that variants can be compared with them;
batch and length of `cifar10-r3gan` are its source's. R3GAN's γ falls by a cosine in its program and
exponentially here, as in Algorithm 1, with the same ends.
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
    **_RELATIVISTIC, "gamma": 0.05, "anneal": True, "gamma_decay": 0.1, "beta1": 0.0, "beta2": 0.99,
}  # fmt: skip
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
    ("r3gan", _R3GAN, "Huang et al. 2024: relativistic pairing, R1 + R2, γ annealed exponentially"),
    ("dragan", {"regularizer": "dragan", "learning_rate": 1e-4, "beta2": 0.9}, "Kodali et al. 2017: DRAGAN"),
    ("lecam", _LECAM, "Tseng et al. 2021: LeCam on the hinge loss"),
    ("wgan-lp", {**_CRITIC, "normalization": "layer", "learning_rate": 1e-4},
     "Petzka et al. 2018: WGAN-LP; optimizer and layer norm of Gulrajani et al. 2017"),
)  # fmt: skip

_LENGTHS: dict[str, Settings] = {"cifar10-r3gan": {"batch_size": 512, "steps": 39_063}}  # 2·10⁷ images


def _variants() -> Iterable[Experiment]:
    parents = {"mixture": "mixture", "digits": "digits", "cifar10": "cifar10-dcgan"}
    for data, parent in parents.items():
        entries = _MIXTURE if data == "mixture" else _IMAGES
        for suffix, settings, source in entries:
            name = f"{data}-{suffix}"
            yield Experiment(name, parent, settings | _LENGTHS.get(name, {}), source)


VARIANTS: tuple[Experiment, ...] = tuple(_variants())
