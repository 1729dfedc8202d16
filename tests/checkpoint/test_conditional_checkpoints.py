"""Conditional runs and their checkpoints: bit-identical resuming, files, samples by class, refusals."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from command_line import call
from PIL import Image
from run_folders import identical, log
from torch import nn

from gancross import Contestant, save_checkpoint
from gancross.checkpoint import file as checkpoint
from gancross.checkpoint.checkpoint import Checkpoint
from gancross.checkpoint.file import load_contestant
from gancross.errors import CheckpointError, Interrupted, UsageError
from gancross.evaluator.contestants.sample_arrays import array_contestant
from gancross.evaluator.judging.scoring import canonical_samples
from gancross.evaluator.result.reading import load_result
from gancross.report.command import command
from gancross.report.paper_figures.saved_runs import saved_run
from gancross.trainer.loop import train
from gancross.trainer.recipes.fields import Setting
from gancross.trainer.recipes.named_recipes import recipe
from gancross.workflow import benchmark
from gancross.workflow.benchmark import run_benchmark
from gancross.workflow.execution import Execution
from gancross.workflow.plan import planned_variants
from gancross.workflow.spec import parse_spec

CPU = torch.device("cpu")
FLAGGED = 6  # exit code of a check that finds something, as of a pair that was hardly trained
SMALL: dict[str, dict[str, Setting]] = {
    "mixture-conditional": {"width": 8, "batch_size": 32, "steps": 6},
    "digits-projection": {"width": 4, "batch_size": 20, "steps": 6},
    "digits-acgan": {"width": 4, "batch_size": 20, "steps": 6},
    "digits-conditional": {"width": 2, "batch_size": 20, "steps": 6},
}


def trained(name: str, folder: Path, changes: dict[str, Setting] | None = None, **options: Any) -> Path:
    chosen = recipe(name).with_changes(SMALL[name] | (changes or {}))
    usual: dict[str, Any] = {"device": "cpu", "log_every": 1, "checkpoint_every": 6}
    return train(chosen, folder, **(usual | options))


@pytest.fixture(scope="module")
def conditional(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("conditional")
    return {name: trained(name, root / name) for name in SMALL}


CHANGES: dict[str, tuple[str, dict[str, Setting]]] = {
    "mixture": ("mixture-conditional", {"label_prior": "data", "ema": 0.5}),
    "projection": ("digits-projection", {"n_phi": 2, "label_prior": "data", "ema": 0.5}),
    "acgan": ("digits-acgan", {"update": "simultaneous"}),
    "concatenation": ("digits-conditional", {"regularizer": "none", "noise": "gaussian",
                                             "noise_variance": 0.1, "nsr": 4}),
}  # fmt: skip


@pytest.mark.parametrize("case", CHANGES)
def test_a_stopped_run_ends_bit_identical(tmp_path: Path, case: str) -> None:
    name, changes = CHANGES[case]
    straight = trained(name, tmp_path / "straight", changes)

    def interrupt(step: int, steps: int, figures: dict[str, float] | None) -> None:
        if step == 3:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Interrupted):
        trained(name, tmp_path / "stopped", changes, progress=interrupt)
    assert identical(straight, trained(name, tmp_path / "stopped", changes))
    assert log(tmp_path / "straight") == log(tmp_path / "stopped")


def test_the_log_has_acgan_s_class_losses(conditional: dict[str, Path]) -> None:
    lines = {name: log(path.parent) for name, path in conditional.items()}
    for name, written in lines.items():
        assert all(("class_loss_real" in line) == ("acgan" in name) for line in written)
    first = lines["digits-acgan"][0]
    assert first["class_loss_real"] == pytest.approx(np.log(10), abs=0.1)
    assert first["class_loss_fake"] == pytest.approx(np.log(10), abs=0.1)


def test_pictures_of_training_have_a_class_in_each_column(conditional: dict[str, Path]) -> None:
    (picture,) = (conditional["digits-projection"].parent / "samples").glob("*.png")
    with Image.open(picture) as image:
        assert image.size == (10 * 34 + 2, 6 * 34 + 2)


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
@pytest.mark.parametrize("name", SMALL)
def test_checkpoints_carry_the_number_of_classes(
    conditional: dict[str, Path], tmp_path: Path, name: str, suffix: str
) -> None:
    loaded = checkpoint.load(conditional[name])
    classes = 7 if name.startswith("mixture") else 10
    assert loaded.num_classes == classes == load_contestant(conditional[name]).num_classes
    assert call("export", conditional[name], "--out", tmp_path / f"shared{suffix}") == 0
    shared = load_contestant(tmp_path / f"shared{suffix}")
    assert shared.num_classes == classes and shared.generator is not None
    ours = load_contestant(conditional[name]).generator
    latents, labels = torch.randn(classes, loaded.latent_dim), torch.arange(classes)
    assert ours is not None and torch.equal(shared.generator(latents, labels), ours(latents, labels))


def test_files_of_unconditional_networks_lack_the_key(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    assert "num_classes" not in torch.load(checkpoints["digits-plain"], weights_only=True)
    assert checkpoint.load(checkpoints["digits-plain"]).num_classes is None
    checkpoint.save(tmp_path / "shared.safetensors", checkpoint.load(checkpoints["digits-plain"]))
    assert b"num_classes" not in (tmp_path / "shared.safetensors").read_bytes()


WRONG: dict[str, tuple[str, Callable[[dict[str, Any]], dict[str, Any]], str]] = {
    "another number": ("digits-projection", lambda v: v | {"num_classes": 9}, "labels of 10 classes"),
    "none": ("digits-projection", lambda v: v | {"num_classes": None}, "labels of 10 classes"),
    "one": ("digits-projection", lambda v: v | {"num_classes": 1}, "'num_classes' from 2"),
    "negative": ("digits-projection", lambda v: v | {"num_classes": -3}, "'num_classes' from 2"),
    "huge": ("digits-projection", lambda v: v | {"num_classes": 2**40}, "'num_classes' from 2"),
    "a text": ("digits-projection", lambda v: v | {"num_classes": "10"}, "has type str"),
    "true": ("digits-projection", lambda v: v | {"num_classes": True}, "has type bool"),
    "of AC-GAN": ("digits-acgan", lambda v: v | {"num_classes": 12}, "labels of 10 classes"),
    "monstrous": ("digits-projection", lambda v: v | {"generator": {
        **v["generator"], "arguments": v["generator"]["arguments"] | {"num_classes": 1 << 16}}}, "(65536,"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_files_whose_classes_do_not_fit_are_refused(
    conditional: dict[str, Path], tmp_path: Path, case: str
) -> None:
    name, change, message = WRONG[case]
    torch.save(change(torch.load(conditional[name], weights_only=True)), tmp_path / "wrong.pt")
    with pytest.raises(CheckpointError, match="refused") as caught:
        checkpoint.load(tmp_path / "wrong.pt")
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_labels_of_an_unconditional_file_are_refused(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    values = torch.load(checkpoints["digits-plain"], weights_only=True)
    torch.save(values | {"num_classes": 10}, tmp_path / "wrong.pt")
    with pytest.raises(CheckpointError, match="its generator has labels of no classes, 'num_classes' is 10"):
        checkpoint.load(tmp_path / "wrong.pt")


def test_samples_are_drawn_with_labels(
    conditional: dict[str, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    model, out = conditional["digits-projection"], tmp_path / "samples.npz"
    assert call("sample", f"me={model}", "-n", 520, "--out", out, "--device", "cpu") == 0
    assert "520 samples of me, labels uniform over 10 classes" in " ".join(capfd.readouterr().err.split())
    with np.load(out) as archive:
        samples, labels = archive["samples"], archive["labels"]
    counts = np.bincount(labels, minlength=10)
    assert len(labels) == 520 and counts.min() > 25
    contestant = load_contestant(model, name="me")
    whole = canonical_samples(contestant, num_samples=600, purpose="sample", device=CPU)
    assert np.array_equal(whole[:520].numpy(), samples)
    assert call("sample", f"me={model}", "--class", 3, "-n", 520, "--out", out, "--device", "cpu") == 0
    assert "520 samples of me, class 3" in " ".join(capfd.readouterr().err.split())
    with np.load(out) as archive:
        of_class = archive["samples"]
        assert list(archive) == ["samples"]
    equal = (samples == of_class).reshape(520, -1).all(axis=1)
    assert equal[labels == 3].all() and not equal[labels != 3].all()


@pytest.mark.parametrize(
    ("name", "label", "message"),
    [("digits-plain", 0, "takes no labels: leave it out"), ("", 10, "has the classes 0…9"), ("", -1, "0…9")],
    ids=["unconditional", "beyond", "negative"],
)
def test_other_classes_are_refused(
    conditional: dict[str, Path], checkpoints: dict[str, Path], capfd: pytest.CaptureFixture[str],
    name: str, label: int, message: str, tmp_path: Path,
) -> None:  # fmt: skip
    model = checkpoints[name] if name else conditional["digits-acgan"]
    assert call("sample", model, "--class", label, "--out", tmp_path / "s.png") == 2
    assert message in " ".join(capfd.readouterr().err.split())


def test_conditional_checkpoints_are_judged(
    conditional: dict[str, Path], checkpoints: dict[str, Path], tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """AC-GAN's discriminator takes no labels; the fourth pair is unconditional."""
    names = ("digits-projection", "digits-acgan", "digits-conditional")
    models = [*(conditional[name] for name in names), checkpoints["digits-plain"]]
    options = ["-n", 40, "--num-real", 40, "--device", "cpu", "--json", tmp_path / "r.json"]
    command = ["crosstest", "--referees", "none", *options]
    for count, chosen in ((4, []), (3, ["--classes", "3,5"])):
        named = [f"{name}={path}" for name, path in zip("pacu"[:count], models[:count], strict=True)]
        assert call(*command, *named, *chosen) == 0
        record = load_result(tmp_path / "r.json")
        assert len(record.cross) == count**2
        assert [each.judge_labels for each in record.contestants][:3] == [True, False, True]
    assert record.protocol.options.classes == ("3", "5") and record.protocol.data.num_real == 40
    assert [entry.label_weights for entry in record.contestants] == [(0, 0, 0, 0.5, 0, 0.5, 0, 0, 0, 0)] * 3
    capfd.readouterr()
    assert call("crosstest", *models, *options, "--referees", "none", "--classes", "3") == 2
    assert "its samples have no labels" in " ".join(capfd.readouterr().err.split())
    assert call("check", models[0], "--device", "cpu") == FLAGGED
    assert call("trace", models[0].parent, "-n", 40, "--device", "cpu", "--json", tmp_path / "t.json") == 0


def test_checkpoints_say_how_labels_were_drawn_in_training(tmp_path: Path) -> None:
    path = trained("digits-projection", tmp_path / "run", {"label_prior": "data", "steps": 1})
    loaded = load_contestant(path)
    assert loaded.label_prior == "data" and loaded.judge_labels is True
    save_checkpoint(tmp_path / "again.pt", loaded)
    assert call("sample", path, "--out", tmp_path / "s.npz", "-n", 5, "--device", "cpu") == 0
    run = saved_run(tmp_path / "run")
    assert len(run.samples(max(run.checkpoints), num_samples=5, seed=0, device=CPU)) == 5


CODE = """
from torch import nn

class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.nz, self.num_classes = 4, 10
        self.layer, self.embedding = nn.Linear(4, 64), nn.Embedding(10, 64)

    def forward(self, x, y=None):
        return (self.layer(x) + self.embedding(y)).tanh().reshape(-1, 1, 8, 8)

class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer, self.embedding = nn.Linear(64, 1), nn.Embedding(10, 64)

    def forward(self, x, y=None):
        h = x.flatten(1)
        return self.layer(h) + (self.embedding(y) * h).sum(1, keepdim=True)

def pair():
    import gancross
    return gancross.Contestant(name="x", generator=Generator(), discriminator=Discriminator(), latent_dim=4)
"""


def test_a_projection_gan_of_other_code_is_described_and_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, conditional: dict[str, Path]
) -> None:
    """mimicry's interface, forward(x, y); and the command of the record says it again."""
    monkeypatch.chdir(tmp_path)
    Path("code.py").write_text(CODE)
    names: dict[str, Any] = {}
    exec(CODE, names)
    torch.manual_seed(0)
    torch.save({"G": names["Generator"]().state_dict(), "D": names["Discriminator"]().state_dict()}, "a.pth")
    told = [
        "a=a.pth", f"b={conditional['digits-acgan']}", "--arch", "a=code.py:pair", "--trust-code",
        "--describe", "a=num_classes=10", "--describe", "b=label_prior=data", "--classes", "7,3",
    ]  # fmt: skip
    options = ["--data", "digits", "-n", 30, "--referees", "none", "--device", "cpu", "--json", "r.json"]
    assert call("crosstest", *told, *options) == 0
    result = load_result("r.json")
    a, b = result.contestants
    assert (a.num_classes, a.judge_labels, a.label_prior) == (10, True, "uniform")
    assert (b.num_classes, b.judge_labels, b.label_prior) == (10, False, "data")
    assert result.protocol.data.num_real == 120 and set(result.cells) == {(x, y) for x in "ab" for y in "ab"}
    words = command(result)
    for word in ("--classes 3,7", "a=num_classes=10", "a=judge_labels=true", "b=label_prior=data"):
        assert word in words
    assert "b=num_classes" not in words


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a=num_classes=10", "'a' is not an ONNX file; its own description is used"),
        ("a=label_prior=often", "expected uniform, data, or a number for each class"),
        ("a=label_prior=1,2", "label_prior must hold 10 numbers"),
    ],
    ids=["own checkpoint", "unknown prior", "few weights"],
)
def test_descriptions_of_labels_that_do_not_fit_are_refused(
    conditional: dict[str, Path], capfd: pytest.CaptureFixture[str], text: str, message: str
) -> None:
    model = f"a={conditional['digits-projection']}"
    assert call("crosstest", model, "--describe", text, "--data", "digits") == 2
    assert message in " ".join(capfd.readouterr().err.split())


def test_samples_of_a_file_keep_their_labels(conditional: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "samples.npz"
    model = f"me={conditional['digits-projection']}"
    assert call("sample", model, "-n", 30, "--out", out, "--device", "cpu") == 0
    contestant = array_contestant(out, name="me")
    assert contestant.samples is not None and contestant.labels is not None
    with np.load(out) as archive:
        assert contestant.labels.tolist() == archive["labels"].tolist()
        np.savez(tmp_path / "few.npz", samples=archive["samples"], labels=archive["labels"][:7])
    with pytest.raises(UsageError, match="labels: expected 30 integers"):
        array_contestant(tmp_path / "few.npz", name="few")


def test_a_checkpoint_does_not_lose_a_prior(conditional: dict[str, Path], tmp_path: Path) -> None:
    contestant = replace(load_contestant(conditional["digits-acgan"]), label_prior="data")
    with pytest.raises(UsageError, match="a checkpoint does not hold label_prior='data'"):
        save_checkpoint(tmp_path / "a.pt", contestant)


def test_a_benchmark_of_conditional_recipes_is_judged(
    conditional: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document: dict[str, Any] = {
        "recipe": "digits-projection", "seeds": [0], "variants": {"a": {"width": 4}, "b": {"width": 8}},
        "crosstest": {"num_samples": 30, "classes": [5, 3]},
    }  # fmt: skip
    works = [planned.work for planned in planned_variants(parse_spec(document), tmp_path / "out")]
    assert all(work is not None and work.step_flop > 0 for work in works)
    unlabelled = tmp_path / "images"
    unlabelled.mkdir()
    for number in range(4):
        Image.new("L", (8, 8), number).save(unlabelled / f"{number}.png")
    elsewhere = document | {"crosstest": {"data": f"folder:{unlabelled}"}}
    with pytest.raises(UsageError, match=r"its discriminator will take labels, but data .* has none"):
        run_benchmark(parse_spec(elsewhere), tmp_path / "out")
    with pytest.raises(UsageError, match="no class '10': data 'digits' has 10 classes"):
        run_benchmark(parse_spec(document | {"crosstest": {"classes": [10]}}), tmp_path / "out")
    assert not (tmp_path / "out").exists()
    monkeypatch.setattr(benchmark, "train_all", lambda *arguments, **options: None)
    monkeypatch.setattr(
        benchmark, "contestant_of",
        lambda out, run: load_contestant(conditional["digits-projection"], name=run.name),
    )  # fmt: skip
    found = run_benchmark(parse_spec(document), tmp_path / "out", execution=Execution(device="cpu"))
    assert [each.num_classes for each in found.result.contestants] == [10, 10]
    assert found.result.protocol.options.classes == ("3", "5")
    assert "right labels" in found.html.read_text("utf-8")


def test_a_conditional_contestant_is_saved_and_comes_back(
    conditional: dict[str, Path], tmp_path: Path
) -> None:
    contestant = load_contestant(conditional["digits-acgan"], name="a")
    save_checkpoint(tmp_path / "a.pt", contestant)
    again = checkpoint.load(tmp_path / "a.pt")
    original: Checkpoint = checkpoint.load(conditional["digits-acgan"])
    states: dict[str, Any] = {"generator_state": {}, "discriminator_state": {}, "training": {}}
    assert replace(again, **states) == replace(original, **states)


@pytest.mark.parametrize("classes", [0, -1, 2.5, "3"], ids=str)
def test_a_contestant_s_classes_are_checked(classes: Any) -> None:
    generator = nn.Linear(2, 3)
    with pytest.raises(UsageError, match="num_classes"):
        Contestant(name="a", generator=generator, latent_dim=2, num_classes=classes)
