"""A recipe: everything that decides a training run.

Modules of this package do not import torch, so that `gancross recipes` and `--help` start fast.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from gancross.divergences import TOTAL_VARIATION, no_total_variation
from gancross.errors import UsageError, unknown_name
from gancross.trainer.recipes import fields
from gancross.trainer.recipes.experiments import EXPERIMENTS, ROOT
from gancross.trainer.recipes.fields import Setting
from gancross.trainer.recipes.objective_settings import OBJECTIVES, REGULARIZER_FIELDS, matching_regularizers
from gancross.trainer.recipes.schedules import schedule_factor
from gancross.trainer.recipes.training_settings import TrainingSettings


@dataclass(frozen=True, kw_only=True)
class Recipe(TrainingSettings):
    """Everything that decides a training run: the same recipe on the same machine gives the same weights.

    Its fields stand in groups, each with what they mean: `network_settings`, `objective_settings`,
    `noise_settings`, `augmentation_settings`, `optimizer_settings` and `training_settings`.

    A field that has no effect is set to its neutral value, so that equal runs have equal recipes: γ = 0 and
    `regularizer=none` give the same one.
    """

    def __post_init__(self) -> None:
        if TOTAL_VARIATION in (self.objective, self.regularizer):
            raise no_total_variation()
        hints = typing.get_type_hints(Recipe)
        for spec in dataclasses.fields(self):
            fields.check(spec.name, getattr(self, spec.name), hints[spec.name], spec.metadata)
        self.check_together()
        if self.has_weighting and self.gamma == 0.0:
            object.__setattr__(self, "regularizer", "none")
        for name, neutral, _ in self.neutral_fields():
            object.__setattr__(self, name, neutral)

    def with_changes(self, changes: Mapping[str, Setting]) -> Recipe:
        """A copy with some fields replaced.

        A new `objective` sets its default regularizer unless `changes` names one: Ω_JS for js-logit, Ω_f for
        an f-GAN, R1 + R2 for relativistic, their penalties of slopes for wgan-gp and wgan-lp, none for
        lsgan, hinge and wgan. γ and all other fields stay, so
        an unregularized js-logit becomes an unregularized f-GAN.

        Raises:
            UsageError: unknown key (the nearest field is suggested), bad value, or value without effect.
        """
        names = [spec.name for spec in dataclasses.fields(Recipe)]
        for key in changes:
            if key not in names:
                raise unknown_name("recipe key", key, names)
        complete = typing.cast(dict[str, Any], dict(changes))
        objective = complete.get("objective", self.objective)
        if objective != self.objective and objective in OBJECTIVES:
            complete = {"regularizer": matching_regularizers(objective)[0]} | complete
        changed = dataclasses.replace(self, **complete)
        changed._check_effective(changes)
        return changed

    def to_dict(self) -> dict[str, Setting]:
        """All fields as plain values, as `recipe.json` and checkpoints hold them."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Setting]) -> Recipe:
        """The inverse of `to_dict`; the named recipe supplies fields that an older version did not have.

        Raises:
            UsageError: unknown keys or bad values.
        """
        name = str(values.get("name"))
        return experiment(name if name in EXPERIMENTS else ROOT).with_changes(values)

    @property
    def method(self) -> str:
        """Name and overrides without the seed: what runs of one method have in common."""
        if self.name not in EXPERIMENTS:
            return self.name
        base = experiment(self.name)
        implied = {name for name, _, _ in self.neutral_fields()}
        changed = {
            key: value
            for key, value in self.to_dict().items()
            if value != getattr(base, key) and key not in ("seed", "name", *implied)
        }
        return " ".join([self.name, *(f"{key}={value}" for key, value in changed.items())])

    def gamma_at(self, step: int) -> float:
        """γ_t for step t = 1..T: γ under no annealing, else γ₀·α^(t/T) (Algorithm 1) or its cosine."""
        if not self.anneal:
            return self.gamma
        progress = step / self.steps
        return self.gamma * schedule_factor(self.anneal_shape, end=self.gamma_decay, progress=progress)

    def generator_gamma_at(self, step: int) -> float:
        """γ_t of the generator's regularized objective; 0 where the generator's loss is not regularized."""
        regularized = self.regularize_generator and step >= self.regularize_generator_from
        return self.gamma_at(step) if regularized else 0.0

    def _check_effective(self, changes: Mapping[str, Setting]) -> None:
        """Refuses changes to fields that have no effect; γ = 0 means no regularizer."""
        if changes.get("gamma") == 0.0 and self.regularizer == "none":
            changes = {key: value for key, value in changes.items() if key not in REGULARIZER_FIELDS}
        if changes.get("regularizer", self.regularizer) != self.regularizer:
            raise UsageError(f"regularizer={changes['regularizer']} needs gamma above 0")
        for key, neutral, why in self.neutral_fields():
            if changes.get(key, neutral) != neutral:
                raise UsageError(f"{key}={changes[key]} would do nothing: {why}")


@cache
def experiment(name: str) -> Recipe:
    """The recipe of one line of `EXPERIMENTS`: its parent's with the differences."""
    entry = EXPERIMENTS[name]
    changes = {"name": name, **entry.differences}
    if entry.parent is None:
        return Recipe(**typing.cast(dict[str, Any], changes))
    return experiment(entry.parent).with_changes(changes)
