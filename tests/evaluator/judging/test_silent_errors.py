"""What a user may say wrongly of a trained model without an error: `check` and `crosstest` flag or refuse it.

The same models, described as they are, stay silent; but for what is a fact about their figures, whatever is
said: that scores depend on company, that a network draws noise.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from trained_pairs import LATENTS, TrainedPair, digits, trained_pair

import gancross
from gancross import Contestant
from gancross.errors import UsageError
from gancross.evaluator.estimates import Missing
from gancross.evaluator.judging.probe_results import GeneratorProbe
from gancross.evaluator.result.types import Result
from gancross.report.browser.html import html_report


def signed() -> TrainedPair:
    return trained_pair("logistic", low=-1, steps=300)


def unit() -> TrainedPair:
    return trained_pair("logistic", low=0, steps=300)


def critics() -> TrainedPair:
    return trained_pair("wgan-gp", low=-1, steps=150)


class Deviation(nn.Module):
    """The standard deviation over the minibatch beside a score, as in StyleGAN."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.network(images)
        return scores + images.std(0).mean()


class Dropout(nn.Module):
    """Drops out in evaluation mode, too."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return nn.functional.dropout(images, 0.1)


class Levels(nn.Module):
    """Images of dtype uint8, whatever range the discriminator takes."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        images: torch.Tensor = self.network(latents)
        return (images * 255).round().to(torch.uint8)


@dataclass(frozen=True, kw_only=True)
class Error:
    """A description that is wrong, the one that is right, and what is said of the wrong one.

    Attributes:
        networks: of the model.
        wrong, right: fields of its contestant; networks among them replace those of the model.
        flag, remedy: words of the flag, and of what to do about it; of the error, if it is refused.
        refused: whether it is an error instead of a flag.
        remains: words of a flag that stands however the model is described.
    """

    networks: Callable[[], dict[str, nn.Module]]
    wrong: Callable[[], dict[str, Any]] = dict
    right: Callable[[], dict[str, Any]] = dict
    flag: str
    remedy: str
    refused: bool = False
    remains: str | None = None


def networks_of(pair: TrainedPair, **replaced: nn.Module) -> dict[str, nn.Module]:
    return {"generator": pair.generator, "discriminator": pair.discriminator} | replaced


ERRORS = {
    "orientation flipped": Error(
        networks=lambda: networks_of(signed()), wrong=lambda: {"orientation": "fake_high"},
        flag="score above the test data", remedy="orientation=fake_high",
    ),
    "sigmoid unsaid": Error(
        networks=lambda: networks_of(
            signed(), discriminator=nn.Sequential(signed().discriminator, nn.Sigmoid())
        ),
        right=lambda: {"score_kind": "probability"},
        flag="lie in 0…1 under score_kind 'logit'", remedy="score_kind=probability",
    ),
    "logits said to be probabilities": Error(
        networks=lambda: networks_of(signed()), wrong=lambda: {"score_kind": "probability"}, refused=True,
        flag="score_kind is 'probability' but scores reach from", remedy="logit for example",
    ),
    "a generator in 0…1 said to be in −1…1": Error(
        networks=lambda: networks_of(unit()), right=lambda: {"data_range": (0, 1)},
        flag="fill one half of data_range", remedy="give data_range",
    ),
    "a generator in −1…1 said to be in 0…1": Error(
        networks=lambda: networks_of(signed()), wrong=lambda: {"data_range": (0, 1)},
        flag="lie outside data_range 0…1", remedy="give data_range",
    ),
    "a discriminator in 0…1 said to be in −1…1": Error(
        networks=lambda: networks_of(unit(), generator=Levels(unit().generator)),
        right=lambda: {"data_range": (0, 1)},
        flag="given images in 0…1 the discriminator tells", remedy="trained on: 0…1?",
    ),
    "a critic's threshold": Error(
        networks=lambda: networks_of(critics()), right=lambda: {"score_kind": "wgan"},
        flag="the threshold of score_kind 'logit' tells nothing", remedy="wgan for a Wasserstein critic",
    ),
    "minibatch deviation": Error(
        networks=lambda: networks_of(signed(), discriminator=Deviation(signed().discriminator)),
        right=lambda: {"batch_size": 50},
        flag="depends on the other samples of the batch", remedy="if that is not 64",
        remains="depends on the other samples of the batch",
    ),
    "noise of its own": Error(
        networks=lambda: networks_of(
            signed(), discriminator=nn.Sequential(Dropout(), signed().discriminator)
        ),
        right=lambda: networks_of(signed()),
        flag="the discriminator draws noise of its own", remedy="should not drop out",
    ),
    "averaged weights without buffers": Error(
        networks=lambda: networks_of(
            signed(), generator=signed().averaged_generator(fresh_buffers(signed().generator))
        ),
        right=lambda: {"generator": signed().averaged_generator(dict(signed().generator.named_buffers()))},
        flag="a batch norm of the generator has seen no batch", remedy="copy the buffers too",
    ),
    "averaged weights beside early buffers": Error(
        networks=lambda: networks_of(
            signed(), generator=signed().averaged_generator(signed().early_buffers)
        ),
        right=lambda: {"generator": signed().averaged_generator(dict(signed().generator.named_buffers()))},
        flag="running averages of the generator's batch norm are not those of its weights",
        remedy="copy the buffers too",
    ),
}  # fmt: skip


def fresh_buffers(network: nn.Module) -> dict[str, torch.Tensor]:
    return {
        name: torch.ones_like(buffer) if name.endswith("running_var") else torch.zeros_like(buffer)
        for name, buffer in network.named_buffers()
    }


def model(name: str, *, right: bool) -> Contestant:
    error = ERRORS[name]
    fields: dict[str, Any] = {**error.networks(), **(error.right() if right else error.wrong())}
    return Contestant(name=name, latent_dim=LATENTS, **fields)


def crosstested(models: list[Contestant]) -> Result:
    """On as few samples as tell."""
    return gancross.crosstest(
        models, data=digits(), num_samples=500, device="cpu", norm_check=False, controls=False
    )


@pytest.fixture(scope="session")
def results() -> dict[bool, Result]:
    """Of all models that are wrong, and of all that are right."""
    return {
        right: crosstested([model(name, right=right) for name in ERRORS if right or not ERRORS[name].refused])
        for right in (False, True)
    }


@pytest.fixture(scope="session")
def flags_of(results: dict[bool, Result]) -> Callable[[str, bool], list[str]]:
    """The flags that name a model, in the cross-test of the wrong or of the right ones."""
    return lambda name, right: [flag for flag in results[right].flags if f"'{name}'" in flag]


@pytest.mark.parametrize("name", ERRORS)
def test_what_was_said_wrongly_is_flagged_or_refused(
    name: str, flags_of: Callable[[str, bool], list[str]]
) -> None:
    error = ERRORS[name]
    if error.refused:
        for judge in (lambda: gancross.check(model(name, right=False), data=digits(), device="cpu"),
                      lambda: crosstested([model(name, right=False)])):  # fmt: skip
            with pytest.raises(UsageError, match=error.flag) as refusal:
                judge()
            assert error.remedy in str(refusal.value)
        return
    found = gancross.check(model(name, right=False), data=digits(), device="cpu").findings
    assert any(error.flag in finding.flag and error.remedy in finding.remedy for finding in found)
    assert any(error.flag in flag for flag in flags_of(name, False))


@pytest.mark.parametrize("name", ERRORS)
def test_the_same_model_as_it_is_stays_silent(name: str, flags_of: Callable[[str, bool], list[str]]) -> None:
    """But for facts; that tests are few concerns all."""
    found = gancross.check(model(name, right=True), data=digits(), device="cpu").findings
    for flags in ([finding.flag for finding in found], flags_of(name, True)):
        remaining = [flag for flag in flags if "no score has FN" not in flag]
        assert len(remaining) == (ERRORS[name].remains is not None), remaining
        assert all(str(ERRORS[name].remains) in flag for flag in remaining)


def test_what_was_found_is_recorded_and_shown(results: dict[bool, Result], tmp_path: Path) -> None:
    """A record from before these probes lacks their fields."""
    result = results[False]
    result.save(tmp_path / "result.json")
    assert gancross.load_result(tmp_path / "result.json") == result
    assert not isinstance(result.probes, Missing)
    table = html_report(result).partition('<th scope="col">Probe</th>')[2].partition("</table>")[0]
    (row,) = re.findall(r">[^<]*other range</th>(.*?)</tr>", table, flags=re.DOTALL)
    cells = dict(zip(result.probes, re.findall(r"<td>(.*?)</td>", row), strict=True))
    assert cells.pop("a discriminator in 0…1 said to be in −1…1") == "0…1" and set(cells.values()) == {"–"}
    document = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))
    for probes in document["probes"].values():
        probes["generator"].pop("stale_norm")
        probes["discriminator"].pop("other_range", None)
    (tmp_path / "older.json").write_text(json.dumps(document), encoding="utf-8")
    older = gancross.load_result(tmp_path / "older.json")
    assert not isinstance(older.probes, Missing) and older.flags == result.flags
    probe = older.probes["averaged weights beside early buffers"].generator
    assert isinstance(probe, GeneratorProbe) and probe.stale_norm is None
    assert html_report(older)
