"""The updates of Algorithm 1, for every recipe.

    D step    minimise  L_D(D(x), D(G(z))) + γ/2·Ω(D; x, G(z))   over D    `discriminator_step`
    G step    minimise  L_G(D(G(z))) [− γ/2·Ω(D; G(z))]          over G    `generator_step`
    both      the same gradients, from one batch at the same weights       `simultaneous_step`

L_D and L_G belong to the recipe's objective (`objective.objectives`), Ω to its regularizer
(`objective.regularizers`): Ω_JS, Ω_f, R1 or R2; λ times a slope penalty in place of γ/2·Ω for WGAN-GP and its
like; weight clipping after the D step for WGAN. LeCam's term is a part of L_D. A paired L_G sees D(x), too.
`gradient.route` computes the gradient of the D step.
D sees samples augmented by `augmentation` and with explicit noise (`noise`). With `accumulate` = k every step
takes its batch in k parts and averages their gradients.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import KW_ONLY, dataclass, field, replace
from typing import NamedTuple

import torch
from torch import nn

from gancross.machine.distributed import ALONE, Processes
from gancross.models.batch_norm import frozen_averages
from gancross.trainer.augmentation.adaptive import AdaptiveProbability
from gancross.trainer.augmentation.augment import augmented
from gancross.trainer.gradient.closed_form import DiscriminatorPass, per_sample
from gancross.trainer.gradient.route import Route, add_gradients, add_penalty_gradients
from gancross.trainer.noise import noisy
from gancross.trainer.objective.objectives import OBJECTIVES
from gancross.trainer.objective.regularizers import clip_weights, penalty_weights, scores_and_penalty
from gancross.trainer.objective.weightings import UNREGULARIZED
from gancross.trainer.precision import autocast, forward
from gancross.trainer.recipes.recipe import Recipe


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


class PartPass(NamedTuple):
    """D's pass over one part of a batch, and its inputs."""

    result: DiscriminatorPass
    real: torch.Tensor
    fake: torch.Tensor


@dataclass(frozen=True)
class Step:
    """One update: of which networks, by which recipe, at which γ.

    Attributes:
        gamma: γ_t ≥ 0; the generator's update uses it with `regularize_generator` only.
        update: index of the player's update, from 0; augmentation, noise, interpolation and lazy penalties
            depend on it.
        measure: also return `gradient_discriminator` or `gradient_generator`, the L2 norm of the whole
            parameter gradient.
        processes: among which the batch is divided: real samples and latents are this process's part,
            gradients are averaged.
        ada: the adapted probability of `augment=ada`; the discriminator's updates change it.
    """

    players: Players
    recipe: Recipe
    _: KW_ONLY
    gamma: float
    update: int
    measure: bool = False
    processes: Processes = ALONE
    ada: AdaptiveProbability | None = None

    def parts(self, *batches: torch.Tensor) -> Iterator[tuple[Step, tuple[torch.Tensor, ...]]]:
        """The step and the batches in `accumulate` equal parts, each as the share of one more process.

        So random numbers, which are drawn for the whole batch, are those of the undivided step.
        """
        k, processes = self.recipe.accumulate, self.processes
        for number, parts in enumerate(zip(*(batch.chunk(k) for batch in batches), strict=True)):
            share = replace(processes, rank=processes.rank * k + number, size=processes.size * k)
            yield replace(self, processes=share), parts

    def inputs(self, samples: torch.Tensor, player: str, kind: str) -> torch.Tensor:
        """The `real` or `fake` samples with augmentation and explicit noise of this player's update."""
        probability = None if self.ada is None else self.ada.p
        transformed = augmented(
            samples, self.recipe, player=player, update=self.update, p=probability, processes=self.processes
        )
        return noisy(
            transformed, self.recipe, player=player, kind=kind, update=self.update, processes=self.processes
        )

    def generated(self, latents: torch.Tensor) -> torch.Tensor:
        """G(z) in the recipe's precision."""
        return forward(self.players.generator, latents, self.recipe)

    def add_gradients(self, real: torch.Tensor, fake: torch.Tensor) -> PartPass:
        """Adds to the discriminator's gradient; real and generated samples are its inputs."""
        result = add_gradients(
            self.players.discriminator, self.players.route, self.recipe, real=real, fake=fake,
            gamma=self.gamma, update=self.update, processes=self.processes,
            averages=self.players.score_averages,
        )  # fmt: skip
        return PartPass(result, real, fake)

    def generator_loss(self, *, real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
        """L_G from the scores of both batches; of the reals' where the objective's generator sees them."""
        return OBJECTIVES[self.recipe.objective].generator_losses[self.recipe.generator_loss](
            real=real, fake=fake
        )

    def scores_of_reals(self, reals: Sequence[torch.Tensor]) -> torch.Tensor:
        """D(x) for L_G, (N,), without a gradient; empty where the objective's generator sees no reals."""
        if not reals:
            return torch.empty(0)
        with torch.no_grad():
            inputs = self.inputs(reals[0], "generator", "real")
            return forward(self.players.discriminator, inputs, self.recipe).flatten()

    def update_discriminator(self, passes: Sequence[PartPass]) -> StepMetrics:
        """The optimizer step, then the lazy penalty step, WGAN's weight clipping and ADA's p, if due."""
        recipe, discriminator = self.recipe, self.players.discriminator
        results = [part.result for part in passes]
        metrics = {
            "loss_discriminator": _mean([result.loss for result in results]),
            "logit_real": _mean([result.scores_real.mean() for result in results]),
            "logit_fake": _mean([result.scores_fake.mean() for result in results]),
        }
        penalties = [result.penalty for result in results if result.penalty is not None]
        if penalties:
            metrics["penalty"] = _mean(penalties)
        elif recipe.penalty_every == 1:
            metrics["penalty"] = torch.zeros_like(metrics["loss_discriminator"])
        optimizer = self.players.discriminator_optimizer
        metrics |= self.apply_gradients(discriminator, optimizer, "discriminator")
        if self.gamma > 0.0 and recipe.penalty_every > 1 and (self.update + 1) % recipe.penalty_every == 0:
            optimizer.zero_grad(set_to_none=True)
            penalties = [
                add_penalty_gradients(
                    discriminator, self.players.route, recipe, real=real, fake=fake, gamma=self.gamma
                )
                for _, real, fake in passes
            ]
            metrics["penalty"] = _mean(penalties)
            self.apply_gradients(discriminator, optimizer, "discriminator")
        if recipe.objective == "wgan":
            clip_weights(discriminator, recipe.clip)
        if self.ada is not None:
            scores_real = torch.cat([result.scores_real for result in results])
            self.ada.observe(scores_real, recipe, update=self.update, processes=self.processes)
            metrics["augment_probability"] = self.ada.p.clone()
        return metrics

    def apply_gradients(
        self, network: nn.Module, optimizer: torch.optim.Optimizer, player: str
    ) -> StepMetrics:
        """One optimizer step; returns the gradient's norm if it is measured.

        Every loss is a mean over the batch, so the mean gradient over equal parts, of `accumulate` and of
        processes, is the whole batch's. DistributedDataParallel cannot average it, because it does not
        support gradients of gradients.
        """
        gradients = [parameter.grad for parameter in network.parameters() if parameter.grad is not None]
        if self.recipe.accumulate > 1:
            torch._foreach_mul_(gradients, 1 / self.recipe.accumulate)
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
    step.players.discriminator_optimizer.zero_grad(set_to_none=True)
    passes = []
    for part, (real_part, latents_part) in step.parts(real, latents):
        with torch.no_grad(), frozen_averages(step.players.generator):
            fake = part.generated(latents_part)
        real_inputs = part.inputs(real_part, "discriminator", "real")
        passes.append(part.add_gradients(real_inputs, part.inputs(fake, "discriminator", "fake")))
    return step.update_discriminator(passes)


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
    paired = OBJECTIVES[recipe.objective].generator_sees_real
    assert real is not None or not paired, f"objective={recipe.objective} pairs generated with real samples"
    batches = (latents, real) if real is not None and paired else (latents,)
    players.generator_optimizer.zero_grad(set_to_none=True)
    losses = []
    for part, (latents_part, *reals) in step.parts(*batches):
        with frozen_parameters(players.discriminator), frozen_averages(players.discriminator):
            fake = part.inputs(part.generated(latents_part), "generator", "fake")
            with nullcontext() if regularized else autocast(recipe, fake.device):
                scores, penalty = scores_and_penalty(players.discriminator, fake, weights.fake)
            loss = part.generator_loss(real=part.scores_of_reals(reals), fake=scores.to(fake.dtype))
            torch.autograd.backward(loss - step.gamma / 2 * penalty if regularized else loss)
        losses.append(loss.detach())
    norms = step.apply_gradients(players.generator, players.generator_optimizer, "generator")
    return {"loss_generator": _mean(losses)} | norms


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
    passes, losses = [], []
    for part, (real_part, latents_part) in step.parts(real, latents):
        real_inputs = part.inputs(real_part, "discriminator", "real")
        fake = part.inputs(part.generated(latents_part), "discriminator", "fake")
        passes.append(part.add_gradients(real_inputs, fake.detach()))
        losses.append(_add_response(part, passes[-1].result, fake))
    metrics = step.update_discriminator(passes) | {"loss_generator": _mean(losses)}
    return metrics | step.apply_gradients(players.generator, players.generator_optimizer, "generator")


def _add_response(step: Step, result: DiscriminatorPass, fake: torch.Tensor) -> torch.Tensor:
    """Adds the generator's gradient at the weights of D's pass; returns the loss."""
    discriminator = step.players.discriminator
    if result.input_gradient_fake is None:
        with frozen_parameters(discriminator), frozen_averages(discriminator):
            scores = forward(discriminator, fake, step.recipe).flatten()
            loss = step.generator_loss(real=result.scores_real, fake=scores)
            torch.autograd.backward(loss)
    else:
        scores_N = result.scores_fake.clone().requires_grad_(True)
        loss = step.generator_loss(real=result.scores_real, fake=scores_N)
        (slope_N,) = torch.autograd.grad(loss, scores_N)
        torch.autograd.backward(fake, per_sample(slope_N, fake) * result.input_gradient_fake)
    return loss.detach()


def _mean(values: Sequence[torch.Tensor]) -> torch.Tensor:
    """The mean of scalars; of one, that one itself."""
    return values[0] if len(values) == 1 else torch.stack(list(values)).mean()


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
