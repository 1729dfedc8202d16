"""The state of a benchmark and the work left, counted on networks without memory; nothing is written."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

from gancross import models
from gancross.data import catalogue
from gancross.errors import GancrossError
from gancross.trainer.gradient.route import Route, route_of
from gancross.trainer.objective.objectives import OBJECTIVES
from gancross.trainer.objective.regularizers import penalty_weights
from gancross.trainer.objective.slope_penalties import SLOPE_PENALTIES
from gancross.trainer.objective.weightings import UNREGULARIZED
from gancross.trainer.recipes.network_settings import OWN
from gancross.trainer.recipes.recipe import Recipe
from gancross.trainer.run.folder import RunFolder, read_recipe
from gancross.trainer.run.status import DONE, read_status
from gancross.trainer.run.step_files import checkpoint_path
from gancross.trainer.state import architectures
from gancross.untrusted.strict_json import parsed
from gancross.workflow.spec import PlannedRun, Spec

# Passes of one batch through a network: a forward pass counts 1, a backward pass 2, a backward pass to the
# input alone 1. A batch with a term in the regularizer takes four passes in closed form if D is piecewise
# linear, six if it is smooth or needs double backward (`gancross.trainer.gradient.route`).
PLAIN, PIECEWISE_LINEAR, SMOOTH = 3, 4, 6
INTERPOLATES = 6  # WGAN-GP's third batch


@dataclass(frozen=True, kw_only=True)
class Work:
    """Sizes of a recipe's networks, and the floating-point operations of one step and of the whole run.

    Multiplications and additions of convolutions and matrix products are counted, one each; elementwise
    operations are not.
    """

    parameters_generator: int
    parameters_discriminator: int
    step_flop: float
    total_flop: float


@dataclass(frozen=True, kw_only=True)
class PlannedVariant:
    """All runs of one variant; `work` is None where images, classes or networks are unknown."""

    name: str
    method: str
    runs: int
    steps: int
    steps_left: int
    work: Work | None
    state: str


def planned_variants(spec: Spec, out: Path) -> list[PlannedVariant]:
    """The variants of a benchmark with the steps left of each.

    Raises:
        UsageError: networks and data of a variant do not fit together.
    """
    names = dict.fromkeys(run.variant for run in spec.runs)
    return [_planned([run for run in spec.runs if run.variant == name], out) for name in names]


def _planned(runs: list[PlannedRun], out: Path) -> PlannedVariant:
    recipe = runs[0].recipe
    folders = [run_folder(out, run) for run in runs]
    left = [
        # At least 1: the last checkpoint may still be missing.
        0 if is_finished(run, folder) else max(1, run.recipe.steps - steps_done(folder))
        for run, folder in zip(runs, folders, strict=True)
    ]
    shape = catalogue.known_shape(recipe.data, image_size=recipe.image_size)
    classes = None if recipe.conditional == "none" else catalogue.known_classes(recipe.data)
    known = recipe.network != OWN and (recipe.conditional == "none" or classes is not None)
    work = estimated_work(recipe, shape=shape, num_classes=classes) if shape and known else None
    states = Counter("done" if steps == 0 else "new" if steps == recipe.steps else "begun" for steps in left)
    return PlannedVariant(
        name=runs[0].variant, method=recipe.method, runs=len(runs), steps=recipe.steps,
        steps_left=sum(left), work=work,
        state=", ".join(f"{count} {state}" for state, count in states.items()),
    )  # fmt: skip


def run_folder(out: Path, run: PlannedRun) -> Path:
    """The folder of a run of a benchmark."""
    return out / "runs" / run.name


def steps_done(folder: Path) -> int:
    """The step of the last complete line of a run's log; 0 without one."""
    try:
        lines = RunFolder(folder).log.read_text(encoding="utf-8").splitlines()
        return int(parsed(lines[-1])["step"])
    except (OSError, ValueError, OverflowError, IndexError, KeyError, TypeError):
        return 0


def is_finished(run: PlannedRun, folder: Path) -> bool:
    """Whether a run's folder has the checkpoint of its last step, `last.pt`, exactly its recipe, and is done.

    A run that was killed between its last two files has a `last.pt` of an earlier step.
    """
    status = read_status(folder)
    if status is None or (status.status, status.step) != (DONE, run.recipe.steps):
        return False
    if not (checkpoint_path(folder, run.recipe.steps).is_file() and RunFolder(folder).last.is_file()):
        return False
    try:  # a folder of another recipe is not finished: training there reports the difference
        return read_recipe(folder) == run.recipe
    except GancrossError:
        return False


def finished_runs(spec: Spec, out: Path) -> list[str]:
    """The names of the runs of a benchmark that need no more training."""
    return [run.name for run in spec.runs if is_finished(run, run_folder(out, run))]


def estimated_work(recipe: Recipe, *, shape: tuple[int, ...], num_classes: int | None = None) -> Work:
    """Counts the work of a recipe on networks without memory; reads no data.

    Args:
        shape: of one sample, (C, H, W) or (d,).
        num_classes: of the data, where the recipe is conditional.

    Raises:
        UsageError: network and data do not fit together.
    """
    generator, discriminator = map(models.skeleton, architectures(recipe, shape, num_classes))
    n = recipe.batch_size
    g = _forward_flop(generator, (n, recipe.latent_dim))
    d = _forward_flop(discriminator, (n, *shape))
    route = route_of(discriminator, labels=recipe.conditional == "labels")
    step = recipe.n_phi * (g + _update(recipe, route) * d)
    if recipe.update == "alternating":
        step += 3 * g + (3 if OBJECTIVES[recipe.objective].generator_sees_real else 2) * d
    else:  # shared: the generator's forward pass, and D's backward pass to its samples if the penalty took it
        whole = recipe.penalty_every == 1 and recipe.penalty_fraction == 1
        on_fakes = penalty_weights(recipe.regularizer, recipe.objective).fake is not None
        free = on_fakes and route.closed_form and not route.coupled and whole
        step += 2 * g + (0 if free else 2 * d)
    weights_g, weights_d = (
        sum(parameter.numel() for parameter in network.parameters()) for network in (generator, discriminator)
    )
    if recipe.conditional == "acgan":  # the classification: reals and fakes in D's update, fakes in G's
        step += recipe.n_phi * 6 * d + 3 * d
    return Work(
        parameters_generator=weights_g, parameters_discriminator=weights_d, step_flop=step,
        total_flop=step * recipe.steps,
    )  # fmt: skip


def _update(recipe: Recipe, route: Route) -> float:
    """Passes through the discriminator of one of its updates, both batches, on average."""
    if recipe.regularizer in SLOPE_PENALTIES:
        return 2 * PLAIN + INTERPOLATES
    weights = penalty_weights(recipe.regularizer, recipe.objective)
    if weights is UNREGULARIZED:
        return 2 * PLAIN
    terms = sum(weight is not None for weight in (weights.real, weights.fake))
    each = PIECEWISE_LINEAR if route.closed_form and not route.smooth else SMOOTH
    share = 1.0 if route.coupled else recipe.penalty_fraction  # coupled batches are not subsampled
    if recipe.penalty_every > 1:
        alone = terms if route.closed_form and not route.coupled else 2
        return 2 * PLAIN + (terms * share * each + (alone - terms) * PLAIN) / recipe.penalty_every
    return 2 * PLAIN + terms * share * (each - PLAIN)


def _forward_flop(network: models.Network, shape: tuple[int, ...]) -> float:
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        labels = torch.zeros(shape[0], dtype=torch.int64, device="meta")
        network(torch.empty(shape, device="meta"), *([] if network.num_classes is None else [labels]))
    return float(counter.get_total_flops())
