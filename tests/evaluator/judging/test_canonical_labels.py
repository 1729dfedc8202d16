"""Labels of samples: a stream of their own, in the order in which samples are drawn and judged."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import chisquare
from torch import nn

from gancross import Contestant
from gancross.errors import UsageError
from gancross.evaluator.judging.sampling import sample_labels
from gancross.evaluator.judging.scoring import canonical_labels, canonical_samples

CPU = torch.device("cpu")


class Telling(nn.Module):
    """A generator whose samples' last number is their label."""

    def forward(self, latents: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """(N, 2) and (N,) → (N, 3)."""
        return torch.cat([latents, labels[:, None].float()], 1)


def telling(**fields: Any) -> Contestant:
    whole: dict[str, Any] = {"name": "a", "generator": Telling(), "latent_dim": 2, "num_classes": 4} | fields
    return Contestant(**whole)


def drawn(contestant: Contestant, n: int, purpose: str = "crosstest", seed: int = 0) -> torch.Tensor:
    return canonical_samples(contestant, num_samples=n, seed=seed, purpose=purpose, device=CPU)[:, -1].long()


@pytest.mark.parametrize("prior", ["uniform", (1, 0, 2, 1)], ids=["uniform", "given"])
@pytest.mark.parametrize("n", [1, 700])
def test_labels_are_those_that_the_generator_was_given(prior: Any, n: int) -> None:
    contestant = telling(label_prior=prior)
    labels = canonical_labels(contestant, num_samples=n, seed=3, purpose="crosstest")
    assert labels is not None and labels.dtype == torch.int64
    assert torch.equal(labels, drawn(contestant, n, seed=3))


@pytest.mark.parametrize("n", [40, 300])
def test_labels_of_given_samples_follow_their_choice_and_their_order(n: int) -> None:
    samples = canonical_samples(telling(), num_samples=300, device=CPU)
    given = Contestant(name="b", samples=samples, labels=samples[:, -1].long())
    assert given.labels is not None and not torch.equal(given.labels[:n], drawn(given, n))
    labels = canonical_labels(given, num_samples=n, seed=5, purpose="crosstest")
    assert labels is not None and torch.equal(labels, drawn(given, n, seed=5))
    plain = Contestant(name="b", samples=samples)
    assert canonical_labels(plain, num_samples=n) is None


def test_a_label_is_a_function_of_seed_name_purpose_and_position() -> None:
    def labels(start: int = 0, n: int = 60, seed: int = 1, purpose: str = "p", **fields: Any) -> torch.Tensor:
        found = sample_labels(telling(**fields), start, n, seed=seed, purpose=purpose)
        assert found is not None
        return found

    whole = labels()
    for prior in ("uniform", (1, 2, 3, 4)):
        assert torch.equal(labels(start=7, n=20, label_prior=prior), labels(label_prior=prior)[7:27])
    for other in (labels(seed=2), labels(purpose="q"), labels(name="b")):
        assert not torch.equal(whole, other)
    assert torch.equal(whole, labels(latent_dim=5))


def test_labels_follow_the_given_weights() -> None:
    weights = np.array([1.0, 0, 2, 5])
    labels = canonical_labels(telling(label_prior=weights), num_samples=8000)
    assert labels is not None
    counts = torch.bincount(labels, minlength=4).numpy()
    assert counts[1] == 0
    assert chisquare(np.delete(counts, 1), np.array([1, 2, 5]) * 1000.0).pvalue > 0.01


def test_given_weights_stay_the_same_however_often_they_are_checked() -> None:
    first = telling(label_prior=(0.1, 0.2, 0.3, 0.7))
    assert isinstance(first.label_prior, tuple)
    assert telling(label_prior=first.label_prior).label_prior == first.label_prior


class OneInput(nn.Module):
    """Takes no labels."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, 3) → (N,)."""
        return x.sum(1)


class Optional(OneInput):
    """Takes them if it gets them."""

    def forward(self, x: torch.Tensor, y: torch.Tensor | None = None) -> torch.Tensor:
        """(N, 3) → (N,)."""
        return x.sum(1) if y is None else x.sum(1) + y


class Fading(OneInput):
    """Takes something else."""

    def forward(self, x: torch.Tensor, alpha: float = 1.0) -> torch.Tensor:
        """(N, 3) → (N,)."""
        return x.sum(1) * alpha


def by_function(x: torch.Tensor, class_labels: torch.Tensor) -> torch.Tensor:
    """(N, 3) and (N,) → (N,)."""
    return x.sum(1) + class_labels


@pytest.mark.parametrize(
    ("discriminator", "takes"),
    [(OneInput(), False), (Optional(), True), (by_function, True), (lambda x: x.sum(1), False)],
    ids=["one input", "optional labels", "function", "function of one input"],
)
def test_a_discriminator_is_given_labels_if_its_second_parameter_is_called_so(
    discriminator: Any, takes: bool
) -> None:
    assert telling(discriminator=discriminator).judge_labels is takes
    assert telling(discriminator=discriminator, judge_labels=not takes).judge_labels is not takes
    unconditional = Contestant(
        name="u", generator=nn.Linear(2, 3), discriminator=discriminator, latent_dim=2
    )  # fmt: skip
    assert unconditional.judge_labels is None


@pytest.mark.parametrize(
    "discriminator", [Fading(), lambda *inputs: inputs[0].sum(1)], ids=["another meaning", "any number"]
)
def test_a_second_parameter_that_tells_nothing_is_asked_about(discriminator: Any) -> None:
    with pytest.raises(UsageError, match="do not tell whether it takes labels: give judge_labels"):
        telling(discriminator=discriminator)
    assert telling(discriminator=discriminator, judge_labels=False).judge_labels is False


SAMPLES = torch.zeros(3, 2)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"label_prior": "frequent"}, "label_prior 'frequent'"),
        ({"label_prior": (1, 2, 3)}, "must hold 4 numbers, one for each class"),
        ({"label_prior": (1, 2, 3, -1)}, "none below 0"),
        ({"label_prior": (0, 0, 0, 0)}, "not all 0"),
        ({"label_prior": 3}, "uniform, data or K numbers, got 3"),
        ({"num_classes": 0}, "at least 1, got 0"),
        ({"num_classes": None, "label_prior": "data"}, "label_prior needs num_classes"),
        ({"num_classes": None, "discriminator": OneInput(), "judge_labels": True}, "needs num_classes"),
        ({"labels": [0, 1, 2]}, "a generator's are drawn"),
        ({"generator": None, "samples": SAMPLES}, "needs a generator, or labels of its samples"),
        ({"generator": None, "samples": SAMPLES, "labels": [0, 1]}, "expected 3 integers"),
        ({"generator": None, "samples": SAMPLES, "labels": [0.0, 1, 2]}, "expected 3 integers"),
        ({"generator": None, "samples": SAMPLES, "labels": [0, 1, 4]}, r"label 4: expected one of the"),
        ({"generator": None, "samples": SAMPLES, "labels": [0, -1, 4], "num_classes": None}, "label -1"),
    ],
    ids=[
        "unknown prior", "few weights", "negative weight", "no weight", "number", "no class", "prior alone",
        "judge alone", "labels of a generator", "no labels", "few labels", "floats", "beyond", "negative",
    ],
)  # fmt: skip
def test_labels_that_do_not_fit_are_refused_in_one_line(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message) as refused:
        telling(**fields)
    assert "\n" not in str(refused.value)


def test_frequencies_of_data_need_data() -> None:
    with pytest.raises(UsageError, match="there are no data whose labels to follow"):
        canonical_labels(telling(label_prior="data"), num_samples=10)
