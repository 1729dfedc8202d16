"""Outputs as networks return them: the same figures as those of networks that return what is judged."""

from __future__ import annotations

from collections import OrderedDict, namedtuple
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import foreign
import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from gancross import Contestant, crosstest, load_result, save_checkpoint
from gancross.checkpoint.outputs import STEPS
from gancross.errors import UsageError
from gancross.evaluator.result.types import Result
from gancross.report.command import command

DATA = torch.randint(0, 256, (60, 3, 4, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(3))
Heads = namedtuple("Heads", "adversarial classes")


class Then(nn.Module):
    """A network, and what another project does with its output before it returns it."""

    def __init__(self, network: nn.Module, then: Callable[[torch.Tensor], object]) -> None:
        super().__init__()
        self.network, self.then = network, then

    def forward(self, inputs: torch.Tensor) -> object:
        return self.then(self.network(inputs))


def generator() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 48), nn.Tanh(), nn.Unflatten(1, (3, 4, 4)))


def patches() -> nn.Module:
    """A map of scores (N, 1, 3, 3)."""
    torch.manual_seed(1)
    return nn.Conv2d(3, 1, 2)


class MeanOfPatches(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.patches = patches()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.patches(images)
        return sum(scores[:, 0, row, column] for row in range(3) for column in range(3)) / 9  # type: ignore[return-value]


def model(discriminator: object = None, made_by: object = None, **options: Any) -> Contestant:
    networks: dict[str, Any] = {"generator": made_by or generator(), "discriminator": discriminator}
    return Contestant(name="a", latent_dim=5, **networks, **options)


def judged(contestant: Contestant) -> Result:
    return crosstest([contestant], data=DATA, num_samples=60, device="cpu", norm_check=False)


@pytest.fixture(scope="module")
def plain() -> Result:
    return judged(model(MeanOfPatches()))


def half_mean(scores: torch.Tensor) -> torch.Tensor:
    return scores[0].mean((1, 2, 3))


SCORES: dict[str, tuple[Callable[[torch.Tensor], object], Any, str]] = {
    "patches": (lambda v: v, "mean", "mean"),
    "patches without channels": (lambda v: v[:, 0], "mean", "mean"),
    "patches in a row": (lambda v: v.flatten(1), "mean", "mean"),
    "score and features": (lambda v: (v.mean((2, 3)), v), "first", "first"),
    "features and score": (lambda v: [v, v.mean((2, 3))], "last", "last"),
    "an item": (lambda v: (v, v.mean((2, 3)), v), "index:1", "index:1"),
    "an item from the end": (lambda v: (v.mean((2, 3)), v), "index:-2", "index:-2"),
    "a dict": (lambda v: {"adv_output": v.mean((2, 3)), "cls": v}, "key:adv_output", "key:adv_output"),
    "a named tuple": (lambda v: Heads(v.mean((2, 3)), v), "key:adversarial", "key:adversarial"),
    "maps in a dict": (
        lambda v: OrderedDict(maps=[v * 0, v]), "key:maps,last,mean", "key:maps,last,mean"
    ),
    "a function": (lambda v: (v, v), half_mean, "callable:half_mean"),
    "a partial function": (lambda v: v, partial(torch.mean, dim=(1, 2, 3)), "callable:_VariableFunctions"),
    "numpy": (lambda v: v.mean((1, 2, 3)).numpy(), torch.from_numpy, "callable:"),
}  # fmt: skip


@pytest.mark.parametrize("kind", SCORES)
def test_reduced_scores_are_judged_as_plain_ones(kind: str, plain: Result, tmp_path: Path) -> None:
    then, how, recorded = SCORES[kind]
    result = judged(model(Then(patches(), then), score=how))
    cell, expected = (each.cells["a", "a"] for each in (result, plain))
    assert (cell.fp, result.confusion) == (expected.fp, plain.confusion)
    assert np.allclose(result.histograms["a"].edges, plain.histograms["a"].edges, atol=1e-6)
    assert (result.contestants[0].score or "").startswith(recorded)
    result.save(tmp_path / "result.json")
    assert load_result(tmp_path / "result.json") == result


UNREDUCED: dict[str, tuple[Callable[[torch.Tensor], object], Any, str]] = {
    "a map": (lambda v: v, None, r"\(60|got \(\d+, 1, 3, 3\): of a map of scores score='mean'"),
    "a tuple": (lambda v: (v, v), None, "got tuple of 2: say which is meant, score='first', 'last'"),
    "a list": (lambda v: [v], None, "got list of 1: .*--describe NAME=score=first"),
    "a dict": (lambda v: {"adv": v}, None, "with the keys adv: .* score='key:adv' .*=score=key:adv"),
    "no tensor": (lambda v: v.numpy().tolist()[0][0][0][0], None, "got float: score may be a function"),
    "a map of channels": (lambda v: v.repeat(1, 2, 1, 1), "mean", r"score='mean': expected a map .*2, 3, 3"),
    "one number": (lambda v: v.mean(), "mean", r"score='mean': expected a map of scores .* got \(\)"),
    "a map that stays": (lambda v: (v, v), "first", r"got \(\d+, 1, 3, 3\): .*score='mean'"),
    "no such item": (lambda v: (v,), "index:1", "score='index:1': there is no item 1 in tuple of 1"),
    "no such key": (lambda v: {"a": v}, "key:b", "score='key:b': there is no 'b' in dict with the keys a"),
    "no tuple": (lambda v: v, "first", "score='first': expected a tuple or a list, got"),
    "no dict": (lambda v: v, "key:T", "score='key:T': expected a dict with the key 'T', got"),
    "a function that fails": (lambda v: v, lambda v: v[0][7], "score=callable:<lambda> raised IndexError"),
    "complex": (lambda v: torch.complex(v, v), "mean", "must return real numbers, got torch.complex64"),
}


@pytest.mark.parametrize("kind", UNREDUCED)
def test_what_is_no_score_is_refused_with_the_option(kind: str) -> None:
    then, how, message = UNREDUCED[kind]
    with pytest.raises(UsageError, match=f"^contestant 'a': its discriminator.*{message}"):
        judged(model(Then(patches(), then), score=how))


SAMPLES: dict[str, tuple[Callable[[torch.Tensor], object], Any, dict[str, Any]]] = {
    "images and styles": (lambda x: (x, x.mean()), "first", {}),
    "scales": (lambda x: [x[:, :, ::2, ::2], x], "last", {}),
    "a dict": (lambda x: {"images": x, "w": x}, "key:images", {}),
    "channels last": (lambda x: x.permute(0, 2, 3, 1), "nhwc", {}),
    "scales with channels last": (lambda x: [x, x.permute(0, 2, 3, 1)], "last,nhwc", {}),
    "a function": (lambda x: x.flatten(1), lambda x: x.unflatten(1, (3, 4, 4)), {}),
    "0…1": (lambda x: (x + 1) / 2, lambda x: 2 * x - 1, {}),
    "bytes": (lambda x: ((x + 1) * 127.5).round().to(torch.uint8), None, {}),
    "bytes with channels last": (
        lambda x: ((x + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1), "nhwc", {}
    ),
    "half precision": (lambda x: x.double(), None, {}),
}  # fmt: skip


@pytest.mark.parametrize("kind", SAMPLES)
def test_reduced_samples_are_judged_as_plain_ones(kind: str, plain: Result) -> None:
    then, how, options = SAMPLES[kind]
    result = judged(model(MeanOfPatches(), made_by=Then(generator(), then), generate=how, **options))
    assert (result.cross, result.confusion) == (plain.cross, plain.confusion)
    assert (result.contestants[0].generate is None) is (how is None)


UNMADE: dict[str, tuple[Callable[[torch.Tensor], object], Any, str]] = {
    "a tuple": (lambda x: (x, x), None, "must return a tensor, got tuple of 2: .*generate='first'"),
    "a dict": (lambda x: {"images": x}, None, "--describe NAME=generate=key:images"),
    "channels last": (lambda x: x.permute(0, 2, 3, 1), None, "channels come last: say generate='nhwc'"),
    "vectors": (lambda x: x.flatten(1), "nhwc", r"generate='nhwc': expected images \(N, H, W, C\), got"),
    "None": (lambda x: None, None, "got NoneType: generate may be a function"),
}


@pytest.mark.parametrize("kind", UNMADE)
def test_what_are_no_samples_is_refused_with_the_option(kind: str) -> None:
    then, how, message = UNMADE[kind]
    with pytest.raises(UsageError, match=message):
        judged(model(MeanOfPatches(), made_by=Then(generator(), then), generate=how))


@pytest.mark.parametrize(
    ("option", "how", "message"),
    [
        ("score", "maen", "unknown score 'maen': did you mean 'mean'"),
        ("score", "nhwc", "unknown score 'nhwc': choose from first, index:N, key:NAME, last, mean"),
        ("generate", "mean", "unknown generate 'mean'"),
        ("score", "first,key", "write key:NAME"),
        ("score", "first:2", "write first"),
        ("generate", "index:two", "expected a whole number after 'index:'"),
        ("score", 1, "score must be a name or a function, got 1"),
        ("score", "", "unknown score ''"),
    ],
)
def test_reductions_are_checked_when_they_are_said(option: str, how: object, message: str) -> None:
    with pytest.raises(UsageError, match=f"contestant 'a': .*{message}"):
        model(MeanOfPatches(), **{option: how})


def test_a_mean_of_half_precision_is_taken_in_single() -> None:
    scores = torch.full((2, 1, 64, 64), 0.1).half()
    scores[:, :, 0, 0] = 1
    expected = scores.double().numpy().reshape(2, -1).mean(1)
    mean = STEPS["mean"].apply(scores, "")
    assert isinstance(mean, torch.Tensor)
    assert mean.dtype == torch.float32 and np.abs(mean.double().numpy() - expected).max() < 1e-7


CODE = """
import gancross, torch
from torch import nn

class Patches(nn.Conv2d):
    def forward(self, images):
        return {"cls": None, "adv": super().forward(images)}

class Bytes(nn.Linear):
    def forward(self, z):
        images = super().forward(z).unflatten(1, (4, 4, 3)).sigmoid() * 255
        return images.round().to(torch.uint8)

def pair(**said):
    networks = {"generator": Bytes(5, 48), "discriminator": Patches(3, 1, 2)}
    return gancross.Contestant(name="a", latent_dim=5, **networks, **said)

def told():
    return pair(score="key:adv,mean", generate=channels_first)

def channels_first(images):
    return images.movedim(3, 1)
"""


def test_code_may_be_described_on_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """As the factory would say it; and the command of the record says it again."""
    monkeypatch.chdir(tmp_path)
    Path("code.py").write_text(CODE)
    weights = {"G": nn.Linear(5, 48).state_dict(), "D": nn.Conv2d(3, 1, 2).state_dict()}
    torch.save(weights, "a.pth")
    Path("images").mkdir()
    for number, image in enumerate(DATA):
        Image.fromarray(image.permute(1, 2, 0).numpy()).save(Path("images", f"{number}.png"))
    arguments = ["crosstest", "a=a.pth", "--data", "folder:images", "-n", "30", "--referees", "none"]
    described = [*arguments, "--describe", "a=score=key:adv,mean", "--describe", "a=generate=nhwc"]
    for options, out, factory in ((described, "one.json", "pair"), (arguments, "two.json", "told")):
        code = [*options, "--arch", f"a=code.py:{factory}", "--trust-code", "--json", out]
        assert foreign.call(capfd, *code) == (0, ""), capfd.readouterr()
    one, two = (load_result(tmp_path / name) for name in ("one.json", "two.json"))
    assert (one.cross, one.confusion) == (two.cross, two.confusion)
    record, told = one.contestants[0], two.contestants[0]
    assert (record.score, record.generate) == ("key:adv,mean", "nhwc")
    assert (told.score, told.generate) == ("key:adv,mean", "callable:channels_first")
    assert "--describe a=score=key:adv,mean --describe a=generate=nhwc" in command(one)
    assert "--describe a=score=key:adv,mean" in command(two) and "generate" not in command(two)
    for text, message in (
        ("a=latent=normal", "its code says so; of 'a' give score, generate, num_classes, label_prior,"),
        ("a=score=nhwc", "contestant 'a': unknown score 'nhwc'"),
    ):
        options = [*arguments, "--arch", "a=code.py:pair", "--trust-code", "--describe", text]
        code_and_error = foreign.call(capfd, *options)
        assert code_and_error[0] == 2 and message in code_and_error[1]


def test_a_file_that_would_lose_the_reduction_is_not_written(tmp_path: Path) -> None:
    for changes in ({"score": "mean"}, {"generate": lambda x: x}):
        contestant = replace(model(MeanOfPatches()), **changes)
        with pytest.raises(
            UsageError, match=r"a checkpoint does not hold (score='mean'|generate='callable:)"
        ):
            save_checkpoint(tmp_path / "a.pt", contestant)
    assert not list(tmp_path.iterdir())
