"""Shared fixtures: one thread, so that runs repeat bit by bit; folders that pytest removes; checkpoints."""

from __future__ import annotations

import os
import signal
import uuid

from sweeping import VARIABLE

os.environ[VARIABLE] = uuid.uuid4().hex
os.environ["OMP_NUM_THREADS"] = "1"  # also for the processes that tests start
os.environ.setdefault("MPLBACKEND", "Agg")

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import settings
from small_recipes import SMALL, small

from gancross.trainer.loop import train
from gancross.trainer.recipes.fields import Setting
from gancross.trainer.run import log as training_log

torch.set_num_threads(1)
# A job in the background of a script is started deaf to Ctrl-C, and so are the processes it starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# A busy machine takes long over an example without anything being wrong.
settings.register_profile("unhurried", deadline=None, derandomize=True)
settings.load_profile("unhurried")


@pytest.fixture(scope="session", autouse=True)
def own_folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The cache and temporary files, also those of other processes, are not the user's."""
    temporary = str(tmp_path_factory.mktemp("temporary"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANCROSS_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("TMPDIR", temporary)
        patch.setenv("GANCROSS_REFEREES", "none")  # a minute of every cross-test on the command line
        patch.setattr(tempfile, "tempdir", temporary)
        patch.setattr(training_log, "PICTURE_POINTS", 64)  # 5,120 take half of a short run's time to draw
        yield


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Checkpoints of briefly trained networks: two mixtures, two digits."""
    root = tmp_path_factory.mktemp("checkpoints")
    variants: dict[str, dict[str, Setting]] = {
        "plain": {"regularizer": "none"}, "regularized": {"gamma": 0.1},
    }  # fmt: skip
    return {
        f"{name}-{label}": train(
            small(name, **changes), root / f"{name}-{label}", device="cpu", checkpoint_every=6
        )
        for name in SMALL
        for label, changes in variants.items()
    }


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long tests begin first: one that began last would keep a single core busy at the end."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
