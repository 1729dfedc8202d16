"""A short run and its files in comparable form; a run of a benchmark in this process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from small_recipes import small

from gancross.checkpoint import file as checkpoint
from gancross.trainer.loop import train
from gancross.workflow.benchmark import train_one
from gancross.workflow.execution import Execution, RunOutcome
from gancross.workflow.spec import PlannedRun


def weights(path: Path) -> list[torch.Tensor]:
    """Both networks and all optimizer state of a checkpoint."""
    loaded = checkpoint.load(path)
    tensors = [*loaded.generator_state.values(), *loaded.discriminator_state.values()]
    for name, saved in loaded.training.items():
        states = saved["state"].values() if name.endswith("_optimizer") else [saved]
        tensors += [tensor for state in states for tensor in state.values()]
    return tensors


def trained(folder: Path, **options: Any) -> Path:
    """Six steps with a checkpoint after every second one, or what the options say instead."""
    usual: dict[str, Any] = {"device": "cpu", "checkpoint_every": 2, "log_every": 1}
    return train(small("digits"), folder, **(usual | options))


def identical(first: Path, second: Path) -> bool:
    """Whether two checkpoints hold the same bits."""
    return all(torch.equal(a, b) for a, b in zip(weights(first), weights(second), strict=True))


def log(folder: Path) -> list[dict[str, float]]:
    """The lines of a log without their timings."""
    lines = (folder / "log.jsonl").read_text().splitlines()
    return [{k: v for k, v in json.loads(line).items() if k != "samples_per_second"} for line in lines]


def status(folder: Path) -> str:
    """The status that the last process wrote."""
    return str(json.loads((folder / "status.json").read_text())["status"])


def whole(folder: Path) -> bool:
    """Whether every checkpoint loads and no unfinished files are left."""
    for path in folder.rglob("*.pt"):
        checkpoint.load(path)
    return not list(folder.rglob("*.tmp"))


def trained_here(run: PlannedRun, folder: Path, execution: Execution, request: object) -> RunOutcome:
    """Replaces a process for each run of a benchmark; test_benchmark.py tests those."""
    return train_one(run, folder, execution)
