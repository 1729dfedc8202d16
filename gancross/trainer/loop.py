"""Algorithm 1, from an empty folder or a checkpoint to the last step.

Every random number is a function of the seed and a position (step, batch, sample), so a resumed run
draws what an uninterrupted one would have drawn.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from gancross import models
from gancross.checkpoint import Checkpoint
from gancross.data import catalogue
from gancross.data.sets import DataSet, to_canonical, to_network
from gancross.devices import resolve_device
from gancross.errors import CheckpointError, DivergenceError, Interrupted, UsageError
from gancross.latents import Stream, latents
from gancross.pictures import picture
from gancross.trainer.interruption import stop_requests
from gancross.trainer.monitors import mixture_figures
from gancross.trainer.noise import distinct_samples
from gancross.trainer.objectives import OBJECTIVES
from gancross.trainer.recipes import Recipe
from gancross.trainer.runs import Observer, RunFolder
from gancross.trainer.step import Measured, Players, discriminator_step, generator_step, optimizer

DATA_RANGE = (-1.0, 1.0)
MILESTONES = 20  # numbered checkpoints of a run, unless told otherwise
LOG_EVERY = 100
LONGEST_UNSAVED = 600.0  # seconds of work that a crash may cost
PICTURE_IMAGES = 64
PICTURE_POINTS = 5120  # ten batches of 512, as the paper's pictures of the mixture hold

Progress = Callable[[int, int, dict[str, float] | None], None]


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run as the loop sees it."""

    recipe: Recipe
    folder: RunFolder
    device: torch.device
    data: DataSet
    architectures: tuple[models.Architecture, models.Architecture]
    players: Players

    def latents(self, purpose: str, number: int, n: int) -> torch.Tensor:
        """Batch `number` of n latents for one purpose."""
        stream = Stream(self.recipe.seed, "latents", purpose)
        drawn = latents(stream, number * n, n, dim=self.recipe.latent_dim, prior=self.recipe.latent)
        return drawn.to(self.device, non_blocking=True)


def train(
    recipe: Recipe,
    out: str | Path,
    *,
    resume: bool = True,
    device: str = "auto",
    progress: Progress | None = None,
    data_root: Path = catalogue.DEFAULT_ROOT,
    download: bool = False,
    checkpoint_every: int | None = None,
    log_every: int = LOG_EVERY,
    observers: Sequence[Observer] = (),
) -> Path:
    """Trains a GAN as the recipe says and returns the path of its last checkpoint.

    The same call again resumes; on a CPU, at the same thread count, the end is bit-identical to that of
    an uninterrupted run.

    Args:
        recipe: what to train; see `gancross.trainer.recipes`.
        out: folder of the run.
        resume: go on from `out/last.pt`; without it `out` must be empty.
        progress: called after every step with (step, steps, figures), figures only when they are logged.
        data_root, download: where named data lie, and whether to fetch them.
        checkpoint_every: steps between numbered checkpoints; a twentieth of the run by default.
            `last.pt` is also written whenever ten minutes have gone by.
        log_every: steps between lines of `log.jsonl`.
        observers: are told of every line of the log and every picture.

    Raises:
        UsageError: recipe, data and folder do not fit together.
        CheckpointError: the folder's checkpoint is refused.
        DivergenceError: a loss or a weight is not finite; the last good checkpoint is kept.
        ResourceError: data or disk are missing.
        Interrupted: SIGINT or SIGTERM came; everything up to the last whole step is saved.
    """
    every = checkpoint_every or max(1, math.ceil(recipe.steps / MILESTONES))
    if every < 1 or log_every < 1:
        raise UsageError("checkpoint_every and log_every must be at least 1")
    folder = RunFolder(Path(out), observers)
    target = resolve_device(device)
    data = catalogue.load(recipe.data, root=data_root, image_size=recipe.image_size, download=download)
    architectures = models.pair(
        recipe.network,
        models.Shape(
            sample=data.shape, latent_dim=recipe.latent_dim, width=recipe.width,
            normalization=recipe.normalization, activation=recipe.activation,
        ),
    )  # fmt: skip
    resumed = folder.prepare(recipe, resume=resume)
    run = Run(
        recipe=recipe, folder=folder, device=target, data=data, architectures=architectures,
        players=make_players(recipe, architectures, target),
    )  # fmt: skip
    start = 0 if resumed is None else restore(run, resumed)
    _loop(run, start, every=every, log_every=log_every, progress=progress)
    return folder.last


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
        discriminator_optimizer=optimizer(discriminator, recipe),
    )  # fmt: skip


def restore(run: Run, saved: Checkpoint) -> int:
    """Puts a checkpoint's weights and optimizer states in place; returns its step.

    Raises:
        CheckpointError: it belongs to another run, or lacks what resuming needs.
    """
    if (saved.generator, saved.discriminator) != run.architectures or not saved.training:
        raise CheckpointError(f"{run.folder.last}: refused: not a checkpoint of this recipe")
    players = run.players
    try:
        players.generator.load_state_dict(saved.generator_state)
        players.discriminator.load_state_dict(saved.discriminator_state)
        players.generator_optimizer.load_state_dict(saved.training["generator_optimizer"])
        players.discriminator_optimizer.load_state_dict(saved.training["discriminator_optimizer"])
    except (KeyError, ValueError, RuntimeError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{run.folder.last}: refused: cannot be resumed: {error}") from None
    return saved.step


def _loop(run: Run, start: int, *, every: int, log_every: int, progress: Progress | None) -> None:
    recipe = run.recipe
    reals = _reals(run, start)
    saved_at = logged_at = time.monotonic()
    logged_step = start
    with stop_requests() as request:
        for step in range(start + 1, recipe.steps + 1):
            logging = step % log_every == 0 or step == recipe.steps
            measured = algorithm_1(run, step, reals, measure=logging)
            figures = None
            if logging:
                now = time.monotonic()
                rate = (step - logged_step) * recipe.batch_size / (now - logged_at)
                figures = _log(run, step, measured, samples_per_second=rate)
                logged_step, logged_at = step, now
            milestone = step % every == 0 or step == recipe.steps
            stopping = request.signal_number is not None and step < recipe.steps
            if milestone or stopping or time.monotonic() - saved_at > LONGEST_UNSAVED:
                _check_finite(run, step)
                run.folder.save(_snapshot(run, step), milestone=milestone)
                saved_at = time.monotonic()
            if milestone:
                _draw(run, step)
            if progress is not None:
                progress(step, recipe.steps, figures)
            if stopping and request.signal_number is not None:
                raise Interrupted(
                    f"stopped at step {step} of {recipe.steps}; the same command resumes from"
                    f" {run.folder.last}",
                    signal_number=request.signal_number,
                )


def algorithm_1(run: Run, step: int, reals: Iterator[torch.Tensor], *, measure: bool = False) -> Measured:
    """Step t of Algorithm 1: n_φ discriminator updates, one generator update.

    `measure` adds the gradient norms of the last discriminator update and of the generator's.
    """
    recipe = run.recipe
    gamma = recipe.gamma_at(step)
    measured: Measured = {}
    for update in range(recipe.n_phi):
        number = (step - 1) * recipe.n_phi + update
        measured = discriminator_step(
            run.players, recipe, gamma=gamma, real=next(reals), update=number,
            latents=run.latents("discriminator", number, distinct_samples(recipe, "discriminator")),
            measure=measure and update == recipe.n_phi - 1,
        )  # fmt: skip
    return measured | generator_step(
        run.players, recipe, gamma=gamma, update=step - 1,
        latents=run.latents("generator", step - 1, distinct_samples(recipe, "generator")),
        measure=measure,
    )  # fmt: skip


def _reals(run: Run, start: int) -> Iterator[torch.Tensor]:
    """Real batches on the device, from the first one that step start+1 needs."""
    recipe = run.recipe
    if run.data.train is None:
        raise UsageError(f"data '{run.data.name}' has no training samples")
    for batch in run.data.train.batches(
        seed=recipe.seed, batch_size=distinct_samples(recipe, "discriminator"),
        start=start * recipe.n_phi,
    ):  # fmt: skip
        yield to_network(batch.to(run.device, non_blocking=True), DATA_RANGE)


def generated(run: Run, purpose: str, n: int) -> torch.Tensor:
    """n samples of the generator in evaluation mode, canonical form, at latents fixed by `purpose`."""
    generator = run.players.generator.eval()
    with torch.inference_mode():
        samples = to_canonical(generator(run.latents(purpose, 0, n)), DATA_RANGE)
    generator.train()
    return samples.cpu()


def _log(run: Run, step: int, measured: Measured, *, samples_per_second: float) -> dict[str, float]:
    """Brings the figures of a step to the host, checks and writes them."""
    figures = dict(
        zip(measured, torch.stack([value.double() for value in measured.values()]).tolist(), strict=True)
    )
    for name, value in figures.items():
        if not math.isfinite(value):
            raise DivergenceError(
                f"{run.folder.root}: diverged: {name} is {value} at step {step}; the last good checkpoint"
                " is kept. Try a lower learning_rate or a larger gamma"
            )
    if run.data.name == "mixture":
        figures |= mixture_figures(generated(run, "monitor", 1000))
    record: dict[str, Any] = {"step": step, "gamma": run.recipe.gamma_at(step), **figures}
    run.folder.append_log(record | {"samples_per_second": round(samples_per_second, 1)})
    return figures


def _check_finite(run: Run, step: int) -> None:
    """No checkpoint with NaN weights replaces a good one."""
    for name in ("generator", "discriminator"):
        network: torch.nn.Module = getattr(run.players, name)
        finite = torch.stack([value.isfinite().all() for value in network.state_dict().values()]).all()
        if not bool(finite):
            raise DivergenceError(
                f"{run.folder.root}: diverged: the {name} has weights that are not finite at step {step};"
                " the last good checkpoint is kept. Try a lower learning_rate or a larger gamma"
            )


def _snapshot(run: Run, step: int) -> Checkpoint:
    recipe, players = run.recipe, run.players
    objective = OBJECTIVES[recipe.objective]
    return Checkpoint(
        recipe=recipe.to_dict(), method=recipe.method, step=step,
        generator=run.architectures[0], discriminator=run.architectures[1],
        generator_state=players.generator.state_dict(),
        discriminator_state=players.discriminator.state_dict(),
        sample_shape=run.data.shape, latent_dim=recipe.latent_dim, latent=recipe.latent,
        data_range=DATA_RANGE, score_kind=objective.score_kind, orientation="real_high",
        threshold=objective.threshold, batch_size=recipe.batch_size,
        training={
            "generator_optimizer": players.generator_optimizer.state_dict(),
            "discriminator_optimizer": players.discriminator_optimizer.state_dict(),
        },
    )  # fmt: skip


def _draw(run: Run, step: int) -> None:
    """A picture of samples at fixed latents, for people who watch the run."""
    count = PICTURE_POINTS if len(run.data.shape) == 1 else PICTURE_IMAGES
    drawn = picture(generated(run, "pictures", count), title=f"step {step:,}")
    if drawn is not None:
        run.folder.save_picture(step, drawn)
