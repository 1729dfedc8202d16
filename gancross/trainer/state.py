"""The state of a run in memory: initialisation, snapshot to a checkpoint, restoring from one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from gancross import models
from gancross.checkpoint.checkpoint import Checkpoint
from gancross.data.sets import WHOLE, DataSet, to_canonical
from gancross.errors import CheckpointError, DivergenceError, UsageError
from gancross.machine.distributed import ALONE, Processes
from gancross.models.module_state import modules_kept
from gancross.random_streams import Stream, latents
from gancross.score_kinds import SCORE_KINDS
from gancross.trainer.gradient.route import route_of
from gancross.trainer.labels import BatchLabels, drawn_labels, generated
from gancross.trainer.objective.objectives import OBJECTIVES
from gancross.trainer.recipes.recipe import Recipe
from gancross.trainer.step import Players, make_optimizer

DATA_RANGE = (-1.0, 1.0)
RAW, EMA = "raw", "ema"


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run in memory.

    Attributes:
        average: the generator with the exponential average of its weights, if the recipe has `ema`.
        class_probabilities: of the labels of generated samples, (K,); None where nothing is conditional.
    """

    recipe: Recipe
    device: torch.device
    data: DataSet
    architectures: tuple[models.Architecture, models.Architecture]
    players: Players
    average: nn.Module | None
    processes: Processes = ALONE
    class_probabilities: NDArray[np.float64] | None = None

    def labels(self, purpose: str, number: int, n: int, *, share: slice = WHOLE) -> torch.Tensor | None:
        """The labels of `latents` of the same arguments, int64; None where nothing is conditional."""
        if self.class_probabilities is None:
            return None
        stream = Stream(self.recipe.seed, "labels", purpose)
        start, end, _ = share.indices(n)
        drawn = drawn_labels(self.class_probabilities, stream, number * n + start, end - start)
        return drawn.to(self.device, non_blocking=True)

    def latents(self, purpose: str, number: int, n: int, *, share: slice = WHOLE) -> torch.Tensor:
        """Batch `number` of n latents for one purpose, or a share of it."""
        stream = Stream(self.recipe.seed, "latents", purpose)
        start, end, _ = share.indices(n)
        batch = latents(
            stream, number * n + start, end - start, dim=self.recipe.latent_dim, prior=self.recipe.latent
        )
        return batch.to(self.device, non_blocking=True)

    @property
    def evaluated_generator(self) -> nn.Module:
        """The average of the generator's weights if the recipe has `ema`, else the generator."""
        return self.players.generator if self.average is None else self.average

    def update_average(self) -> None:
        """w̄ ← β w̄ + (1−β) w for every weight; batch norm's averages are copied."""
        if self.average is None:
            return
        generator = self.players.generator
        with torch.no_grad():
            for mean, weight in zip(self.average.parameters(), generator.parameters(), strict=True):
                mean.lerp_(weight, 1 - self.recipe.ema)
            for target, buffer in zip(self.average.buffers(), generator.buffers(), strict=True):
                target.copy_(buffer)

    def synchronize_buffers(self) -> None:
        """Sets batch norm's averages, which each process computes from its part, to those of rank 0."""
        networks = (self.players.generator, self.players.discriminator, self.average)
        buffers = [buffer for network in networks if network is not None for buffer in network.buffers()]
        self.processes.copy_from_rank0(buffers)


def architectures(
    recipe: Recipe, sample_shape: tuple[int, ...], num_classes: int | None = None
) -> tuple[models.Architecture, models.Architecture]:
    """Generator and discriminator of a recipe for samples of this shape.

    Args:
        num_classes: of the data; used by conditional recipes only.

    Raises:
        UsageError: the network family does not fit the shape, or the recipe's `conditional`.
    """
    if recipe.conditional == "none":
        num_classes = None
    elif recipe.network in models.FAMILIES:
        needed = models.FAMILIES[recipe.network].conditional
        if needed != recipe.conditional:
            raise UsageError(
                f"conditional={recipe.conditional} does not fit network '{recipe.network}': set"
                f" conditional={needed} or choose another network"
            )
    return models.pair(
        recipe.network,
        models.PairSettings(
            sample_shape=sample_shape, latent_dim=recipe.latent_dim, width=recipe.width,
            normalization=recipe.normalization, activation=recipe.activation, num_classes=num_classes,
        ),
    )  # fmt: skip


def make_players(
    recipe: Recipe, networks: tuple[models.Architecture, models.Architecture], device: torch.device
) -> Players:
    """Both networks with initial weights from the seed, and their optimizers."""
    generator, discriminator = (
        models.initialised(architecture, Stream(recipe.seed, "weights", player).torch_generator())
        .to(device)
        .train()
        for architecture, player in zip(networks, ("generator", "discriminator"), strict=True)
    )
    return Players(
        generator=generator, discriminator=discriminator,
        generator_optimizer=make_optimizer(generator, recipe),
        discriminator_optimizer=make_optimizer(discriminator, recipe, lazy=recipe.penalty_every),
        route=route_of(discriminator),
    )  # fmt: skip


def restore(run: Run, saved: Checkpoint, path: Path) -> int:
    """Loads a checkpoint's weights and optimizer states into the run; returns its step.

    Args:
        path: of the checkpoint, for messages.

    Raises:
        CheckpointError: it belongs to another recipe, or has no optimizer states.
    """
    weights = RAW if run.average is None else EMA
    same = (saved.generator, saved.discriminator) == run.architectures and saved.weights == weights
    if not same:
        raise CheckpointError(
            f"{path}: refused: expected the networks of recipe '{run.recipe.name}' with weights '{weights}',"
            f" got others with weights '{saved.weights}'; remove the file, or give another --out"
        )
    if not saved.training:
        raise CheckpointError(
            f"{path}: refused: has no optimizer states (an exported checkpoint?): it cannot be resumed"
        )
    players = run.players
    try:
        if run.average is not None:
            run.average.load_state_dict(saved.generator_state)
        raw = saved.generator_state if run.average is None else saved.training["generator"]
        players.generator.load_state_dict(raw)
        players.discriminator.load_state_dict(saved.discriminator_state)
        players.generator_optimizer.load_state_dict(saved.training["generator_optimizer"])
        players.discriminator_optimizer.load_state_dict(saved.training["discriminator_optimizer"])
    except (KeyError, ValueError, RuntimeError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{path}: refused: cannot be resumed: {error}") from None
    return saved.step


def generated_samples(run: Run, purpose: str, n: int, *, labels: torch.Tensor | None = None) -> torch.Tensor:
    """n samples of the generator in evaluation mode, in canonical form; the latents depend on `purpose`.

    Args:
        labels: of a conditional generator; None: drawn as in training.
    """
    generator, drawn = run.evaluated_generator, run.labels(purpose, 0, n) if labels is None else labels
    given = None if drawn is None else BatchLabels(fake=drawn.to(run.device))
    with modules_kept([generator]), torch.no_grad():
        samples = to_canonical(generated(generator.eval(), run.latents(purpose, 0, n), given), DATA_RANGE)
    return samples.cpu()


def check_finite(run: Run, step: int, root: Path) -> None:
    """Checks all weights and optimizer states for NaN and infinity before they are saved.

    An optimizer's mean square can overflow while the weights are still finite: its update is then 0.

    Args:
        root: folder of the run, for messages.

    Raises:
        DivergenceError: a weight or an optimizer's state is not finite.
    """

    def states(optimizer: torch.optim.Optimizer) -> Iterable[object]:
        return chain.from_iterable(state.values() for state in optimizer.state.values())

    players = run.players
    parts: dict[str, Iterable[object]] = {
        "generator weights": players.generator.state_dict().values(),
        "discriminator weights": players.discriminator.state_dict().values(),
        "averaged generator weights": [] if run.average is None else run.average.state_dict().values(),
        "generator optimizer states": states(players.generator_optimizer),
        "discriminator optimizer states": states(players.discriminator_optimizer),
    }
    for name, values in parts.items():
        tensors = [value for value in values if isinstance(value, torch.Tensor)]
        finite = [tensor.isfinite().all().to(run.device) for tensor in tensors]
        if finite and not bool(torch.stack(finite).all()):
            raise DivergenceError(
                f"{root}: diverged: {name} are not finite at step {step}; the last good checkpoint"
                " is kept. Try a lower learning_rate or a larger gamma"
            )


def snapshot(run: Run, step: int) -> Checkpoint:
    """The checkpoint of the current state; its generator has the averaged weights if there are any."""
    recipe, players = run.recipe, run.players
    raw = {} if run.average is None else {"generator": players.generator.state_dict()}
    objective = OBJECTIVES[recipe.objective]
    return Checkpoint(
        recipe=recipe.to_dict(), method=recipe.method, step=step,
        generator=run.architectures[0], discriminator=run.architectures[1],
        generator_state=run.evaluated_generator.state_dict(),
        weights=RAW if run.average is None else EMA,
        discriminator_state=players.discriminator.state_dict(),
        sample_shape=run.data.shape, latent_dim=recipe.latent_dim, latent=recipe.latent,
        data_range=DATA_RANGE, score_kind=objective.score_kind, orientation="real_high",
        threshold=SCORE_KINDS[objective.score_kind].threshold,
        batch_size=recipe.batch_size // run.processes.size,  # the batch that batch norm normalised
        num_classes=None if run.class_probabilities is None else len(run.class_probabilities),
        training={
            **raw,
            "generator_optimizer": players.generator_optimizer.state_dict(),
            "discriminator_optimizer": players.discriminator_optimizer.state_dict(),
        },
    )  # fmt: skip
