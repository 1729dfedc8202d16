"""The fields of a recipe about what its players minimise, and in which order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from gancross.divergences import DIVERGENCES
from gancross.errors import UsageError
from gancross.trainer.objective.slope_penalties import SLOPE_PENALTIES, SlopePenalty
from gancross.trainer.objective.weightings import WEIGHTINGS, Weighting
from gancross.trainer.recipes.experiment import CLIP, GAMMA_DECAY, GRADIENT_PENALTY, LECAM_DECAY
from gancross.trainer.recipes.fields import NeutralField, one_of, within
from gancross.trainer.recipes.network_settings import NetworkSettings

OBJECTIVES = ("js-logit", *DIVERGENCES, "lsgan", "hinge", "relativistic", "wgan", "wgan-gp", "wgan-lp")
REGULARIZERS = (*WEIGHTINGS, *SLOPE_PENALTIES, "none")
SINGLE_GENERATOR_LOSS = ("lsgan", "hinge", "relativistic", "wgan", "wgan-gp", "wgan-lp")
PAIRED = ("relativistic",)  # their losses pair each generated sample with a real one
SLOPE_BOUNDED = ("wgan-gp", "wgan-lp")  # critics that mean nothing without their penalty
REGULARIZER_FIELDS = (
    "regularizer", "anneal", "regularize_generator", "regularize_generator_from", "penalty_every",
    "penalty_fraction",
)  # fmt: skip


def matching_regularizers(objective: str) -> tuple[str, ...]:
    """The regularizers that an objective can be trained with; the first is its default."""
    entries: dict[str, Weighting | SlopePenalty] = {**WEIGHTINGS, **SLOPE_PENALTIES}
    fitting = [name for name, entry in entries.items() if objective in entry.objectives]
    fitting += [] if objective in SLOPE_BOUNDED else ["none"]
    default = next((name for name, entry in entries.items() if objective in entry.default_for), "none")
    return (default, *(name for name in fitting if name != default))


@dataclass(frozen=True, kw_only=True)
class ObjectiveSettings(NetworkSettings):
    """What the players minimise.

    Attributes:
        objective: `js-logit` (Eqs. 2, 20), an f-GAN by its divergence (Eqs. 7, 19), `lsgan`, `hinge`,
            `relativistic`, `wgan`, `wgan-gp`, `wgan-lp`; the formulas stand in `objectives`.
        regularizer: `jensen-shannon` (Ω_JS of Eq. 20, for js-logit), `f-divergence` (Ω_f of Eq. 19, for
            the f-GANs); `r1`, `r2`, `r1+r2` or `dragan` (for all but the Wasserstein critics);
            `gradient-penalty` (wgan-gp only), `lipschitz-penalty` (wgan-lp only); or `none`.
        gamma: γ, variance of the virtual noise; γ₀ under annealing. Of R1 and R2 the γ of γ/2·E‖∇ₓv‖²
            (Mescheder et al. 2018), twice the reg_param of GAN_stability.
        anneal: γ_t moves from γ₀ to γ₀·α instead of a constant γ.
        anneal_shape: `exponential`: γ₀·α^(t/T) (Algorithm 1); `cosine`: γ₀·(α + (1 − α)·(1 + cos πt/T)/2)
            (R3GAN: Huang et al. 2024).
        gamma_decay: α of the annealing.
        gradient_penalty: λ of wgan-gp, wgan-lp and dragan.
        clip: bound on every weight of wgan's critic.
        lecam: λ of LeCam's regularizer (Tseng et al. 2021), which may stand beside any other; 0: none.
        lecam_decay: β of the moving averages of the mean scores in it.
        lecam_from: first step with it; before, the averages are the last batch's mean scores.
        n_phi: discriminator updates per generator update (n_φ).
        update: `alternating`, Algorithm 1; `simultaneous`: both players' gradients at the same weights and
            the same samples (a change of the algorithm; requires n_phi = 1).
        penalty_every: k > 1: the penalty γ/2·Ω, weighted by k, gets a separate optimizer step after
            every k-th discriminator update (lazy regularization; Adam's rate and β are adjusted).
        penalty_fraction: fraction of each batch, its first samples (rounded up), over which Ω is averaged.
        generator_loss: `non-saturating` or `saturating`; only js-logit and the f-GANs have both.
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
    lecam: float = within("[0, inf)")
    lecam_decay: float = within("[0, 1)")
    lecam_from: int = within("[1, 1e12]")
    n_phi: int = within("[1, 1000]")
    update: Literal["alternating", "simultaneous"]
    penalty_every: int = within("[1, 1000000]")
    penalty_fraction: float = within("(0, 1]")
    generator_loss: Literal["non-saturating", "saturating"]
    regularize_generator: bool
    regularize_generator_from: int = within("[1, 1e12]")

    @property
    def has_weighting(self) -> bool:
        """Whether the regularizer weighs ‖∇ₓv‖² (`weightings`), with the factor γ/2."""
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
        elif WEIGHTINGS[self.regularizer].weights(self.objective).fake is None:
            why = f"regularizer={self.regularizer} has no term over generated samples"
            yield "regularize_generator", False, why
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
        if self.regularizer not in SLOPE_PENALTIES:
            why = f"only regularizer={' or '.join(SLOPE_PENALTIES)} has a λ"
            yield "gradient_penalty", GRADIENT_PENALTY, why
        if self.lecam == 0.0:
            yield from (("lecam_decay", LECAM_DECAY, "set lecam"), ("lecam_from", 1, "set lecam"))
