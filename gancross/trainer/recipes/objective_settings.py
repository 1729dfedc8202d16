"""The fields of a recipe about what its players minimise, and in which order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from gancross.divergences import DIVERGENCES
from gancross.errors import UsageError
from gancross.trainer.objective.weightings import WEIGHTINGS
from gancross.trainer.recipes.experiment import CLIP, GAMMA_DECAY, GRADIENT_PENALTY
from gancross.trainer.recipes.fields import NeutralField, one_of, within
from gancross.trainer.recipes.network_settings import NetworkSettings

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
class ObjectiveSettings(NetworkSettings):
    """What the players minimise.

    Attributes:
        objective: `js-logit` (Eqs. 2, 20), an f-GAN by its divergence (Eqs. 7, 19), `lsgan`, `wgan`,
            `wgan-gp`; the formulas stand in `objectives`.
        regularizer: `jensen-shannon` (Ω_JS of Eq. 20, for js-logit), `f-divergence` (Ω_f of Eq. 19, for
            the f-GANs), `gradient-penalty` (wgan-gp only) or `none`.
        gamma: γ, variance of the virtual noise; γ₀ under annealing.
        anneal: γ_t moves from γ₀ to γ₀·α instead of a constant γ.
        anneal_shape: `exponential`: γ₀·α^(t/T) (Algorithm 1); `cosine`: γ₀·(α + (1 − α)·(1 + cos πt/T)/2)
            (R3GAN: Huang et al. 2024).
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
    """

    objective: str = one_of(OBJECTIVES)
    regularizer: str = one_of(REGULARIZERS)
    gamma: float = within("[0, inf)")
    anneal: bool
    anneal_shape: Literal["exponential", "cosine"]
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

    @property
    def has_weighting(self) -> bool:
        """Whether the regularizer is one of the noise-induced kind, weighted by γ."""
        return self.regularizer in WEIGHTINGS

    def check_together(self) -> None:
        """As in `NetworkSettings`."""
        super().check_together()
        allowed = matching_regularizers(self.objective)
        if self.regularizer not in allowed:
            raise UsageError(
                f"regularizer={self.regularizer} does not fit objective={self.objective}: use regularizer="
                + " or ".join(allowed)
            )
        if self.update == "simultaneous":
            if self.n_phi != 1:
                raise UsageError(f"update=simultaneous needs n_phi=1, got {self.n_phi}")
            if self.regularize_generator:
                raise UsageError("update=simultaneous has no regularize_generator: use update=alternating")

    def neutral_fields(self) -> Iterator[NeutralField]:
        """As in `NetworkSettings`."""
        yield from super().neutral_fields()
        if not self.has_weighting:
            why = f"objective={self.objective} with regularizer={self.regularizer} has no γ"
            yield from (("gamma", 0.0, why), ("anneal", False, why), ("regularize_generator", False, why))
            yield from (("penalty_every", 1, why), ("penalty_fraction", 1.0, why))
        if not self.regularize_generator or not self.has_weighting:
            yield "regularize_generator_from", 1, "set regularize_generator=true"
        if self.objective in SINGLE_GENERATOR_LOSS:
            yield (
                "generator_loss",
                "non-saturating",
                f"objective={self.objective} has only one generator loss",
            )
        if not self.anneal or not self.has_weighting:
            yield "gamma_decay", GAMMA_DECAY, "set anneal=true"
            yield "anneal_shape", "exponential", "set anneal=true"
        if self.objective != "wgan":
            yield "clip", CLIP, "only objective=wgan clips weights"
        if self.objective != "wgan-gp":
            yield "gradient_penalty", GRADIENT_PENALTY, "only objective=wgan-gp has a gradient penalty"
