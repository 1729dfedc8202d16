"""Referees that train for a moment, in this process, and data whose differences they find."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from gancross.evaluator import refereeing
from gancross.evaluator.referees import options
from gancross.evaluator.referees.arena import Arena, equal_number
from gancross.evaluator.referees.budget import BudgetCheck, Measurement, PlantedFault, budget_check
from gancross.evaluator.referees.entries import Entry
from gancross.evaluator.referees.halves import SampleSet, sample_set
from gancross.evaluator.referees.ladder import ladder
from gancross.evaluator.referees.protocol import BUDGETS, Form, RefereeProtocol, form_of
from gancross.evaluator.referees.work import refereed

CPU = torch.device("cpu")
MOMENT: dict[str, Any] = {
    "steps": 40, "seeds": 1, "batch_size": 32, "width": 8, "learning_rate": 1e-2, "average": 0.8,
}  # fmt: skip


def tiny(form: Form = "vectors", **changes: Any) -> RefereeProtocol:
    """A protocol of a moment's training."""
    return replace(BUDGETS["quick"][form], **(MOMENT | changes))


def use_tiny(patch: pytest.MonkeyPatch, **changes: Any) -> None:
    """Both budgets are `tiny`, and referees train in this process; for calls of public functions."""
    patch.setattr(
        options, "BUDGETS",
        {
            budget: {form: replace(protocol, **(MOMENT | changes)) for form, protocol in forms.items()}
            for budget, forms in BUDGETS.items()
        },
    )  # fmt: skip
    patch.setattr(refereeing, "default_workers", lambda device: 1)


def perfect(*_: object, **__: object) -> BudgetCheck:
    """κ = 1: longer training shows nothing more."""
    fault = PlantedFault(kind="shift", severity=0.1, g_TK=((0.5,) * 12,))
    measured = Measurement(
        version=1, budget="quick", data="nothing", shape=(2,), num_training=10, multiples=(1.0,),
        faults=(fault,),
    )  # fmt: skip
    return budget_check(tiny(), (2,), 10, measured=measured)


def points(
    n: int = 300, *, seed: int = 0, scale: float = 1.0, shift: float = 0.0, d: int = 2
) -> torch.Tensor:
    """Gaussian vectors (n, d)."""
    return shift + scale * torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


def grains(
    n: int = 300, *, seed: int = 0, shift: float = 0.0, shape: tuple[int, ...] = (1, 8, 8)
) -> torch.Tensor:
    """Images (n, *shape) of grey noise around a level, `shift` brighter than 120 of 255."""
    noise = torch.randn(n, *shape, generator=torch.Generator().manual_seed(seed))
    return (120 + shift + 20 * noise).round().clamp(0, 255).to(torch.uint8)


def save_images(images: torch.Tensor, folder: Any) -> None:
    """One PNG file for each."""
    folder.mkdir(parents=True)
    for number, image in enumerate(images):
        array = image.permute(1, 2, 0).numpy()
        Image.fromarray(array[..., 0] if array.shape[2] == 1 else array).save(folder / f"{number:04d}.png")


def arena_of(reals: torch.Tensor, samples: Sequence[torch.Tensor] = (), **changes: Any) -> Arena:
    """The arena of a call with these samples; `changes` are for its protocol."""
    real_set, sets = sample_set(reals), [sample_set(each) for each in samples]
    protocol = tiny(form_of(reals.shape[1:]), **changes)
    return Arena(
        reals=real_set, ladder=ladder(real_set.array), protocol=protocol, seed=0, device=CPU,
        size=equal_number(real_set, sets, seed=0, seeds=protocol.seeds),
    )  # fmt: skip


def referees_of(arena: Arena, **samples: torch.Tensor) -> tuple[dict[str, SampleSet], dict[str, list[Entry]]]:
    """The sample sets by name, and their referees."""
    sets = {name: sample_set(each) for name, each in samples.items()}
    return sets, refereed(sets, arena)[0]


def same_entries(first: Sequence[Entry], second: Sequence[Entry]) -> bool:
    """Whether scores, choices and weights are the same bits."""
    return len(first) == len(second) and all(map(_same, first, second))


def _same(first: Entry, second: Entry) -> bool:
    parts = ("reals", "samples", "real_KN", "fake_KM")
    steps = [entry.referee.snapshots for entry in (first, second)]
    return (
        (first.scores.seed, first.scores.half) == (second.scores.seed, second.scores.half)
        and all(np.array_equal(getattr(first.scores, part), getattr(second.scores, part)) for part in parts)
        and first.referee.chosen == second.referee.chosen
        and list(steps[0]) == list(steps[1])
        and all(
            torch.equal(weights[name], steps[1][step][name])
            for step, weights in steps[0].items() for name in weights
        )
    )  # fmt: skip
