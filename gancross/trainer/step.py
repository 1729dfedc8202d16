"""The updates of Algorithm 1, for every recipe.

    D step    minimise  L_D(D(x), D(G(z))) + γ/2·Ω(D; x, G(z))   over D    `discriminator_step`
    G step    minimise  L_G(D(G(z))) [− γ/2·Ω(D; G(z))]          over G    `generator_step`
    both      the same gradients, from one batch at the same weights       `simultaneous_step`

L_D and L_G belong to the recipe's objective (`objective.objectives`), Ω to its regularizer
(`objective.regularizers`): Ω_JS, Ω_f, R1 or R2; λ times a slope penalty in place of γ/2·Ω for WGAN-GP and its
like; weight clipping after the D step for WGAN. LeCam's term is a part of L_D. A paired L_G sees D(x), too.
Conditional players have labels (`labels`); AC-GAN adds λ times its classification loss to both losses.
`gradient.route` computes the gradient of the D step.
D sees samples augmented by `augmentation` and with explicit noise (`noise`). With `accumulate` = k every step
takes its batch in k parts and averages their gradients.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext

import torch

from gancross.models.batch_norm import frozen_averages
from gancross.trainer.gradient.closed_form import DiscriminatorPass, per_sample
from gancross.trainer.objective.objectives import OBJECTIVES
from gancross.trainer.objective.regularizers import penalty_weights, scores_and_penalty
from gancross.trainer.objective.weightings import UNREGULARIZED
from gancross.trainer.precision import autocast, forward
from gancross.trainer.update import Step, StepMetrics, frozen_parameters, mean


def discriminator_step(step: Step, *, real: torch.Tensor, latents: torch.Tensor) -> StepMetrics:
    """One optimizer step of the discriminator down the gradient of L_D + γ/2·Ω.

    Args:
        real: real samples in the networks' range, (N, …), N = `distinct_samples(recipe, …)`.
        latents: (N, d), for as many generated samples.

    Returns:
        Detached scalars on the samples' device: loss (LeCam's term included), mean scores, and the penalty
        (Ω before γ/2, or that of slopes before λ) where this update computed one.
    """
    step.players.discriminator_optimizer.zero_grad(set_to_none=True)
    passes, class_losses = [], []
    for part, (real_part, latents_part) in step.parts(real, latents):
        with torch.no_grad(), frozen_averages(step.players.generator):
            fake = part.generated(latents_part)
        inputs = part.inputs(real_part, "discriminator", "real"), part.inputs(fake, "discriminator", "fake")
        passes.append(part.add_gradients(*inputs))
        class_losses.append(part.add_classification_gradients(*inputs))
    return step.update_discriminator(passes) | _means(class_losses)


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
        Detached scalars: the loss, without the terms of the regularizer and of AC-GAN.
    """
    players, recipe = step.players, step.recipe
    regularized = recipe.regularize_generator and step.gamma > 0.0
    weights = penalty_weights(recipe.regularizer, recipe.objective) if regularized else UNREGULARIZED
    paired = OBJECTIVES[recipe.objective].generator_sees_real
    assert real is not None or not paired, f"objective={recipe.objective} pairs generated with real samples"
    batches = (latents, real) if real is not None and paired else (latents,)
    players.generator_optimizer.zero_grad(set_to_none=True)
    losses = []
    for part, (latents_part, *reals) in step.parts(*batches):
        with frozen_parameters(players.discriminator), frozen_averages(players.discriminator):
            fake = part.inputs(part.generated(latents_part), "generator", "fake")
            with nullcontext() if regularized else autocast(recipe, fake.device):
                scores, penalty = scores_and_penalty(part.discriminator_of_fakes, fake, weights.fake)
            loss = part.generator_loss(real=part.scores_of_reals(reals), fake=scores.to(fake.dtype))
            class_loss = part.generator_class_loss(fake)
            total = loss if class_loss is None else loss + class_loss
            torch.autograd.backward(total - step.gamma / 2 * penalty if regularized else total)
        losses.append(loss.detach())
    norms = step.apply_gradients(players.generator, players.generator_optimizer, "generator")
    return {"loss_generator": mean(losses)} | norms


def simultaneous_step(step: Step, *, real: torch.Tensor, latents: torch.Tensor) -> StepMetrics:
    """Both players' gradients from the same samples at the same weights (`update=simultaneous`).

    In Algorithm 1 the generator responds to the updated discriminator; here it does not. Where D's pass in
    closed form provides ∇ₓφ of each generated sample, the generator's gradient is ∂L_G/∂φ·∇ₓφ,
    backpropagated through the generator alone; elsewhere it takes another pass through D. Arguments and
    result are those of the two steps.
    """
    players = step.players
    players.generator_optimizer.zero_grad(set_to_none=True)
    players.discriminator_optimizer.zero_grad(set_to_none=True)
    passes, losses, class_losses = [], [], []
    for part, (real_part, latents_part) in step.parts(real, latents):
        real_inputs = part.inputs(real_part, "discriminator", "real")
        fake = part.inputs(part.generated(latents_part), "discriminator", "fake")
        passes.append(part.add_gradients(real_inputs, fake.detach()))
        losses.append(_add_response(part, passes[-1].result, fake))
        class_losses.append(part.add_classification_gradients(real_inputs, fake.detach()))
    metrics = step.update_discriminator(passes) | _means(class_losses) | {"loss_generator": mean(losses)}
    return metrics | step.apply_gradients(players.generator, players.generator_optimizer, "generator")


def _add_response(step: Step, result: DiscriminatorPass, fake: torch.Tensor) -> torch.Tensor:
    """Adds the generator's gradient at the weights of D's pass; returns the loss."""
    discriminator = step.players.discriminator
    with frozen_parameters(discriminator), frozen_averages(discriminator):
        class_loss = step.generator_class_loss(fake)
        if result.input_gradient_fake is None:
            scores = forward(step.discriminator_of_fakes, fake, step.recipe).flatten()
            loss = step.generator_loss(real=result.scores_real, fake=scores)
            torch.autograd.backward(loss if class_loss is None else loss + class_loss)
            return loss.detach()
    scores_N = result.scores_fake.clone().requires_grad_(True)
    loss = step.generator_loss(real=result.scores_real, fake=scores_N)
    (slope_N,) = torch.autograd.grad(loss, scores_N)
    gradient = per_sample(slope_N, fake) * result.input_gradient_fake
    if class_loss is not None:
        gradient = gradient + torch.autograd.grad(class_loss, fake)[0]
    torch.autograd.backward(fake, gradient)
    return loss.detach()


def _means(figures: Sequence[StepMetrics]) -> StepMetrics:
    """The mean of each figure over the parts of a batch."""
    return {key: mean([part[key] for part in figures]) for key in figures[0]}
