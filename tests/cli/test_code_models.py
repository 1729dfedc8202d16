"""Models that are code alone: `code.py:factory` in place of a file, in every command that takes models."""

from __future__ import annotations

import hashlib
import json
import shlex
from pathlib import Path

import numpy as np
import pytest
from command_line import call

from gancross import load_result
from gancross.report.command import command, obstacles

CODE = """
import sys
import torch
from torch import nn
import gancross

print("imported")

class Generator(nn.Linear):
    def forward(self, noise, codes):
        return super().forward(torch.cat([noise, codes], 1)).tanh().unflatten(1, (1, 8, 8))

def pair():
    print("built")
    return Generator(14, 64), nn.Sequential(nn.Flatten(), nn.Linear(64, 1))

def whole():
    generator, discriminator = pair()
    return gancross.Contestant(
        name="any", generator=lambda z: generator(z, z), discriminator=discriminator, latent_dim=7,
        latent="uniform", score_kind="wgan",
    )

def samples(): return gancross.Contestant(name="any", samples=torch.zeros(300, 1, 8, 8, dtype=torch.uint8))
def infinite():
    generator, discriminator = pair()
    generator.bias.data[3] = float("inf")
    return generator, discriminator
def loads(content): return content
def fails(): raise ValueError("no weights beside it\\nsecond line")
def number(): return 3
def three(): return (*pair(), None)
def parses():
    import argparse
    return argparse.ArgumentParser().parse_args() and pair()
"""
CLASSES = """
import torch, gancross
from torch import nn

class Generator(nn.Embedding):
    def forward(self, z, y):
        return (super().forward(y) * z).tanh().unflatten(1, (1, 8, 8))

class Discriminator(nn.Embedding):
    def forward(self, x, target_class):
        return (super().forward(target_class) * x.flatten(1)).sum(1)

def pair(): return Generator(10, 64), Discriminator(10, 64)
def whole():
    generator, discriminator = pair()
    return gancross.Contestant(
        name="any", generator=generator, discriminator=discriminator, latent_dim=64, num_classes=10,
        label_prior=range(10), judge_labels=True,
    )
"""
LATENTS = "noise:4:normal:0.5,codes:10:one-hot"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "mycode.py").write_text(CODE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(line: str) -> int:
    return call(*shlex.split(line), *([] if "--help" in line else ["--device", "cpu"]))


def described(name: str) -> str:
    return f"--describe {name}=latents={LATENTS}"


def test_a_cross_test_of_code_alone_records_it_and_its_command_gives_it_again(folder: Path) -> None:
    options = "--trust-code --data digits -n 100 --referees none --no-norm-check --no-controls"
    line = (
        f"crosstest A=mycode.py:pair mycode.py:whole {options} {described('A')} --describe A=score_kind=hinge"
    )
    assert run(f"{line} --json first.json") == 0
    result = load_result(folder / "first.json")
    assert result.names == ["A", "whole"]
    first, second = result.contestants
    assert first.path == first.arch == "mycode.py:pair"
    assert first.sha256 == hashlib.sha256(CODE.encode()).hexdigest()
    assert (first.latents, first.latent_dim, first.score_kind) == (LATENTS, None, "hinge")
    assert (second.latents, second.latent_dim, second.latent, second.score_kind) == (
        None, 7, "uniform", "wgan"
    )  # fmt: skip
    assert sum("its factory loaded its weights, or left them as built" in flag for flag in result.flags) == 2
    assert "code.py:factory runs Python code" in " ".join(obstacles(result))
    again = shlex.split(command(result))[1:]
    assert call("crosstest", "--trust-code", "--json", "second.json", *again[1:]) == 0
    assert load_result(folder / "second.json").cells == result.cells


def test_a_check_keeps_standard_output_for_its_record(capsys: pytest.CaptureFixture[str]) -> None:
    code = run(f"check A=mycode.py:pair --trust-code --data digits {described('A')} --json -")
    printed = capsys.readouterr()
    assert code in (0, 6)
    assert json.loads(printed.out)["generator"]["latents"] == LATENTS
    assert "built" in printed.err


def test_samples_are_those_of_the_same_code_named_as_a_module(folder: Path) -> None:
    assert run(f"sample A=mycode.py:pair --trust-code {described('A')} -n 20 --out a.npz") == 0
    assert run(f"sample A=mycode:pair --trust-code {described('A')} -n 20 --out b.npz") == 0
    assert run(f"sample mycode:pair --trust-code {described('pair')} -n 20") == 0
    assert (folder / "pair-samples.png").exists()
    first, second = (np.load(folder / f"{name}.npz")["samples"] for name in "ab")
    assert first.shape == (20, 1, 8, 8) and first.std() > 0 and (first == second).all()


def test_a_factory_may_return_samples() -> None:
    assert run("sample mycode.py:samples --trust-code -n 9 --out c.npz") == 0


REFUSED = {
    "untrusted": ("check A=mycode.py:pair", "A=mycode.py:pair runs Python code on this machine"),
    "no file": ("check A=not.py:pair --trust-code", "A=not.py:pair: no such file: not.py"),
    "no module": ("check A=not_there:pair --trust-code", "A=not_there:pair: No module named 'not_there'"),
    "a file without a function": ("check A=mycode.py", "mycode.py: is code: write mycode.py:FUNCTION"),
    "no function": ("check A=mycode.py:none --trust-code", "'mycode.py' has no function 'none'"),
    "a factory that fails": (
        "check A=mycode.py:fails --trust-code", "the factory raised ValueError at mycode.py:30: no weights"
    ),
    "a number": ("check A=mycode.py:number --trust-code", "or (generator, discriminator), got int"),
    "three networks": ("check A=mycode.py:three --trust-code", "two torch.nn.Module, got 3 values"),
    "a factory of a file's content": (
        "check A=mycode.py:loads --trust-code", "write A=FILE --arch A=mycode.py:loads"
    ),
    "networks alone": ("check A=mycode.py:pair --trust-code", "--describe A=latents=noise:128"),
    "infinite weights": (
        f"check A=mycode.py:infinite --trust-code --describe A=latents={LATENTS}",
        "A=mycode.py:infinite: the factory's generator:",
    ),
    "latents of another form": (
        "check A=mycode.py:pair --trust-code --describe A=latents=128", "latents: '128': write NAME:SHAPE"
    ),
    "code named twice": (
        "check A=mycode.py:pair --arch A=mycode.py:pair --trust-code", "names its code already"
    ),
    "code of no model": (
        "crosstest A=mycode.py:pair --arch B=mycode.py:pair --trust-code",
        "a model that is code alone is written B=mycode.py:pair",
    ),
    "an output over the code": (
        "check A=mycode.py:pair --trust-code --json mycode.py", "mycode.py: is read by this command"
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_refused_in_one_line(case: str, capsys: pytest.CaptureFixture[str]) -> None:
    line, message = REFUSED[case]
    assert run(f"{line} {'' if line.startswith('sample') else '--data digits'}") == 2
    error = [row for row in capsys.readouterr().err.splitlines() if row.startswith("Error: ")]
    assert len(error) == 1 and message in error[0]


def test_a_factory_that_parses_arguments_does_not_see_those_of_gancross() -> None:
    assert run(f"sample A=mycode.py:parses --trust-code {described('A')} -n 4 --out d.npz") == 0


@pytest.mark.parametrize(
    ("factory", "described"),
    [
        ("pair", ["latents=z:64", "num_classes=10", "judge_labels=true", "label_prior=1,1,1,1,1,1,1,1,1,3"]),
        ("whole", ["label_prior=uniform"]),
    ],
)
def test_the_command_of_a_conditional_model_says_what_its_labels_are(
    folder: Path, factory: str, described: list[str]
) -> None:
    (folder / "classes.py").write_text(CLASSES)
    options = [word for setting in described for word in ("--describe", f"c={setting}")]
    arguments = ["--trust-code", "--data", "digits", "-n", "50", "--referees", "none", "-q"]
    model = f"c=classes.py:{factory}"
    assert call("crosstest", model, *options, *arguments, "--json", "first.json") == 0
    first = load_result("first.json")
    words = shlex.split(command(first))[1:]
    assert call(*words[:-2], "--trust-code", "-q", "--json", "second.json", *words[-2:]) == 0
    second = load_result("second.json")
    assert second.contestants == first.contestants and second.cross == first.cross


def test_samples_are_not_described(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    np.savez("s.npz", samples=np.zeros((9, 1, 8, 8), np.uint8), labels=np.arange(9))
    arguments = ["s.npz", "--describe", "s=label_prior=data", "--data", "digits"]
    assert call("crosstest", *arguments) == 2
    assert "'s' is samples, which need no description" in capfd.readouterr().err
