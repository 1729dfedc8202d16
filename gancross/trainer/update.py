"""One update of one player: its networks and inputs, the losses of both, the optimizer's step.

`step` composes the updates of Algorithm 1 of these.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import KW_ONLY, dataclass, field, replace
from typing import NamedTuple

import torch
from torch import nn

from gancross.machine.distributed import ALONE, Processes
from gancross.models.batch_norm import frozen_averages
from gancross.trainer.augmentation.adaptive import AdaptiveProbability
from gancross.trainer.augmentation.augment import augmented
from gancross.trainer.gradient.closed_form import DiscriminatorPass
from gancross.trainer.gradient.route import Route, add_gradients, add_penalty_gradients
from gancross.trainer.labels import BatchLabels, classification_loss, generated, on_fake, on_real
from gancross.trainer.noise import noisy
from gancross.trainer.objective.objectives import OBJECTIVES
from gancross.trainer.objective.regularizers import clip_weights
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
    """D's pass over one part of a batch, its inputs and their labels."""

    result: DiscriminatorPass
    real: torch.Tensor
    fake: torch.Tensor
    labels: BatchLabels | None


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
        labels: of this update's samples, where the players are conditional.
    """

    players: Players
    recipe: Recipe
    _: KW_ONLY
    gamma: float
    update: int
    measure: bool = False
    processes: Processes = ALONE
    ada: AdaptiveProbability | None = None
    labels: BatchLabels | None = None

    @property
    def discriminator_of_fakes(self) -> nn.Module:
        """The discriminator as a function of generated samples, their labels held fixed."""
        return on_fake(self.players.discriminator, self.labels)

    def parts(self, *batches: torch.Tensor) -> Iterator[tuple[Step, tuple[torch.Tensor, ...]]]:
        """The step and the batches in `accumulate` equal parts, each as the share of one more process.

        So random numbers, which are drawn for the whole batch, are those of the undivided step.
        """
        k, processes = self.recipe.accumulate, self.processes
        for number, parts in enumerate(zip(*(batch.chunk(k) for batch in batches), strict=True)):
            share = replace(processes, rank=processes.rank * k + number, size=processes.size * k)
            labels = None if self.labels is None else self.labels.part(number, k)
            yield replace(self, processes=share, labels=labels), parts

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
        """The generator's samples in the recipe's precision, of the classes asked for."""
        with autocast(self.recipe, latents.device):
            samples = generated(self.players.generator, latents, self.labels)
        return samples.to(latents.dtype)

    def add_gradients(self, real: torch.Tensor, fake: torch.Tensor) -> PartPass:
        """Adds to the discriminator's gradient; real and generated samples are its inputs."""
        result = add_gradients(
            self.players.discriminator, self.players.route, self.recipe, real=real, fake=fake,
            gamma=self.gamma, update=self.update, processes=self.processes, labels=self.labels,
            averages=self.players.score_averages,
        )  # fmt: skip
        return PartPass(result, real, fake, self.labels)

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
            return forward(on_real(self.players.discriminator, self.labels), inputs, self.recipe).flatten()

    def update_discriminator(self, passes: Sequence[PartPass]) -> StepMetrics:
        """The optimizer step, then the lazy penalty step, WGAN's weight clipping and ADA's p, if due."""
        recipe, discriminator = self.recipe, self.players.discriminator
        results = [part.result for part in passes]
        metrics = {
            "loss_discriminator": mean([result.loss for result in results]),
            "logit_real": mean([result.scores_real.mean() for result in results]),
            "logit_fake": mean([result.scores_fake.mean() for result in results]),
        }
        penalties = [result.penalty for result in results if result.penalty is not None]
        if penalties:
            metrics["penalty"] = mean(penalties)
        elif recipe.penalty_every == 1:
            metrics["penalty"] = torch.zeros_like(metrics["loss_discriminator"])
        optimizer = self.players.discriminator_optimizer
        metrics |= self.apply_gradients(discriminator, optimizer, "discriminator")
        if self.gamma > 0.0 and recipe.penalty_every > 1 and (self.update + 1) % recipe.penalty_every == 0:
            optimizer.zero_grad(set_to_none=True)
            penalties = [
                add_penalty_gradients(
                    discriminator, self.players.route, recipe, real=part.real, fake=part.fake,
                    gamma=self.gamma, labels=part.labels,
                )
                for part in passes
            ]  # fmt: skip
            metrics["penalty"] = mean(penalties)
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


def mean(values: Sequence[torch.Tensor]) -> torch.Tensor:
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
