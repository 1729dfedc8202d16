"""The state of a run in memory: initialisation, snapshot to a checkpoint, restoring from one."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from gancross import models
from gancross.checkpoint.checkpoint import Checkpoint
from gancross.checkpoint.own_networks import NetworkPair, weights_difference
from gancross.data.sets import WHOLE, DataSet, to_canonical
from gancross.errors import CheckpointError, DivergenceError, UsageError
from gancross.machine.devices import moved
from gancross.machine.distributed import ALONE, Processes
from gancross.models.buffers import unchanged
from gancross.models.module_state import modules_kept
from gancross.random_streams import Stream, drawn_labels, latents
from gancross.score_kinds import SCORE_KINDS
from gancross.trainer.augmentation.adaptive import AdaptiveProbability
from gancross.trainer.averages import update_average
from gancross.trainer.gradient.route import route_of
from gancross.trainer.labels import BatchLabels, generated
from gancross.trainer.layout import network_laid_out
from gancross.trainer.objective.objectives import OBJECTIVES
from gancross.trainer.optimizers import load_optimizer, make_optimizer
from gancross.trainer.own_networks import randomness
from gancross.trainer.recipes.network_settings import OWN
from gancross.trainer.recipes.recipe import Recipe
from gancross.trainer.update import Players

DATA_RANGE = (-1.0, 1.0)
RAW, EMA = "raw", "ema"

Architectures = tuple[models.Architecture | None, models.Architecture | None]


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run in memory.

    Attributes:
        architectures: of generator and discriminator; None of networks of the user's own.
        average: the generator with the exponential average of its weights, if the recipe has one.
        ada: the probability that `augment=ada` adapts.
        class_probabilities: of the labels of generated samples, (K,); None where nothing is conditional.
        channels_last: as the players are laid out, so are batches.
    """

    recipe: Recipe
    device: torch.device
    data: DataSet
    architectures: Architectures
    players: Players
    average: nn.Module | None
    processes: Processes = ALONE
    ada: AdaptiveProbability | None = None
    class_probabilities: NDArray[np.float64] | None = None
    channels_last: bool = False

    def labels(self, purpose: str, number: int, n: int, *, share: slice = WHOLE) -> torch.Tensor | None:
        """The labels of `latents` of the same arguments, int64; None where nothing is conditional."""
        if self.class_probabilities is None:
            return None
        stream = Stream(self.recipe.seed, "labels", purpose)
        start, end, _ = share.indices(n)
        drawn = drawn_labels(self.class_probabilities, stream, number * n + start, end - start)
        return moved(drawn, self.device)

    def latents(self, purpose: str, number: int, n: int, *, share: slice = WHOLE) -> torch.Tensor:
        """Batch `number` of n latents for one purpose, or a share of it."""
        stream = Stream(self.recipe.seed, "latents", purpose)
        start, end, _ = share.indices(n)
        batch = latents(
            stream, number * n + start, end - start, dim=self.recipe.latent_dim, prior=self.recipe.latent
        )
        return moved(batch, self.device)

    @property
    def evaluated_generator(self) -> nn.Module:
        """The average of the generator's weights if the recipe has one, else the generator."""
        return self.players.generator if self.average is None else self.average

    def randomness(self, purpose: str, position: int) -> AbstractContextManager[None]:
        """As `own_networks.randomness`, of this run."""
        return randomness(self.recipe, purpose, position, device=self.device, processes=self.processes)

    def update_average(self, step: int) -> None:
        """w̄ ← β_t w̄ + (1 − β_t) w, β_t of the step, if the recipe has an average."""
        if self.average is not None:
            update_average(
                self.average, self.players.generator, decay=self.recipe.ema_decay_at(step),
                average_buffers=self.recipe.ema_buffers == "average",
            )  # fmt: skip

    def synchronize_buffers(self) -> None:
        """Sets buffers, as batch norm's averages, which each process computes from its part, to rank 0's."""
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
    recipe: Recipe, networks: Architectures | NetworkPair, device: torch.device, *,
    channels_last: bool = False,
) -> Players:  # fmt: skip
    """Both networks with initial weights from the seed, or the user's own as they are; their optimizers.

    Args:
        channels_last: their layout, of the user's own too; see `layout`.
    """

    def made(network: models.Architecture | nn.Module | None, player: str) -> nn.Module:
        if not isinstance(network, nn.Module):
            assert network is not None
            start = Stream(recipe.seed, "weights", player).torch_generator()
            network = models.initialised(network, start).to(device).train()
        return network_laid_out(network, channels_last=channels_last)

    generator, discriminator = made(networks[0], "generator"), made(networks[1], "discriminator")
    return Players(
        generator=generator, discriminator=discriminator,
        generator_optimizer=make_optimizer(generator, recipe),
        discriminator_optimizer=make_optimizer(discriminator, recipe, player="discriminator"),
        route=route_of(discriminator, labels=recipe.conditional == "labels"),
        score_averages=torch.zeros(2, device=device) if recipe.lecam > 0 else None,
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
    raw = saved.generator_state if run.average is None else saved.training.get("generator", {})
    for network, state in ((players.generator, raw), (players.discriminator, saved.discriminator_state)):
        difference = weights_difference(network, state) if run.recipe.network == OWN else ""
        if difference:
            raise CheckpointError(
                f"{path}: refused: belongs to other networks than those given: {difference}; give the same"
                " code again, or another --out"
            )
    try:
        if run.average is not None:
            run.average.load_state_dict(saved.generator_state)
        players.generator.load_state_dict(raw)
        players.discriminator.load_state_dict(saved.discriminator_state)
        load_optimizer(players.generator_optimizer, saved.training["generator_optimizer"])
        load_optimizer(players.discriminator_optimizer, saved.training["discriminator_optimizer"])
        if players.score_averages is not None:
            means = saved.training["score_averages"]
            players.score_averages.copy_(torch.cat([means["real"], means["fake"]]).reshape(2))
        if run.ada is not None:
            run.ada.load_state_dict(saved.training["ada"])
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
    with modules_kept([generator]), unchanged(generator), run.randomness(purpose, 0), torch.no_grad():
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
        "averages of scores": [players.score_averages],
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
    means = players.score_averages
    parts = {} if means is None else {"real": means[:1].clone(), "fake": means[1:].clone()}
    averages = {} if means is None else {"score_averages": parts}
    ada = {} if run.ada is None else {"ada": run.ada.state_dict()}
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
        batch_size=recipe.batch_size // (run.processes.size * recipe.accumulate),  # what batch norm saw
        num_classes=None if run.class_probabilities is None else len(run.class_probabilities),
        training={
            **raw, **averages, **ada,
            "generator_optimizer": players.generator_optimizer.state_dict(),
            "discriminator_optimizer": players.discriminator_optimizer.state_dict(),
        },
    )  # fmt: skip
