"""Failures of long runs: overflow, dead workers, out of memory, kills."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from data_sets import grey_folder
from paths import ROOT
from processes import LIMIT, environment, running
from run_folders import status, trained, whole
from small_recipes import small

from gancross.checkpoint import file as checkpoint
from gancross.cli.main import explanation
from gancross.errors import DivergenceError, ResourceError
from gancross.trainer import loop
from gancross.trainer.loop import train
from gancross.trainer.step import generator_step
from gancross.trainer.update import Players, Step, StepMetrics


def poison_discriminator(players: Players) -> None:
    next(players.discriminator.parameters()).fill_(torch.nan)


def poison_generator(players: Players) -> None:
    next(players.generator.parameters()).fill_(torch.nan)


def poison_optimizer(players: Players) -> None:
    """The mean square overflows: the updates are 0 from here on, every loss and weight stays finite."""
    state = next(iter(players.generator_optimizer.state.values()))
    state["exp_avg_sq"].fill_(torch.inf)


@pytest.mark.parametrize(
    ("poison", "complaint"),
    [
        (poison_discriminator, "discriminator weights are not finite"),
        (poison_generator, "generator weights are not finite"),
        (poison_optimizer, "generator optimizer states are not finite"),
    ],
)
def test_values_that_are_not_finite_are_not_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, poison: Callable[[Players], None], complaint: str
) -> None:
    """They appear in step 4, of which the log has no line."""

    def poisoned(step: Step, *, latents: torch.Tensor, real: torch.Tensor) -> StepMetrics:
        metrics = generator_step(step, latents=latents, real=real)
        if step.update == 3:
            with torch.no_grad():
                poison(step.players)
        return metrics

    monkeypatch.setattr(loop, "generator_step", poisoned)
    with pytest.raises(DivergenceError, match=complaint) as caught:
        trained(tmp_path, log_every=100)
    assert "\n" not in str(caught.value) and caught.value.exit_code == 4
    assert status(tmp_path) == "diverged" and whole(tmp_path)
    assert checkpoint.load(tmp_path / "last.pt").step == 2


@pytest.fixture
def folder_of_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A folder that is read by workers as if it were too large for memory."""
    monkeypatch.setattr("gancross.data.folder.MAX_IMAGES_IN_MEMORY", 0)
    return grey_folder(tmp_path / "images")


def test_a_dead_worker_ends_the_run_with_its_last_checkpoint_whole(
    tmp_path: Path, folder_of_images: str
) -> None:
    recipe = small("digits", data=folder_of_images, steps=500)
    options = {"device": "cpu", "workers": 2, "log_every": 1}

    def kill_one(step: int, steps: int, figures: dict[str, float] | None) -> None:
        if step == 3:
            os.kill(multiprocessing.active_children()[0].pid, signal.SIGKILL)  # type: ignore[arg-type]

    with pytest.raises(ResourceError, match="a process that reads images died"):
        train(recipe, tmp_path / "run", progress=kill_one, checkpoint_every=2, **options)  # type: ignore[arg-type]
    assert status(tmp_path / "run") == "failed" and whole(tmp_path / "run")
    assert checkpoint.load(tmp_path / "run" / "last.pt").step >= 2
    assert not multiprocessing.active_children()


@pytest.mark.parametrize(
    ("call", "hint"),
    [
        ("train mixture --set width=64 --set batch_size=1000000 --out {out} -q", "--set batch_size=N"),
        ("crosstest {model} -n 50000000 --device cpu -q", "; lower -n"),
    ],
)
def test_out_of_memory_says_what_to_lower(
    tmp_path: Path, checkpoints: dict[str, Path], call: str, hint: str
) -> None:
    out = tmp_path / "run"
    arguments = [part.format(out=out, model=checkpoints["mixture-plain"]) for part in call.split()]
    with running([str(ROOT / "tests" / "support" / "scarce.py"), *arguments], env=environment()) as scarce:
        scarce.process.wait(LIMIT)
        done = scarce.ended()
    assert done.code == 5, done.err
    assert done.err.startswith("Error: out of memory: ") and hint in done.err
    assert done.err.count("\n") == 1
    assert not out.exists() or status(out) == "failed"


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB\nmore"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:127] . DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("not enough memory: you tried to allocate 8 bytes"),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
    ],
)
def test_every_way_to_say_out_of_memory(error: Exception) -> None:
    code, message = explanation(error, "train")
    assert code == 5 and message.startswith("out of memory") and "\n" not in message and "width" in message


def test_what_helps_where_a_device_lacks_memory_is_another_device() -> None:
    """Samples go through a network in chunks of one size: fewer of them need as much."""
    messages = {command: explanation(torch.OutOfMemoryError("CUDA out of memory"), command)[1]
            for command in ("crosstest", "train")}  # fmt: skip
    assert "--device cpu" in messages["crosstest"] and "width" in messages["train"]
    assert explanation(MemoryError(), "crosstest")[1].endswith("lower -n or --chunk")


def test_runs_that_are_killed_end_as_if_nothing_had_happened(tmp_path: Path) -> None:
    """Five of the 200 kills of the benchmark, three inside a save; two of an export, two of a report."""
    started = time.monotonic()
    script = ROOT / "benchmarks" / "kill_and_resume.py"
    arguments = ["-W", "error", str(script), "--kills", "5", "--out", str(tmp_path / "kills.json")]
    arguments += ["--commands", "export", "report"]
    with running(arguments, env=environment()) as measured:
        assert measured.process.wait(LIMIT) == 0, measured.ended().err
    record = json.loads((tmp_path / "kills.json").read_text())
    assert record["kills"] == record["identical_at_the_end"] == 5
    assert sum(record["inside_a_save"].values()) == 3
    for counts in record["commands"].values():
        assert counts["kills"] == counts["no_file_half_there"] == counts["identical_at_the_end"] == 2
    assert record["seconds"] <= time.monotonic() - started
