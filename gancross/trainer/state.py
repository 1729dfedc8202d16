"""A run in memory: its networks, and how they go into a checkpoint and come back."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import nn

from gancross import models
from gancross.checkpoint.checkpoint import Checkpoint
from gancross.data.sets import WHOLE, DataSet, to_canonical
from gancross.errors import CheckpointError, DivergenceError
from gancross.machine.distributed import ALONE, Processes
from gancross.random_streams import Stream, latents
from gancross.trainer.gradient.route import route_of
from gancross.trainer.objective.objectives import OBJECTIVES
from gancross.trainer.recipes.recipe import Recipe
from gancross.trainer.run.folder import RunFolder
from gancross.trainer.step import Players, optimizer

DATA_RANGE = (-1.0, 1.0)
RAW, EMA = "raw", "ema"


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run as the loop sees it."""

    recipe: Recipe
    folder: RunFolder
    device: torch.device
    data: DataSet
    architectures: tuple[models.Architecture, models.Architecture]
    players: Players
    average: nn.Module | None
    processes: Processes = ALONE

    def latents(self, purpose: str, number: int, n: int, *, share: slice = WHOLE) -> torch.Tensor:
        """Batch `number` of n latents for one purpose, or a share of it."""
        stream = Stream(self.recipe.seed, "latents", purpose)
        first, end, _ = share.indices(n)
        drawn = latents(
            stream, number * n + first, end - first, dim=self.recipe.latent_dim, prior=self.recipe.latent
        )
        return drawn.to(self.device, non_blocking=True)

    @property
    def shown(self) -> nn.Module:
        """The generator that is evaluated: the average of its weights where the recipe keeps one."""
        return self.players.generator if self.average is None else self.average

    def update_average(self) -> None:
        """w̄ ← β w̄ + (1−β) w for every weight; batch norm's averages are taken over as they are."""
        if self.average is None:
            return
        generator = self.players.generator
        with torch.no_grad():
            for kept, weight in zip(self.average.parameters(), generator.parameters(), strict=True):
                kept.lerp_(weight, 1 - self.recipe.ema)
            for copied, buffer in zip(self.average.buffers(), generator.buffers(), strict=True):
                copied.copy_(buffer)

    def share_buffers(self) -> None:
        """Batch norm's averages, which every process takes of its own part, become those of the first."""
        networks = (self.players.generator, self.players.discriminator, self.average)
        held = [buffer for network in networks if network is not None for buffer in network.buffers()]
        self.processes.copy_from_rank0(held)


def make_players(
    recipe: Recipe, architectures: tuple[models.Architecture, models.Architecture], device: torch.device
) -> Players:
    """Both networks with initial weights drawn from the seed, and their optimizers."""
    generator, discriminator = (
        models.initialised(architecture, Stream(recipe.seed, "weights", player).torch_generator())
        .to(device)
        .train()
        for architecture, player in zip(architectures, ("generator", "discriminator"), strict=True)
    )
    return Players(
        generator=generator, discriminator=discriminator,
        generator_optimizer=optimizer(generator, recipe),
        discriminator_optimizer=optimizer(discriminator, recipe, lazy=recipe.penalty_every),
        route=route_of(discriminator),
    )  # fmt: skip


def make_average(recipe: Recipe, generator: nn.Module) -> nn.Module | None:
    """A copy of the generator that will hold the exponential average of its weights; None if β = 0."""
    return copy.deepcopy(generator).requires_grad_(False) if recipe.ema > 0 else None


def restore(run: Run, saved: Checkpoint) -> int:
    """Puts a checkpoint's weights and optimizer states in place; returns its step.

    Raises:
        CheckpointError: it belongs to another run, or lacks what resuming needs.
    """
    weights = RAW if run.average is None else EMA
    ours = (saved.generator, saved.discriminator) == run.architectures and saved.weights == weights
    if not ours:
        raise CheckpointError(f"{run.folder.last}: refused: not a checkpoint of this recipe")
    if not saved.training:
        raise CheckpointError(
            f"{run.folder.last}: refused: holds no optimizer states, as exported checkpoints do not:"
            " it cannot be resumed"
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
        raise CheckpointError(f"{run.folder.last}: refused: cannot be resumed: {error}") from None
    return saved.step


def generated(run: Run, purpose: str, n: int) -> torch.Tensor:
    """n samples of the generator in evaluation mode, canonical form, at latents fixed by `purpose`."""
    generator = run.shown.eval()
    with torch.inference_mode():
        samples = to_canonical(generator(run.latents(purpose, 0, n)), DATA_RANGE)
    generator.train()
    return samples.cpu()


def check_finite(run: Run, step: int) -> None:
    """No checkpoint with NaN or infinity in it replaces a good one.

    An optimizer's mean square can overflow while the weights are still finite: its update is then 0.

    Raises:
        DivergenceError: something in the run is not finite.
    """
    players = run.players
    parts: dict[str, Iterable[object]] = {
        "generator has weights": players.generator.state_dict().values(),
        "discriminator has weights": players.discriminator.state_dict().values(),
        "generator's average has weights": [] if run.average is None else run.average.state_dict().values(),
        "generator's optimizer has a state": _optimizer_state(players.generator_optimizer),
        "discriminator's optimizer has a state": _optimizer_state(players.discriminator_optimizer),
    }
    for what, values in parts.items():
        finite = [
            value.isfinite().all().to(run.device) for value in values if isinstance(value, torch.Tensor)
        ]
        if finite and not bool(torch.stack(finite).all()):
            verb = "is" if what.endswith("state") else "are"
            raise DivergenceError(
                f"{run.folder.root}: diverged: the {what} that {verb} not finite at step {step};"
                " the last good checkpoint is kept. Try a lower learning_rate or a larger gamma"
            )


def _optimizer_state(optimizer: torch.optim.Optimizer) -> Iterator[object]:
    for state in optimizer.state.values():
        yield from state.values()


def snapshot(run: Run, step: int) -> Checkpoint:
    """The checkpoint of this moment; with an average, that is what its generator holds."""
    recipe, players = run.recipe, run.players
    raw = {} if run.average is None else {"generator": players.generator.state_dict()}
    objective = OBJECTIVES[recipe.objective]
    return Checkpoint(
        recipe=recipe.to_dict(), method=recipe.method, step=step,
        generator=run.architectures[0], discriminator=run.architectures[1],
        generator_state=run.shown.state_dict(),
        weights=RAW if run.average is None else EMA,
        discriminator_state=players.discriminator.state_dict(),
        sample_shape=run.data.shape, latent_dim=recipe.latent_dim, latent=recipe.latent,
        data_range=DATA_RANGE, score_kind=objective.score_kind, orientation="real_high",
        threshold=objective.threshold,
        batch_size=recipe.batch_size // run.processes.size,  # what batch norm saw at a time
        training={
            **raw,
            "generator_optimizer": players.generator_optimizer.state_dict(),
            "discriminator_optimizer": players.discriminator_optimizer.state_dict(),
        },
    )  # fmt: skip
