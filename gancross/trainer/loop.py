"""Algorithm 1, from an empty folder or a checkpoint to the last step.

Every random number is a function of the seed and a position (step, batch, sample), so a resumed run draws the
same numbers as an uninterrupted one.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import torch

from gancross.checkpoint import file as checkpoint
from gancross.checkpoint.checkpoint import Checkpoint
from gancross.checkpoint.own_networks import NetworkPair
from gancross.data import catalogue
from gancross.data.sets import to_network
from gancross.errors import Interrupted, UsageError
from gancross.machine.devices import full_precision, moved, only_deterministic, resolve_device
from gancross.machine.distributed import Processes, current, joined
from gancross.machine.threads import checked_threads
from gancross.trainer.augmentation.adaptive import AdaptiveProbability
from gancross.trainer.augmentation.augment import check_augmentable
from gancross.trainer.gradient.route import route_description, with_compiler
from gancross.trainer.labels import NO_LABELS, BatchLabels, batch_labels, class_probabilities, label_batches
from gancross.trainer.layout import batch_laid_out
from gancross.trainer.monitors import spread
from gancross.trainer.noise import check_divisible, distinct_samples
from gancross.trainer.optimizers import follow_schedule
from gancross.trainer.own_networks import checked, recipe_of_networks
from gancross.trainer.precision import check_precision
from gancross.trainer.recipes.recipe import Recipe
from gancross.trainer.run.folder import Observer, RunFolder
from gancross.trainer.run.interruption import stop_requests
from gancross.trainer.run.log import save_sample_picture, write_log
from gancross.trainer.run.resume import Note
from gancross.trainer.run.threads import computing_on
from gancross.trainer.state import (
    DATA_RANGE,
    Run,
    architectures,
    check_finite,
    make_players,
    restore,
    snapshot,
)
from gancross.trainer.step import discriminator_step, generator_step, simultaneous_step
from gancross.trainer.update import Step, StepMetrics

MILESTONES = 20  # numbered checkpoints of a run by default
LOG_EVERY = 100
LONGEST_UNSAVED = 600.0  # seconds of work that a crash may cost

StepProgress = Callable[[int, int, dict[str, float] | None], None]


@joined()
@full_precision()
def train(
    recipe: Recipe,
    out: str | Path,
    *,
    networks: NetworkPair | None = None,
    resume: bool = True,
    device: str = "auto",
    progress: StepProgress | None = None,
    data_root: Path = catalogue.DEFAULT_ROOT,
    download: bool = False,
    workers: int | None = None,
    threads: int | None = None,
    checkpoint_every: int | None = None,
    log_every: int = LOG_EVERY,
    observers: Sequence[Observer] = (),
    note: Note | None = None,
    deterministic: bool = False,
    compile: bool = False,
    channels_last: bool = False,
) -> Path:
    """Trains a GAN and returns the path of its last checkpoint.

    A second call with the same arguments resumes; on a CPU, at the same thread count, the result is
    bit-identical to that of an uninterrupted run. Under torchrun every process makes the same call: each
    batch is divided among them, and only rank 0 writes files and calls `progress`, `observers` and `note`.

    Args:
        recipe: what to train; see `gancross.trainer.recipes.recipe`.
        out: folder of the run.
        networks: (generator, discriminator), modules of your own in place of the recipe's. They are trained
            in place, from the weights that they have; a run that resumes loads its own into them. The
            generator maps latents (N, latent_dim) to samples (N, …) of the data's shape, images in [−1, 1];
            the discriminator maps such samples to one raw score each, (N,) or (N, 1). The recipe's `network`
            becomes `own`.
        resume: continue from the newest valid checkpoint, which is `out/last.pt` unless that is damaged,
            missing, or older than the last numbered one. If False, `out` must be empty.
        progress: called after every step with (step, steps, figures); figures is None between log lines.
        data_root, download: folder of named data sets, and whether to download missing ones.
        workers: processes that read large data sets; 0: this process. They do not change results.
        threads: on which the CPU computes; last bits depend on it. By default one for networks of small
            operations, two for each core for large ones; a run that resumes has the number that it had.
        checkpoint_every: steps between numbered checkpoints; a twentieth of the run by default.
            `last.pt` is also written every ten minutes.
        log_every: steps between lines of `log.jsonl`.
        observers: receive every line of the log and every picture.
        note: called with one line of text: how the discriminator's gradient is computed, and from which
            checkpoint the run resumes if that is not `last.pt`.
        deterministic: use deterministic operations only, on a GPU too; some are slower.
        compile: compile the closed form of the regularizer's gradient if there is one and a compiler works;
            results differ in their last bits, so a run is bit-identical after resuming only with the same
            choice.
        channels_last: images and convolutions' weights lie in `torch.channels_last`, those of `networks`
            too, which stay so. Last bits differ, and files do not.

    Raises:
        UsageError: recipe, networks, data and folder do not fit together, or the batch cannot be divided
            evenly.
        CheckpointError: the folder's checkpoints are refused.
        DivergenceError: a loss, a weight or an optimizer's state is not finite; the last good checkpoint
            is kept.
        ResourceError: data are missing or the disk is full; another process uses the folder; a worker, or
            another process of this run, died; an operation is not deterministic.
        OtherProcessFailed: another process of this run failed first; has that process's exit code.
        Interrupted: SIGINT, SIGTERM or SIGUSR1 was received; the last complete step is saved.
    """
    recipe = recipe_of_networks(recipe, networks)
    every = max(1, math.ceil(recipe.steps / MILESTONES)) if checkpoint_every is None else checkpoint_every
    if every < 1 or log_every < 1:
        raise UsageError("checkpoint_every and log_every must be at least 1")
    processes, threads = current(), checked_threads(threads)
    folder = RunFolder(Path(out), observers)
    target = processes.device(resolve_device(device))
    check_divisible(recipe, processes.size)
    check_precision(recipe, target)
    with processes.rank_zero_first(download):
        data = catalogue.load(
            recipe.data, root=data_root, image_size=recipe.image_size, download=download, workers=workers
        )
    check_augmentable(recipe, data.shape)
    ada = AdaptiveProbability.at_start(recipe, target)
    probabilities = class_probabilities(recipe, data)
    own = None if networks is None else checked(networks, recipe, data.shape, target, processes)
    named = (None, None) if own else architectures(recipe, data.shape, data.num_classes)
    with _opened(folder, recipe, processes, resume=resume, note=note) as resumed:
        players = make_players(recipe, own or named, target, channels_last=channels_last)
        notify = note if note is not None and processes.is_rank_zero else lambda message: None
        for message in (*data.notes, route_description(players.route, recipe)):
            notify(message)
        if compile:
            route, message = with_compiler(players.route, players.discriminator, recipe)
            players = replace(players, route=route)
            notify(message)
        run = Run(
            recipe=recipe, device=target, data=data, architectures=named, players=players,
            average=deepcopy(players.generator).requires_grad_(False) if recipe.has_average else None,
            processes=processes, ada=ada,
            class_probabilities=probabilities, channels_last=channels_last,
        )  # fmt: skip
        start = 0 if resumed is None else restore(run, resumed, folder.last)
        with computing_on(run, folder.root, threads, notify), only_deterministic(deterministic):
            _loop(
                run, folder, start, every=every, log_every=log_every,
                progress=progress if processes.is_rank_zero else None,
            )  # fmt: skip
    return folder.last


@contextmanager
def _opened(
    folder: RunFolder, recipe: Recipe, processes: Processes, *, resume: bool, note: Note | None
) -> Iterator[Checkpoint | None]:
    """The checkpoint to resume from; rank 0 locks the folder and sends it to the other processes."""
    if not processes.is_rank_zero:
        content = processes.broadcast_from_rank0(b"")
        yield checkpoint.from_bytes(content, folder.last) if content else None
        return
    with folder.opened(recipe, resume=resume, note=note) as resumed:
        if processes.size > 1:
            processes.broadcast_from_rank0(b"" if resumed is None else checkpoint.to_bytes(resumed))
        yield resumed


def _loop(
    run: Run, folder: RunFolder, start: int, *, every: int, log_every: int, progress: StepProgress | None
) -> None:
    recipe = run.recipe
    reals = _real_batches(run, start)
    labels = label_batches(recipe, run.data, start=start, processes=run.processes)
    saved_at = logged_at = time.monotonic()
    logged_step = start
    with stop_requests() as request:
        for step in range(start + 1, recipe.steps + 1):
            logging = step % log_every == 0 or step == recipe.steps
            with run.randomness("step", step):
                metrics = algorithm_1(run, step, reals, labels, measure=logging)
            figures = None
            if logging:
                now = time.monotonic()
                # A clock of coarse steps may stand still from line to line; the next rate covers both.
                moved = now > logged_at
                rate = (step - logged_step) * recipe.batch_size / (now - logged_at) if moved else None
                figures = write_log(run, folder, step, metrics, samples_per_second=rate)
                if moved:
                    logged_step, logged_at = step, now
            milestone = step % every == 0 or step == recipe.steps
            overdue = time.monotonic() - saved_at > LONGEST_UNSAVED
            signal_number, due = run.processes.all_reduce_max(request.signal_number or 0, overdue)
            stopping = signal_number > 0 and step < recipe.steps
            if milestone or stopping or due:
                run.synchronize_buffers()
                check_finite(run, step, folder.root)
                if run.processes.is_rank_zero:
                    if milestone:  # before the checkpoint: a run killed in between repeats the picture
                        save_sample_picture(run, folder, step)
                    folder.save(snapshot(run, step), milestone=milestone)
                saved_at = time.monotonic()
            if progress is not None:
                progress(step, recipe.steps, figures)
            if stopping:
                raise Interrupted(
                    f"stopped at step {step} of {recipe.steps}; the same command resumes from {folder.last}",
                    signal_number=signal_number,
                )


def algorithm_1(
    run: Run, step: int, reals: Iterator[torch.Tensor], labels: Iterator[torch.Tensor | None] = NO_LABELS, *,
    measure: bool = False,
) -> StepMetrics:  # fmt: skip
    """Step t of Algorithm 1: n_φ discriminator updates and one generator update, or one simultaneous update.

    Args:
        reals, labels: real batches in the networks' range, and their labels where the recipe is conditional.
        measure: also return the gradient norms of the last discriminator update and the generator update, and
            the spread of the last real batch.
    """
    recipe, processes = run.recipe, run.processes
    this = Step(
        run.players, recipe, gamma=recipe.gamma_at(step), update=step - 1, measure=measure,
        processes=processes, ada=run.ada,
    )  # fmt: skip
    follow_schedule(run.players.generator_optimizer, recipe, step=step, player="generator")
    follow_schedule(run.players.discriminator_optimizer, recipe, step=step, player="discriminator")
    metrics: StepMetrics = {}

    def latents(player: str, update: int) -> torch.Tensor:
        batch_size = distinct_samples(recipe, player)
        return run.latents(player, update, batch_size, share=processes.share(batch_size))

    def given(player: str, update: int, real: torch.Tensor | None = None) -> BatchLabels | None:
        batch_size = distinct_samples(recipe, player)
        fake = run.labels(player, update, batch_size, share=processes.share(batch_size))
        return batch_labels(recipe, fake=fake, real=None if real is None else moved(real, run.device))

    if recipe.update == "simultaneous":
        real, real_labels = next(reals), next(labels)
        metrics = simultaneous_step(
            replace(this, labels=given("discriminator", this.update, real_labels)),
            real=real, latents=latents("discriminator", this.update),
        )  # fmt: skip
    else:
        for update in range((step - 1) * recipe.n_phi, step * recipe.n_phi):
            real, real_labels = next(reals), next(labels)
            metrics = discriminator_step(
                replace(
                    this, update=update, measure=measure and update == step * recipe.n_phi - 1,
                    labels=given("discriminator", update, real_labels),
                ),
                real=real, latents=latents("discriminator", update),
            )  # fmt: skip
        metrics |= generator_step(
            replace(
                this, gamma=recipe.generator_gamma_at(step),
                labels=given("generator", this.update, real_labels),
            ),
            latents=latents("generator", this.update), real=real,
        )  # fmt: skip
    run.update_average(step)
    return metrics | {"spread_real": spread(real)} if measure else metrics


def _real_batches(run: Run, start: int) -> Iterator[torch.Tensor]:
    """Real batches on the device, beginning with the first batch of step start + 1."""
    recipe = run.recipe
    if run.data.train is None:
        raise UsageError(f"data '{run.data.name}' has no training samples")
    batch_size = distinct_samples(recipe, "discriminator")
    for batch in run.data.train.batches(
        seed=recipe.seed, batch_size=batch_size, start=start * recipe.n_phi,
        share=run.processes.share(batch_size),
    ):  # fmt: skip
        real = to_network(moved(batch, run.device), DATA_RANGE)
        yield batch_laid_out(real, channels_last=run.channels_last)
