"""A recipe: everything that decides a training run.

Modules of this package do not import torch, so that `gancross recipes` and `--help` start fast.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from gancross.divergences import DIVERGENCES, TOTAL_VARIATION, no_total_variation
from gancross.errors import UsageError, has_unprintable, printable, unknown_name
from gancross.trainer.objective.weightings import WEIGHTINGS
from gancross.trainer.recipes import fields
from gancross.trainer.recipes.experiments import BETAS, CLIP, EXPERIMENTS, GAMMA_DECAY, GRADIENT_PENALTY, ROOT
from gancross.trainer.recipes.fields import Setting, one_of, within

OBJECTIVES = ("js-logit", *DIVERGENCES, "lsgan", "wgan", "wgan-gp")
REGULARIZERS = (*WEIGHTINGS, "gradient-penalty", "none")
SINGLE_GENERATOR_LOSS = ("lsgan", "wgan", "wgan-gp")
REGULARIZER_FIELDS = (
    "regularizer", "anneal", "regularize_generator", "regularize_generator_from", "penalty_every",
    "penalty_fraction",
)  # fmt: skip


def matching_regularizers(objective: str) -> tuple[str, ...]:
    """The regularizers that an objective can be trained with; the first is its default."""
    if objective == "wgan-gp":
        return ("gradient-penalty",)
    fitting = (name for name, weighting in WEIGHTINGS.items() if objective in weighting.objectives)
    return (*fitting, "none")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that decides a training run: the same recipe on the same machine gives the same weights.

    Attributes:
        name: the recipe from which this one derives.
        data: a data set's name (`gancross datasets`), or `folder:PATH`.
        image_size: side in pixels to which images are resized; None: not resized.
        batch_size: real and generated samples of one update, each (m of Algorithm 1).
        network: family of the generator–discriminator pair.
        width: unit of width of that family; the paper's is 128 (mlp) and 64 (images).
        normalization: `batch`, `none`, or `layer`: layer norm in D and batch norm in G (WGAN-GP).
        activation: `relu` (ReLU in G, leaky ReLU 0.2 in D) or `tanh`, where the family has the choice.
        latent_dim: dimension of the latent z.
        latent: prior of z: `normal`, `uniform` on [−1, 1], `uniform01` on [0, 1].
        objective: `js-logit` (Eqs. 2, 20), an f-GAN by its divergence (Eqs. 7, 19), `lsgan`, `wgan`,
            `wgan-gp`; the formulas stand in `objectives`.
        regularizer: `jensen-shannon` (Ω_JS of Eq. 20, for js-logit), `f-divergence` (Ω_f of Eq. 19, for
            the f-GANs), `gradient-penalty` (wgan-gp only) or `none`.
        gamma: γ, variance of the virtual noise; γ₀ under annealing.
        anneal: γ_t = γ₀·α^(t/T) (Algorithm 1) instead of a constant γ.
        gamma_decay: α of the annealing.
        gradient_penalty: λ of wgan-gp.
        clip: bound on every weight of wgan's critic.
        n_phi: discriminator updates per generator update (n_φ).
        update: `alternating`, Algorithm 1; `simultaneous`: both players' gradients at the same weights and
            the same samples (a change of the algorithm; requires n_phi = 1).
        penalty_every: k > 1: the noise-induced penalty, weighted by k, gets a separate optimizer step after
            every k-th discriminator update (lazy regularization; Adam's rate and β are adjusted).
        penalty_fraction: fraction of each batch, its first samples (rounded up), over which Ω is averaged.
        generator_loss: `non-saturating` or `saturating`; lsgan, wgan and wgan-gp have only one.
        regularize_generator: the generator minimises the regularized objective, too (§4.1).
        regularize_generator_from: first step at which it does; earlier steps equal those of a run without.
        noise: explicit noise on the discriminator's inputs: `gaussian`, `laplacian` or `none` (§5.4).
        noise_variance: of that noise, per dimension.
        nsr: noise vectors per distinct sample (noise-to-signal ratio); a batch has batch_size/nsr samples.
        noise_players: noise in the updates of `both` players or of the `discriminator` only.
        optimizer: `adam` or `rmsprop`, for both networks.
        learning_rate: for both networks.
        beta1, beta2: Adam's decay rates of the moments.
        ema: β of an exponential average of the generator's weights, which checkpoints and pictures then
            use; 0: no average, as in the paper.
        steps: generator updates (T).
        seed: of initial weights, latents, noise and data order.

    A field that has no effect is set to its neutral value, so that equal runs have equal recipes: γ = 0 and
    `regularizer=none` give the same one.
    """

    name: str
    data: str
    image_size: int | None = within("[1, 4096]")
    batch_size: int = within("[1, 1048576]")
    network: str
    width: int = within("[1, 16384]")
    normalization: Literal["batch", "none", "layer"]
    activation: Literal["relu", "tanh"]
    latent_dim: int = within("[1, 65536]")
    latent: Literal["normal", "uniform", "uniform01"]
    objective: str = one_of(OBJECTIVES)
    regularizer: str = one_of(REGULARIZERS)
    gamma: float = within("[0, inf)")
    anneal: bool
    gamma_decay: float = within("(0, 1]")
    gradient_penalty: float = within("(0, inf)")
    clip: float = within("(0, inf)")
    n_phi: int = within("[1, 1000]")
    update: Literal["alternating", "simultaneous"]
    penalty_every: int = within("[1, 1000000]")
    penalty_fraction: float = within("(0, 1]")
    generator_loss: Literal["non-saturating", "saturating"]
    regularize_generator: bool
    regularize_generator_from: int = within("[1, 1e12]")
    noise: Literal["none", "gaussian", "laplacian"]
    noise_variance: float = within("[0, inf)")
    nsr: int = within("[1, 1048576]")
    noise_players: Literal["both", "discriminator"]
    optimizer: Literal["adam", "rmsprop"]
    learning_rate: float = within("(0, 1]")
    beta1: float = within("[0, 1)")
    beta2: float = within("[0, 1)")
    ema: float = within("[0, 1)")
    steps: int = within("[1, 1e12]")
    seed: int = within("[0, 9e18]")

    def __post_init__(self) -> None:
        if TOTAL_VARIATION in (self.objective, self.regularizer):
            raise no_total_variation()
        hints = typing.get_type_hints(Recipe)
        for spec in dataclasses.fields(self):
            fields.check(spec.name, getattr(self, spec.name), hints[spec.name], spec.metadata)
        if has_unprintable(self.data):
            raise UsageError(
                f"data '{printable(self.data)}': rename the folder; a name with control characters, or"
                " that is not UTF-8, cannot be stored in a checkpoint"
            )
        self._check_together()
        if self.regularizer in WEIGHTINGS and self.gamma == 0.0:
            object.__setattr__(self, "regularizer", "none")
        for name, neutral, _ in self._neutral_fields():
            object.__setattr__(self, name, neutral)

    def with_changes(self, changes: Mapping[str, Setting]) -> Recipe:
        """A copy with some fields replaced.

        A new `objective` sets its default regularizer unless `changes` names one: Ω_JS for js-logit, Ω_f for
        an f-GAN, the gradient penalty for wgan-gp, none for lsgan and wgan. γ and all other fields stay, so
        an unregularized js-logit becomes an unregularized f-GAN.

        Raises:
            UsageError: unknown key (the nearest field is suggested), bad value, or value without effect.
        """
        names = [spec.name for spec in dataclasses.fields(Recipe)]
        for key in changes:
            if key not in names:
                raise unknown_name("recipe key", key, names)
        complete = typing.cast(dict[str, Any], dict(changes))
        objective = complete.get("objective", self.objective)
        if objective != self.objective and objective in OBJECTIVES:
            complete = {"regularizer": matching_regularizers(objective)[0]} | complete
        changed = dataclasses.replace(self, **complete)
        changed._check_effective(changes)
        return changed

    def to_dict(self) -> dict[str, Setting]:
        """All fields as plain values, as `recipe.json` and checkpoints hold them."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Setting]) -> Recipe:
        """The inverse of `to_dict`; the named recipe supplies fields that an older version did not have.

        Raises:
            UsageError: unknown keys or bad values.
        """
        name = str(values.get("name"))
        return experiment(name if name in EXPERIMENTS else ROOT).with_changes(values)

    @property
    def method(self) -> str:
        """Name and overrides without the seed: what runs of one method have in common."""
        if self.name not in EXPERIMENTS:
            return self.name
        base = experiment(self.name)
        implied = {name for name, _, _ in self._neutral_fields()}
        changed = {
            key: value
            for key, value in self.to_dict().items()
            if value != getattr(base, key) and key not in ("seed", "name", *implied)
        }
        return " ".join([self.name, *(f"{key}={value}" for key, value in changed.items())])

    def gamma_at(self, step: int) -> float:
        """γ_t of Algorithm 1 for step t = 1..T: γ₀·α^(t/T) under annealing, else γ."""
        return self.gamma * self.gamma_decay ** (step / self.steps) if self.anneal else self.gamma

    def generator_gamma_at(self, step: int) -> float:
        """γ_t of the generator's regularized objective; 0 where the generator's loss is not regularized."""
        regularized = self.regularize_generator and step >= self.regularize_generator_from
        return self.gamma_at(step) if regularized else 0.0

    def _check_together(self) -> None:
        allowed = matching_regularizers(self.objective)
        if self.regularizer not in allowed:
            raise UsageError(
                f"regularizer={self.regularizer} does not fit objective={self.objective}: use regularizer="
                + " or ".join(allowed)
            )
        if self.noise != "none" and self.noise_variance == 0.0:
            raise UsageError(f"noise={self.noise} needs noise_variance above 0")
        if self.update == "simultaneous":
            self._check_simultaneous()
        if self.penalty_every > 1 and self.optimizer != "adam":
            raise UsageError("penalty_every above 1 needs optimizer=adam, whose rate and β it adjusts")
        if self.batch_size % self.nsr:
            raise UsageError(f"batch_size={self.batch_size} is not divisible by nsr={self.nsr}")

    def _check_simultaneous(self) -> None:
        if self.n_phi != 1:
            raise UsageError(f"update=simultaneous needs n_phi=1, got {self.n_phi}")
        if self.regularize_generator:
            raise UsageError("update=simultaneous has no regularize_generator: use update=alternating")
        if self.noise != "none" and self.noise_players != "both":
            raise UsageError(
                "update=simultaneous needs noise_players=both: both players see the same samples"
            )

    def _neutral_fields(self) -> Iterator[tuple[str, Setting, str]]:
        """(field, neutral value, reason) for every field that has no effect in this recipe."""
        if self.regularizer not in WEIGHTINGS:
            why = f"objective={self.objective} with regularizer={self.regularizer} has no γ"
            yield from (("gamma", 0.0, why), ("anneal", False, why), ("regularize_generator", False, why))
            yield from (("penalty_every", 1, why), ("penalty_fraction", 1.0, why))
        if not self.regularize_generator or self.regularizer not in WEIGHTINGS:
            why = "set regularize_generator=true"
            yield "regularize_generator_from", 1, why
        if self.objective in SINGLE_GENERATOR_LOSS:
            why = f"objective={self.objective} has only one generator loss"
            yield "generator_loss", "non-saturating", why
        if not self.anneal or self.regularizer not in WEIGHTINGS:
            yield "gamma_decay", GAMMA_DECAY, "set anneal=true"
        if self.optimizer != "adam":
            why = f"optimizer={self.optimizer} has no β"
            yield from (("beta1", BETAS[0], why), ("beta2", BETAS[1], why))
        if self.noise == "none":
            why = "there is no noise; set noise=gaussian or noise=laplacian"
            yield from (("noise_variance", 0.0, why), ("nsr", 1, why), ("noise_players", "both", why))
        if self.objective != "wgan":
            yield "clip", CLIP, "only objective=wgan clips weights"
        if self.objective != "wgan-gp":
            yield "gradient_penalty", GRADIENT_PENALTY, "only objective=wgan-gp has a gradient penalty"

    def _check_effective(self, changes: Mapping[str, Setting]) -> None:
        """Refuses changes to fields that have no effect; γ = 0 means no regularizer."""
        if changes.get("gamma") == 0.0 and self.regularizer == "none":
            changes = {key: value for key, value in changes.items() if key not in REGULARIZER_FIELDS}
        if changes.get("regularizer", self.regularizer) != self.regularizer:
            raise UsageError(f"regularizer={changes['regularizer']} needs gamma above 0")
        for key, neutral, why in self._neutral_fields():
            if changes.get(key, neutral) != neutral:
                raise UsageError(f"{key}={changes[key]} would do nothing: {why}")


def parse_setting(text: str) -> tuple[str, Setting]:
    """`key=value` of the command line as (key, value), the value in the type of the recipe's field.

    Raises:
        UsageError: no `=`, an unknown key, or a value that does not parse.
    """
    key, separator, value = text.partition("=")
    if not separator:
        raise UsageError(f"--set {text}: write key=value, for example --set width=16")
    hints = typing.get_type_hints(Recipe)
    if key not in hints:
        raise unknown_name("recipe key", key, hints)
    return key, fields.parse(key, value, hints[key])


@cache
def experiment(name: str) -> Recipe:
    """The recipe of one line of `EXPERIMENTS`: its parent's with the differences."""
    entry = EXPERIMENTS[name]
    changes = {"name": name, **entry.differences}
    if entry.parent is None:
        return Recipe(**typing.cast(dict[str, Any], changes))
    return experiment(entry.parent).with_changes(changes)
