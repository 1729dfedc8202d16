"""`gancross.check`: wrong descriptions of a model are found, by cross-tests too; right ones stay silent."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import gancross
from gancross import Contestant
from gancross.checkpoint.contestant import Origin
from gancross.data import catalogue
from gancross.data.sets import DataSet
from gancross.errors import DivergenceError, UsageError
from gancross.evaluator.estimates import Missing
from gancross.evaluator.model_check import DiscriminatorCheck, GeneratorCheck, ModelCheck
from gancross.report.text.check import check_text

DIM = 16


@cache
def digits() -> DataSet:
    return catalogue.load("digits", root=Path(), image_size=None, test_seed=0)


class Gaussian(nn.Module):
    """Images with the mean and the 16 largest principal components of the digits, in −1…1."""

    def __init__(self) -> None:
        super().__init__()
        rows = digits().held_out(0).flatten(1).float() / 127.5 - 1
        _, scales, directions = torch.linalg.svd(rows - rows.mean(0), full_matrices=False)
        self.mean = rows.mean(0)
        self.directions = directions[:DIM] * scales[:DIM, None] / len(rows) ** 0.5

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        rows: torch.Tensor = self.mean + latents @ self.directions
        return rows.clamp(-1, 1).reshape(-1, 1, 8, 8)


@cache
def judge() -> nn.Module:
    """Logits of a network that learned to tell digits from those images, and both from noise."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1))
        optimizer, made_by = torch.optim.Adam(network.parameters(), 5e-3), Gaussian()
        reals = digits().held_out(0).float() / 127.5 - 1
        for _ in range(200):
            batch = reals[torch.randint(len(reals), (64,))]
            fakes = torch.cat([made_by(torch.randn(48, DIM)), torch.rand(16, 1, 8, 8) * 2 - 1])
            loss = (
                nn.functional.softplus(-network(batch)).mean() + nn.functional.softplus(network(fakes)).mean()
            )
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    return network


class Then(nn.Module):
    """A network with one function more at its end."""

    def __init__(self, network: nn.Module, function: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.network, self.function = network, function

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.function(self.network(inputs))


class Deviation(nn.Module):
    """A minibatch standard deviation beside a score."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = judge()(images)
        return scores + images.std(0).mean()


def dropped(scores: torch.Tensor) -> torch.Tensor:
    return nn.functional.dropout(scores, 0.1)  # evaluation mode does not reach it


def pair(**changes: Any) -> Contestant:
    fields: dict[str, Any] = {"generator": Gaussian(), "discriminator": judge(), "latent_dim": DIM} | changes
    return Contestant(name="a", **fields)


def then(function: Callable[[torch.Tensor], torch.Tensor], **changes: Any) -> Contestant:
    return pair(discriminator=Then(judge(), function), **changes)


def checked(model: Contestant) -> ModelCheck:
    return gancross.check(model, data=digits(), device="cpu")


@dataclass(frozen=True, kw_only=True)
class Wrong:
    """A model whose description is wrong, words of the flag, and of what to do."""

    model: Callable[[], Contestant]
    flag: str
    remedy: str


WRONG = {
    "orientation flipped": Wrong(
        model=lambda: pair(orientation="fake_high"), flag="score above the test data: is the orientation",
        remedy="orientation=fake_high",
    ),
    "sigmoid unsaid": Wrong(
        model=lambda: then(torch.sigmoid), flag="lie in 0…1 under score_kind 'logit'",
        remedy="score_kind=probability",
    ),
    "range unsaid": Wrong(
        model=lambda: pair(generator=Then(Gaussian(), lambda x: (x + 1) / 2)), flag="one half of data_range",
        remedy="give data_range",
    ),
    "bytes unsaid": Wrong(
        model=lambda: pair(generator=Then(Gaussian(), lambda x: (x + 1) * 127.5)),
        flag="lie outside data_range", remedy="give data_range",
    ),
    "a critic's threshold": Wrong(
        model=lambda: then(lambda scores: scores + 50), flag="threshold of score_kind 'logit' tells nothing",
        remedy="wgan for a Wasserstein critic",
    ),
    "minibatch deviation": Wrong(
        model=lambda: pair(discriminator=Deviation()), flag="depends on the other samples",
        remedy="give batch_size, the samples that it saw at a time in training, if that is not 64",
    ),
    "noise of its own": Wrong(
        model=lambda: then(dropped), flag="draws noise of its own", remedy="should not drop out"
    ),
    "averages without buffers": Wrong(
        model=lambda: pair(
            generator=Then(Gaussian(), lambda x: x), discriminator=nn.Sequential(nn.BatchNorm2d(1), judge())
        ),
        flag="has seen no batch", remedy="copy the buffers too",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_description_is_flagged_by_check_and_by_crosstest(name: str) -> None:
    wrong = WRONG[name]
    found = checked(wrong.model())
    assert not found.passed
    assert any(wrong.flag in finding.flag and wrong.remedy in finding.remedy for finding in found.findings)
    result = gancross.crosstest(
        [wrong.model()], data=digits(), num_samples=500, device="cpu", norm_check=False, controls=False
    )
    assert any(wrong.flag in flag for flag in result.flags)
    assert json.loads(found.to_json())["findings"][0].keys() == {"flag", "remedy"}


RIGHT: dict[str, Callable[[], Contestant]] = {
    "logits": pair,
    "probabilities": lambda: then(torch.sigmoid, score_kind="probability"),
    "0…1": lambda: pair(generator=Then(Gaussian(), lambda x: (x + 1) / 2), data_range=(0, 1),
                        discriminator=nn.Sequential(Then(nn.Identity(), lambda x: 2 * x - 1), judge())),
    "a critic": lambda: then(lambda scores: scores + 50, score_kind="wgan"),
    "a critic with its threshold": lambda: then(lambda scores: scores + 50, threshold=50.0),
    "low for real": lambda: then(torch.neg, orientation="fake_high"),
    "a judge that is fooled": lambda: pair(discriminator=nn.Sequential(nn.Flatten(), nn.Linear(64, 1))),
    "samples alone": lambda: Contestant(name="a", samples=digits().held_out(0)[:300]),
}  # fmt: skip


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_description_stays_silent(name: str) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        found = checked(RIGHT[name]())
    assert found.findings == () and found.passed
    assert str(found).endswith("Nothing is flagged.")


def test_the_facts_of_a_sound_pair() -> None:
    found = checked(pair())
    generator, discriminator = found.generator, found.discriminator
    assert isinstance(generator, GeneratorCheck) and isinstance(discriminator, DiscriminatorCheck)
    assert (found.data, found.shape, found.num_real) == ("digits", (1, 8, 8), 256)
    assert (generator.latent, generator.latent_shape, generator.batch_norms) == ("normal", (DIM,), 0)
    assert generator.probe.low == -1 and generator.probe.high == 1
    assert found.samples.different.count == 256
    assert not isinstance(found.samples.spread, Missing) and 0.7 < found.samples.spread < 1.1
    assert discriminator.auc_generated.value > 0.8 and discriminator.auc_noise.value > 0.9
    assert (discriminator.group_size, discriminator.two_modes, discriminator.threshold) == (1, False, 0.0)


def test_figures_of_scores_that_are_known() -> None:
    """Brightness: data 10…19, samples 5…14, in levels; AUC and medians counted by hand."""

    class Brightness(nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return images.flatten(1).mean(1)

    def flat(levels: range) -> torch.Tensor:
        return torch.tensor(list(levels), dtype=torch.uint8)[:, None, None, None].expand(-1, 1, 4, 4).clone()

    model = Contestant(
        name="a",
        samples=flat(range(5, 15)),
        discriminator=Brightness(),
        data_range=(0, 255),
        score_kind="critic",
    )
    found = gancross.check(model, data=flat(range(10, 20)), device="cpu")
    discriminator = found.discriminator
    assert isinstance(discriminator, DiscriminatorCheck)
    assert (discriminator.medians.data, discriminator.medians.generated) == (14.5, 9.5)
    above = np.subtract.outer(np.arange(10, 20), np.arange(5, 15))
    assert discriminator.auc_generated.value == ((above > 0).sum() + (above == 0).sum() / 2) / 100
    assert discriminator.auc_noise.value == 0  # noise of the same range is brighter: about 127
    assert isinstance(discriminator.separation, Missing)
    # Equal spreads; noise above the data alone turns nothing.
    assert found.samples.spread == pytest.approx(1, abs=1e-12) and found.passed


def test_generated_samples_and_noise_above_the_data_turn_a_judge_together() -> None:
    """An AUC of 0.4 on the samples is no flag by itself; with noise above the data, too, it is."""

    class First(nn.Module):
        """The first value of an image."""

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return images[:, 0, 0, 0]

    def images(shift: int, seed: int) -> torch.Tensor:
        random = torch.Generator().manual_seed(seed)
        return torch.randint(shift, 60 + shift, (256, 1, 4, 4), generator=random).byte()

    model = Contestant(
        name="a", samples=images(6, 1), discriminator=First(), data_range=(0, 255), score_kind="critic"
    )
    data = images(0, 2)
    found = gancross.check(model, data=data, device="cpu")
    assert isinstance(found.discriminator, DiscriminatorCheck)
    assert 0.3 < found.discriminator.auc_generated.value < 0.45
    (finding,) = found.findings
    assert "uniform noise (AUC" in finding.flag and "orientation=fake_high" in finding.remedy
    assert gancross.check(replace(model, samples=images(0, 1)), data=data, device="cpu").passed


@pytest.mark.parametrize("what", ["one image", "hardly varying"])
def test_a_collapsed_generator_is_flagged(what: str) -> None:
    scale = 0.0 if what == "one image" else 0.1
    found = checked(pair(generator=Then(nn.Identity(), lambda z: Gaussian()(scale * z))))
    (finding,) = (finding for finding in found.findings if "collapsed" in finding.flag)
    assert found.samples.collapsed and "weights" in finding.flag
    assert (found.samples.different.count == 1) == (what == "one image")


def test_repeated_samples_are_flagged() -> None:
    half = digits().held_out(0)[:100]
    found = checked(Contestant(name="a", samples=torch.cat([half, half, half[:56]])))
    assert found.samples.different.count == 100 and not found.passed


def test_coupled_judges_are_scored_in_groups_of_their_training_batch() -> None:
    found = checked(pair(discriminator=Deviation(), batch_size=50))
    assert isinstance(found.discriminator, DiscriminatorCheck) and found.discriminator.group_size == 50
    assert "samples couple, in groups of 50" in " ".join(str(found).split())


def test_batch_norm_is_seen_with_its_modes() -> None:
    norm = nn.BatchNorm2d(1)
    norm(torch.rand(64, 1, 8, 8) * 2 - 1)
    found = checked(pair(discriminator=nn.Sequential(norm, judge()))).discriminator
    assert isinstance(found, DiscriminatorCheck) and (found.batch_norms, found.two_modes) == (1, True)


@pytest.mark.parametrize(
    ("model", "error", "reason"),
    [
        (lambda: pair(generator=nn.Linear(DIM, 3)), UsageError, "but the data have shape"),
        (lambda: pair(score_kind="probability"), UsageError, "scores reach from"),
        (lambda: then(lambda scores: scores / 0), DivergenceError, "NaN or infinite"),
        (lambda: pair(generator=Then(Gaussian(), lambda x: x * torch.nan)), DivergenceError, "makes NaN"),
    ],
    ids=["shape", "probabilities beyond 1", "scores", "samples"],
)  # fmt: skip
def test_what_no_cross_test_takes_is_refused(
    model: Callable[[], Contestant], error: type[Exception], reason: str
) -> None:
    with pytest.raises(error, match=reason):
        checked(model())


@pytest.mark.parametrize("width", [60, 80])
def test_the_text_fits(width: int) -> None:
    for wrong in WRONG.values():
        assert max(map(len, check_text(checked(wrong.model()), width=width).splitlines())) <= width


@pytest.mark.parametrize(
    ("origin", "where"),
    [
        ({"path": "a.pth", "arch": "code.py:factory"}, "gancross.Contestant that code.py:factory returns."),
        ({"path": "g.onnx,d.onnx"}, "Give it by --describe a=key=value."),
        ({"path": "a.pt"}, "from which gancross.save_checkpoint makes a file."),
    ],
    ids=["factory", "ONNX", "checkpoint"],
)
def test_the_text_says_where_to_give_what_is_asked_for(origin: dict[str, Any], where: str) -> None:
    found = checked(pair(orientation="fake_high", origin=Origin(sha256="", notes=("odd file",), **origin)))
    assert " ".join(str(found).split()).endswith(where)
    assert "note: odd file" in str(found) and found.path == origin["path"]
    assert "Give it" not in str(checked(then(dropped)))  # nothing to give


@pytest.mark.parametrize("n", [1, 2, 3])
def test_few_data_and_few_samples_are_enough(n: int) -> None:
    data = digits().held_out(0)[:n]
    found = gancross.check(pair(), data=data, device="cpu")
    assert found.num_real == n and isinstance(found.discriminator, DiscriminatorCheck)
    alone = gancross.check(Contestant(name="a", samples=data), data=data, device="cpu")
    assert isinstance(alone.samples.spread, Missing) == (n == 1)
    assert alone.passed and found.to_json() and str(alone)


def test_vectors_have_no_range() -> None:
    torch.manual_seed(0)
    model = Contestant(name="a", generator=nn.Linear(2, 2), discriminator=nn.Linear(2, 1), latent_dim=2)
    found = gancross.check(model, data=torch.randn(300, 2), device="cpu")
    assert isinstance(found.generator, GeneratorCheck)
    assert isinstance(found.generator.probe.outside, Missing) and "of -1…1" not in str(found)
