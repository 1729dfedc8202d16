"""Run folders as figures need them: what a run is, which steps it saved, samples of any of these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from gancross.checkpoint.file import load_contestant
from gancross.data.catalogue import DATASETS
from gancross.errors import UsageError, printable
from gancross.evaluator.judging.samples import canonical_samples
from gancross.machine.files import read_bytes
from gancross.trainer.recipes.recipe import Recipe
from gancross.untrusted.strict_json import parsed

LARGEST_RECIPE = 1 << 20
MOST_COLUMNS = 6


@dataclass(frozen=True, kw_only=True)
class SavedRun:
    """A run folder, read.

    Attributes:
        label: the user's own label; None: the figure finds one.
        checkpoints: step → file, in the order of steps.
    """

    folder: Path
    label: str | None
    recipe: Recipe
    checkpoints: dict[int, Path]

    @property
    def vectors(self) -> bool:
        """Whether it makes vectors rather than images."""
        entry = DATASETS.get(self.recipe.data)
        return entry is not None and entry.image_size is None

    def samples(self, step: int, *, num_samples: int, seed: int, device: torch.device) -> torch.Tensor:
        """Canonical samples at a saved step; the same latents at every step.

        Raises:
            CheckpointError: the checkpoint is refused.
        """
        name = self.folder.resolve().name
        contestant = load_contestant(self.checkpoints[step], name=name)
        drawn = canonical_samples(
            contestant, num_samples=num_samples, seed=seed, purpose="figure", device=device
        )
        if drawn.ndim != (2 if self.vectors else 4):
            raise UsageError(f"{self.checkpoints[step]}: does not belong to the recipe beside it")
        return drawn


def saved_run(folder: Path, label: str | None = None) -> SavedRun:
    """Reads the folder of a run that `gancross train` made.

    Raises:
        UsageError: it is something else, or has no numbered checkpoint.
    """
    if not folder.is_dir():
        kind = "is a file" if folder.exists() else "no such folder"
        raise UsageError(f"{folder}: {kind}; expected the folder of a run, as 'gancross train' makes it")
    path = folder / "recipe.json"
    if not path.is_file():
        raise UsageError(f"{folder}: not the folder of a run: it has no recipe.json")
    try:
        recipe = Recipe.from_dict(parsed(read_bytes(path, limit=LARGEST_RECIPE)))
    except (ValueError, TypeError, AttributeError) as error:
        raise UsageError(f"{path}: not a recipe: {printable(str(error), limit=300)}") from None
    found = {}
    for file in sorted((folder / "checkpoints").glob("step-*.pt")):
        number = file.stem.removeprefix("step-")
        if number.isascii() and number.isdigit():
            found[int(number)] = file
    if not found:
        raise UsageError(f"{folder}: has no saved steps (checkpoints/step-….pt) yet")
    return SavedRun(folder=folder, label=label, recipe=recipe, checkpoints=dict(sorted(found.items())))


def common_steps(
    runs: Sequence[SavedRun], asked: Sequence[int] | None, *, most: int = MOST_COLUMNS
) -> list[int]:
    """The steps that a figure shows: those asked for, or up to `most` evenly spaced ones that all runs saved.

    The last common step is always among them.

    Raises:
        UsageError: a step that some run did not save, or no step in common; says what there is.
    """
    common = sorted(set.intersection(*(set(run.checkpoints) for run in runs)))
    if not common:
        there = "; ".join(f"{run.folder}: {_listed(list(run.checkpoints))}" for run in runs)
        raise UsageError(f"no step was saved by all runs. Saved steps: {there}")
    if asked is None:
        count = min(most, len(common))
        return [common[(len(common) * (number + 1) - 1) // count] for number in range(count)]
    for step in asked:
        for run in runs:
            if step not in run.checkpoints:
                raise UsageError(
                    f"{run.folder}: step {step} was not saved; saved by all runs: {_listed(common)}"
                )
    return list(asked)


def _listed(steps: list[int]) -> str:
    """`1, 2, 3`, without the middle of a long list."""
    shown = [str(step) for step in steps]
    return ", ".join(shown if len(shown) <= 24 else [*shown[:12], "…", *shown[-12:]])
