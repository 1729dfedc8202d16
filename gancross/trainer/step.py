"""The updates of Algorithm 1, for every recipe.

    D step    minimise  L_D(D(x), D(G(z))) + γ/2·Ω(D; x, G(z))   over D    `discriminator_step`
    G step    minimise  L_G(D(G(z))) [− γ/2·Ω(D; G(z))]          over G    `generator_step`
    both      the same gradients, from one batch at the same weights       `simultaneous_step`

L_D and L_G belong to the recipe's objective (`objective.objectives`), Ω to its regularizer
(`objective.regularizers`): Ω_JS, Ω_f, R1 or R2; λ times a slope penalty in place of γ/2·Ω for WGAN-GP and its
like; weight clipping after the D step for WGAN. LeCam's term is a part of L_D. A paired L_G sees D(x), too.
`gradient.route` computes the gradient of the D step.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import KW_ONLY, dataclass, field

import torch
from torch import nn

from gancross.machine.distributed import ALONE, Processes
from gancross.models.batch_norm import frozen_averages
from gancross.trainer.gradient.closed_form import DiscriminatorPass, per_sample
from gancross.trainer.gradient.route import Route, add_gradients, add_penalty_gradients
from gancross.trainer.noise import noisy
from gancross.trainer.objective.objectives import OBJECTIVES
from gancross.trainer.objective.regularizers import clip_weights, penalty_weights, scores_and_penalty
from gancross.trainer.objective.weightings import UNREGULARIZED
from gancross.trainer.recipes.recipe import Recipe

RMSPROP_DECAY = 0.9  # of the mean square, as in the authors' program


@dataclass(frozen=True, kw_only=True)
class Players:
    """Both networks in training mode, their optimizers, and how D's gradient is computed.

    Attributes:
        score_averages: LeCam's moving averages of the mean scores of reals and fakes, (2,); None without.
    """

    generator: nn.Module
    discriminator: nn.Module
    generator_optimizer: torch.optim.Optimizer
    discriminator_optimizer: torch.optim.Optimizer
    route: Route = field(default_factory=Route)
    score_averages: torch.Tensor | None = None


StepMetrics = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Step:
    """One update: of which networks, by which recipe, at which γ.

    Attributes:
        gamma: γ_t ≥ 0; the generator's update uses it with `regularize_generator` only.
        update: index of the player's update, from 0; noise, interpolation and lazy penalties depend on it.
        measure: also return `gradient_discriminator` or `gradient_generator`, the L2 norm of the whole
            parameter gradient.
        processes: among which the batch is divided: real samples and latents are this process's part,
            gradients are averaged.
    """

    players: Players
    recipe: Recipe
    _: KW_ONLY
    gamma: float
    update: int
    measure: bool = False
    processes: Processes = ALONE

    def noisy(self, samples: torch.Tensor, player: str, kind: str) -> torch.Tensor:
        """The `real` or `fake` samples with the explicit noise of this player's update."""
        return noisy(
            samples, self.recipe, player=player, kind=kind, update=self.update, processes=self.processes
        )

    def add_gradients(self, real: torch.Tensor, fake: torch.Tensor) -> DiscriminatorPass:
        """Sets the discriminator's gradient; real and generated samples have their noise."""
        discriminator, route = self.players.discriminator, self.players.route
        self.players.discriminator_optimizer.zero_grad(set_to_none=True)
        return add_gradients(
            discriminator, route, self.recipe, real=real, fake=fake, gamma=self.gamma, update=self.update,
            processes=self.processes, averages=self.players.score_averages,
        )  # fmt: skip

    def generator_loss(self, *, real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
        """L_G from the scores of both batches; of the reals' where the objective's generator sees them."""
        return OBJECTIVES[self.recipe.objective].generator_losses[self.recipe.generator_loss](
            real=real, fake=fake
        )

    def scores_of_reals(self, real: torch.Tensor | None) -> torch.Tensor:
        """D(x) for L_G, (N,), without a gradient; empty where the objective's generator sees no reals."""
        if not OBJECTIVES[self.recipe.objective].generator_sees_real:
            return torch.empty(0)
        assert real is not None, f"objective={self.recipe.objective} pairs generated with real samples"
        with torch.no_grad():
            scores: torch.Tensor = self.players.discriminator(self.noisy(real, "generator", "real"))
        return scores.flatten()

    def update_discriminator(
        self, result: DiscriminatorPass, real: torch.Tensor, fake: torch.Tensor
    ) -> StepMetrics:
        """The optimizer step, then the lazy penalty step or WGAN's weight clipping, if due."""
        recipe, discriminator = self.recipe, self.players.discriminator
        metrics = {
            "loss_discriminator": result.loss,
            "logit_real": result.scores_real.mean(),
            "logit_fake": result.scores_fake.mean(),
        }
        if result.penalty is not None:
            metrics["penalty"] = result.penalty
        elif recipe.penalty_every == 1:
            metrics["penalty"] = torch.zeros_like(result.loss)
        optimizer = self.players.discriminator_optimizer
        metrics |= self.apply_gradients(discriminator, optimizer, "discriminator")
        if self.gamma > 0.0 and recipe.penalty_every > 1 and (self.update + 1) % recipe.penalty_every == 0:
            optimizer.zero_grad(set_to_none=True)
            metrics["penalty"] = add_penalty_gradients(
                discriminator, self.players.route, recipe, real=real, fake=fake, gamma=self.gamma
            )
            self.apply_gradients(discriminator, optimizer, "discriminator")
        if recipe.objective == "wgan":
            clip_weights(discriminator, recipe.clip)
        return metrics

    def apply_gradients(
        self, network: nn.Module, optimizer: torch.optim.Optimizer, player: str
    ) -> StepMetrics:
        """One optimizer step; returns the gradient's norm if it is measured.

        Every loss is a mean over the batch, so the mean gradient over equal parts is the whole batch's.
        DistributedDataParallel cannot average it, because it does not support gradients of gradients.
        """
        gradients = [parameter.grad for parameter in network.parameters() if parameter.grad is not None]
        self.processes.average(gradients)
        norms = {f"gradient_{player}": nn.utils.get_total_norm(gradients)} if self.measure else {}
        optimizer.step()
        return norms


def discriminator_step(step: Step, *, real: torch.Tensor, latents: torch.Tensor) -> StepMetrics:
    """One optimizer step of the discriminator down the gradient of L_D + γ/2·Ω.

    Args:
        real: real samples in the networks' range, (N, …), N = `distinct_samples(recipe, …)`.
        latents: (N, d), for as many generated samples.

    Returns:
        Detached scalars on the samples' device: loss (LeCam's term included), mean scores, and the penalty
        (Ω before γ/2, or that of slopes before λ) where this update computed one.
    """
    with torch.no_grad(), frozen_averages(step.players.generator):
        fake = step.players.generator(latents)
    real, fake = step.noisy(real, "discriminator", "real"), step.noisy(fake, "discriminator", "fake")
    return step.update_discriminator(step.add_gradients(real, fake), real, fake)


def generator_step(step: Step, *, latents: torch.Tensor, real: torch.Tensor | None = None) -> StepMetrics:
    """One optimizer step of the generator down the gradient of L_G; the discriminator is frozen.

    The discriminator normalises by batch statistics, and its running averages stay as they are. With
    `regularize_generator` the loss is L_G − γ/2·Ω_Q, Ω_Q the term of Ω over generated samples: in
    F_γ = F − γ/2·Ω (Eqs. 19 and 20), which D maximises and G minimises, the penalty has the same sign for
    both, so the generator gains by moving to where the discriminator is steep (the incentive that §4.1
    warns of). The non-saturating loss gets the same term.

    Args:
        latents: (N, d), N = `distinct_samples(recipe, "generator")`.
        real: the real samples of the last discriminator update, as many; for objectives whose generator
            sees them.

    Returns:
        Detached scalars: the loss, without the regularizer's term.
    """
    players, recipe = step.players, step.recipe
    regularized = recipe.regularize_generator and step.gamma > 0.0
    weights = penalty_weights(recipe.regularizer, recipe.objective) if regularized else UNREGULARIZED
    with frozen_parameters(players.discriminator), frozen_averages(players.discriminator):
        fake = step.noisy(players.generator(latents), "generator", "fake")
        scores, penalty = scores_and_penalty(players.discriminator, fake, weights.fake)
        loss = step.generator_loss(real=step.scores_of_reals(real), fake=scores)
        players.generator_optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss - step.gamma / 2 * penalty if regularized else loss)
    norms = step.apply_gradients(players.generator, players.generator_optimizer, "generator")
    return {"loss_generator": loss.detach()} | norms


def simultaneous_step(step: Step, *, real: torch.Tensor, latents: torch.Tensor) -> StepMetrics:
    """Both players' gradients from the same samples at the same weights (`update=simultaneous`).

    In Algorithm 1 the generator responds to the updated discriminator; here it does not. Where D's pass in
    closed form provides ∇ₓφ of each generated sample, the generator's gradient is ∂L_G/∂φ·∇ₓφ,
    backpropagated through the generator alone; elsewhere it takes another pass through D. Arguments and
    result are those of the two steps.
    """
    players = step.players
    real = step.noisy(real, "discriminator", "real")
    fake = step.noisy(players.generator(latents), "discriminator", "fake")
    players.generator_optimizer.zero_grad(set_to_none=True)
    result = step.add_gradients(real, fake.detach())
    if result.input_gradient_fake is None:
        with frozen_parameters(players.discriminator), frozen_averages(players.discriminator):
            scores = players.discriminator(fake).flatten()
            loss = step.generator_loss(real=result.scores_real, fake=scores)
            torch.autograd.backward(loss)
    else:
        scores_N = result.scores_fake.clone().requires_grad_(True)
        loss = step.generator_loss(real=result.scores_real, fake=scores_N)
        (slope_N,) = torch.autograd.grad(loss, scores_N)
        torch.autograd.backward(fake, per_sample(slope_N, fake) * result.input_gradient_fake)
    metrics = step.update_discriminator(result, real, fake.detach()) | {"loss_generator": loss.detach()}
    return metrics | step.apply_gradients(players.generator, players.generator_optimizer, "generator")


def make_optimizer(network: nn.Module, recipe: Recipe, *, lazy: int = 1) -> torch.optim.Optimizer:
    """The recipe's optimizer: Adam (ε 1e-8, fused), or RMSprop (decay 0.9, ε 1e-8, no momentum).

    Args:
        lazy: k > 1: the penalty has its own optimizer step after every k-th update. Adam then takes k + 1
            steps instead of k, so its rate and the logarithms of its β are multiplied by k/(k+1).

    Source: Karras et al. 2020, appendix B.
    """
    parameters = network.parameters()
    if recipe.optimizer == "rmsprop":
        return torch.optim.RMSprop(parameters, lr=recipe.learning_rate, alpha=RMSPROP_DECAY, foreach=True)
    ratio = lazy / (lazy + 1) if lazy > 1 else 1.0
    betas = (recipe.beta1**ratio, recipe.beta2**ratio)
    return torch.optim.Adam(parameters, lr=recipe.learning_rate * ratio, betas=betas, fused=True)


@contextmanager
def frozen_parameters(network: nn.Module) -> Iterator[None]:
    """Inside, autograd computes no gradients of the network's parameters, only through it."""
    trainable = [parameter for parameter in network.parameters() if parameter.requires_grad]
    for parameter in trainable:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in trainable:
            parameter.requires_grad_(True)
