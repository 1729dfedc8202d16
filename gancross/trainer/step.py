"""The updates of Algorithm 1, for every recipe.

    D step    minimise  L_D(D(x), D(G(z))) + γ/2·Ω(D; x, G(z))   over D    `discriminator_step`
    G step    minimise  L_G(D(G(z))) [− γ/2·Ω(D; G(z))]          over G    `generator_step`
    both      the same gradients, from one batch at the same weights       `simultaneous_step`

L_D and L_G belong to the recipe's objective (`objective.objectives`), Ω to its regularizer
(`objective.regularizers`): Ω_JS or Ω_f, λ times the gradient penalty for WGAN-GP in place of γ/2·Ω, and
weight clipping after the D step for WGAN. Conditional players have labels (`labels`); AC-GAN adds λ times its
classification loss to both losses. `gradient.route` computes the gradient of the D step.
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
from gancross.trainer.labels import BatchLabels, classification_loss, generated, on_fake
from gancross.trainer.noise import noisy
from gancross.trainer.objective.objectives import OBJECTIVES
from gancross.trainer.objective.regularizers import clip_weights, penalty_weights, scores_and_penalty
from gancross.trainer.objective.weightings import UNREGULARIZED
from gancross.trainer.recipes.recipe import Recipe

RMSPROP_DECAY = 0.9  # of the mean square, as in the authors' program


@dataclass(frozen=True, kw_only=True)
class Players:
    """Both networks in training mode, their optimizers, and how D's gradient is computed."""

    generator: nn.Module
    discriminator: nn.Module
    generator_optimizer: torch.optim.Optimizer
    discriminator_optimizer: torch.optim.Optimizer
    route: Route = field(default_factory=Route)


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
        labels: of this update's samples, where the players are conditional.
    """

    players: Players
    recipe: Recipe
    _: KW_ONLY
    gamma: float
    update: int
    measure: bool = False
    processes: Processes = ALONE
    labels: BatchLabels | None = None

    @property
    def discriminator_of_fakes(self) -> nn.Module:
        """The discriminator as a function of generated samples, their labels held fixed."""
        return on_fake(self.players.discriminator, self.labels)

    def generated(self, latents: torch.Tensor) -> torch.Tensor:
        """The generator's samples, of the classes asked for."""
        return generated(self.players.generator, latents, self.labels)

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
            processes=self.processes, labels=self.labels,
        )  # fmt: skip

    def add_classification_gradients(self, real: torch.Tensor, fake: torch.Tensor) -> StepMetrics:
        """Adds AC-GAN's λ·(L_C of reals + L_C of fakes) to D's gradient; batch norm's averages stay."""
        if self.recipe.conditional != "acgan" or self.labels is None:
            return {}
        assert self.labels.real is not None
        discriminator = self.players.discriminator
        with frozen_averages(discriminator):
            loss_real = classification_loss(discriminator, real, self.labels.real)
            loss_fake = classification_loss(discriminator, fake, self.labels.fake)
        torch.autograd.backward(self.recipe.auxiliary_weight * (loss_real + loss_fake))
        return {"class_loss_real": loss_real.detach(), "class_loss_fake": loss_fake.detach()}

    def generator_class_loss(self, fake: torch.Tensor) -> torch.Tensor | None:
        """AC-GAN's λ·L_C of generated samples; None elsewhere."""
        if self.recipe.conditional != "acgan" or self.labels is None:
            return None
        discriminator = self.players.discriminator
        return self.recipe.auxiliary_weight * classification_loss(discriminator, fake, self.labels.fake)

    def generator_loss(self, scores: torch.Tensor) -> torch.Tensor:
        """L_G from the scores of generated samples."""
        return OBJECTIVES[self.recipe.objective].generator_losses[self.recipe.generator_loss](scores)

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
                discriminator, self.players.route, recipe, real=real, fake=fake, gamma=self.gamma,
                labels=self.labels,
            )  # fmt: skip
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
        Detached scalars on the samples' device: loss, mean scores, and the penalty (Ω before γ/2, or
        WGAN-GP's before λ) where this update computed one.
    """
    with torch.no_grad(), frozen_averages(step.players.generator):
        fake = step.generated(latents)
    real, fake = step.noisy(real, "discriminator", "real"), step.noisy(fake, "discriminator", "fake")
    result = step.add_gradients(real, fake)
    class_losses = step.add_classification_gradients(real, fake)
    return step.update_discriminator(result, real, fake) | class_losses


def generator_step(step: Step, *, latents: torch.Tensor) -> StepMetrics:
    """One optimizer step of the generator down the gradient of L_G; the discriminator is frozen.

    The discriminator normalises by batch statistics, and its running averages stay as they are. With
    `regularize_generator` the loss is L_G − γ/2·Ω_Q, Ω_Q the term of Ω over generated samples: in
    F_γ = F − γ/2·Ω (Eqs. 19 and 20), which D maximises and G minimises, the penalty has the same sign for
    both, so the generator gains by moving to where the discriminator is steep (the incentive that §4.1
    warns of). The non-saturating loss gets the same term.

    Args:
        latents: (N, d), N = `distinct_samples(recipe, "generator")`.

    Returns:
        Detached scalars: the loss, without the terms of the regularizer and of AC-GAN.
    """
    players, recipe = step.players, step.recipe
    regularized = recipe.regularize_generator and step.gamma > 0.0
    weights = penalty_weights(recipe.regularizer, recipe.objective) if regularized else UNREGULARIZED
    with frozen_parameters(players.discriminator), frozen_averages(players.discriminator):
        fake = step.noisy(step.generated(latents), "generator", "fake")
        scores, penalty = scores_and_penalty(step.discriminator_of_fakes, fake, weights.fake)
        loss = step.generator_loss(scores)
        class_loss = step.generator_class_loss(fake)
        total = loss if class_loss is None else loss + class_loss
        players.generator_optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(total - step.gamma / 2 * penalty if regularized else total)
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
    fake = step.noisy(step.generated(latents), "discriminator", "fake")
    players.generator_optimizer.zero_grad(set_to_none=True)
    result = step.add_gradients(real, fake.detach())
    if result.input_gradient_fake is None:
        with frozen_parameters(players.discriminator), frozen_averages(players.discriminator):
            loss = step.generator_loss(step.discriminator_of_fakes(fake).flatten())
            class_loss = step.generator_class_loss(fake)
            torch.autograd.backward(loss if class_loss is None else loss + class_loss)
    else:
        scores_N = result.scores_fake.clone().requires_grad_(True)
        loss = step.generator_loss(scores_N)
        (slope_N,) = torch.autograd.grad(loss, scores_N)
        gradient = per_sample(slope_N, fake) * result.input_gradient_fake
        with frozen_parameters(players.discriminator), frozen_averages(players.discriminator):
            class_loss = step.generator_class_loss(fake)
        if class_loss is not None:
            gradient = gradient + torch.autograd.grad(class_loss, fake)[0]
        torch.autograd.backward(fake, gradient)
    class_losses = step.add_classification_gradients(real, fake.detach())
    metrics = step.update_discriminator(result, real, fake.detach()) | class_losses
    metrics |= {"loss_generator": loss.detach()}
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
    network.requires_grad_(False)
    try:
        yield
    finally:
        network.requires_grad_(True)
