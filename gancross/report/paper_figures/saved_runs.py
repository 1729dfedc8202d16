"""Run folders as inputs of figures: recipe, saved steps, samples at a step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from gancross.checkpoint.file import load_contestant
from gancross.data.catalogue import DATASETS
from gancross.errors import UsageError
from gancross.evaluator.judging.scoring import canonical_samples
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
    """

    folder: Path
    label: str | None
    recipe: Recipe
    checkpoints: dict[int, Path]

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
        contestant = load_contestant(self.checkpoints[step], name=name)
        samples = canonical_samples(
            contestant, num_samples=num_samples, seed=seed, purpose="figure", device=device
        )
        if samples.ndim != (2 if self.vectors else 4):
            raise UsageError(f"{self.checkpoints[step]}: does not belong to the recipe beside it")
        return samples


def saved_run(folder: Path, label: str | None = None) -> SavedRun:
    """Reads a folder that `gancross train` has written.

    Raises:
        UsageError: it is not the folder of a run, or has no numbered checkpoint.
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
    return SavedRun(folder=folder, label=label, recipe=recipe, checkpoints=checkpoints)


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
