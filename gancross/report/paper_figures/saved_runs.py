"""Run folders as inputs of figures: recipe, saved steps, samples at a step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from gancross.checkpoint.contestant import Contestant
from gancross.checkpoint.file import load_contestant
from gancross.data.catalogue import DATASETS
from gancross.errors import UsageError
from gancross.evaluator.contestants.factories import load_factory
from gancross.evaluator.contestants.weights import foreign_contestant
from gancross.evaluator.judging.scoring import canonical_samples
from gancross.models import FAMILIES
from gancross.trainer.recipes.recipe import Recipe
from gancross.trainer.run.folder import RECIPE, read_recipe
from gancross.trainer.run.step_files import numbered_checkpoints

MOST_COLUMNS = 6


@dataclass(frozen=True, kw_only=True)
class SavedRun:
    """A run folder.

    Attributes:
        label: the user's label; None: the figure makes one from the recipe.
        checkpoints: step → file, by rising step.
        networks: `module:pair`, trusted code of its networks; None where they are gancross's.
    """

    folder: Path
    label: str | None
    recipe: Recipe
    checkpoints: dict[int, Path]
    networks: str | None = None

    def contestant(self, step: int, *, name: str) -> Contestant:
        """The contestant of a saved step.

        Raises:
            UsageError: the code of its networks fails, or the weights do not fit them.
            CheckpointError: the checkpoint is refused.
        """
        if self.networks is None:
            return load_contestant(self.checkpoints[step], name=name)
        return trained_contestant(self.checkpoints[step], self.networks, name=name)

    @property
    def vectors(self) -> bool:
        """Whether its samples are vectors rather than images."""
        entry = DATASETS.get(self.recipe.data)
        return entry is not None and len(entry.shape) == 1

    def samples(self, step: int, *, num_samples: int, seed: int, device: torch.device) -> torch.Tensor:
        """Canonical samples at a saved step; the same latents at every step.

        Raises:
            CheckpointError: the checkpoint is refused.
        """
        name = self.folder.resolve().name
        contestant = self.contestant(step, name=name)
        if contestant.label_prior == "data":  # here are no data whose frequencies to follow
            contestant = replace(contestant, label_prior="uniform")
        samples = canonical_samples(
            contestant, num_samples=num_samples, seed=seed, purpose="figure", device=device
        )
        if samples.ndim != (2 if self.vectors else 4):
            raise UsageError(f"{self.checkpoints[step]}: does not belong to the recipe beside it")
        return samples


def trained_contestant(path: Path, networks: str, *, name: str) -> Contestant:
    """The contestant of a checkpoint of `train(networks=…)`; runs the code that `networks` names."""
    place = f"--networks {networks}"
    factory = load_factory(networks, place=place)
    return foreign_contestant(
        [path], factory, name=name, place=place, arch=networks, as_recipe=Recipe.from_dict
    )


def saved_run(folder: Path, label: str | None = None, *, networks: str | None = None) -> SavedRun:
    """Reads a folder that `gancross train` has written.

    Args:
        networks: `module:pair`, trusted code for runs whose networks are not gancross's.

    Raises:
        UsageError: it is not the folder of a run, has no numbered checkpoint, or needs `networks`.
    """
    if not folder.is_dir():
        problem = "is a file" if folder.exists() else "does not exist"
        raise UsageError(f"{folder}: {problem}; expected the folder of a run of 'gancross train'")
    if not (folder / RECIPE).is_file():
        raise UsageError(f"{folder}: not the folder of a run: it has no {RECIPE}")
    recipe = read_recipe(folder)
    checkpoints = numbered_checkpoints(folder)
    if not checkpoints:
        raise UsageError(f"{folder}: has no saved steps (checkpoints/step-….pt) yet")
    own = recipe.network not in FAMILIES
    if own and networks is None:
        raise UsageError(
            f"{folder}: its networks are not gancross architectures; name their code with --networks"
            " module:pair --trust-code"
        )
    return SavedRun(
        folder=folder, label=label, recipe=recipe, checkpoints=checkpoints, networks=networks if own else None
    )


def common_steps(
    runs: Sequence[SavedRun], steps: Sequence[int] | None, *, most: int = MOST_COLUMNS
) -> list[int]:
    """The steps that a figure shows: `steps`, or by default up to `most` evenly spaced common ones.

    The default includes the last common step.

    Raises:
        UsageError: some run did not save a step, or the runs have no step in common; lists the saved steps.
    """
    common = sorted(set.intersection(*(set(run.checkpoints) for run in runs)))
    if not common:
        saved = "; ".join(f"{run.folder}: {_abbreviated(list(run.checkpoints))}" for run in runs)
        raise UsageError(f"no step was saved by all runs. Saved steps: {saved}")
    if steps is None:
        count = min(most, len(common))
        return [common[(len(common) * (number + 1) - 1) // count] for number in range(count)]
    for step in steps:
        for run in runs:
            if step not in run.checkpoints:
                raise UsageError(
                    f"{run.folder}: step {step} was not saved; saved by all runs: {_abbreviated(common)}"
                )
    return list(steps)


def _abbreviated(steps: list[int]) -> str:
    """`1, 2, 3`, without the middle of a long list."""
    texts = [str(step) for step in steps]
    return ", ".join(texts if len(texts) <= 24 else [*texts[:12], "…", *texts[-12:]])
