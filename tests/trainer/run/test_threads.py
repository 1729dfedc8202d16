"""Threads of a run: small networks take one, a run keeps its number, and choosing changes nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from run_folders import identical, log, trained
from small_recipes import small
from torch import nn

from gancross.errors import ResourceError, UsageError
from gancross.machine import threads as machine_threads
from gancross.machine.distributed import ALONE
from gancross.machine.threads import torch_threads
from gancross.trainer.loop import train
from gancross.trainer.recipes.recipe import Recipe
from gancross.trainer.run import threads
from gancross.trainer.run.threads import read_threads, write_threads
from gancross.trainer.state import Run

DAMAGED = {
    "empty": "", "nothing": "{}", "none": '{"threads": 0}', "truth": '{"threads": true}',
    "text": '{"threads": "2"}', "list": "[1]", "float": '{"threads": 2.0}', "4,096": '{"threads": 4096}',
    "below": '{"threads": -1}', "twice": '{"threads": 1, "threads": 2}', "more": '{"threads": 1, "a": 2}',
    "no text": "\x00", "endless": '{"threads": 1e999}', "digits": '{"threads": ' + "9" * 5000 + "}",
}  # fmt: skip


@pytest.fixture(autouse=True)
def two_of_four(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Two threads of torch on a machine of four cores."""
    monkeypatch.setattr(machine_threads, "available_cores", lambda: 4)
    with torch_threads(2):
        yield


def computed_on(folder: Path, recipe: Recipe, **options: Any) -> tuple[set[int], list[str]]:
    """The numbers of threads in a run's steps, and what it said about them."""
    seen, notes = set[int](), list[str]()
    train(
        recipe, folder, device="cpu", checkpoint_every=2, log_every=1, note=notes.append,
        progress=lambda step, steps, figures: seen.add(torch.get_num_threads()), **options,
    )  # fmt: skip
    assert torch.get_num_threads() == 2
    return seen, [note for note in notes if note.startswith("threads")]


def test_small_operations_take_one_thread_and_large_ones_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = small("digits", steps=1)
    seen, (note,) = computed_on(tmp_path / "small", short)
    assert seen == {1} and note.startswith("threads: 1, small operations") and not note.endswith(" 0 MFLOP")
    monkeypatch.setattr(threads, "PART", 1e4)
    seen, (note,) = computed_on(tmp_path / "large", short)
    assert seen == {2} and note.startswith("threads: 2, operations") and note.endswith(" on 2 cores")


@pytest.mark.parametrize(
    ("parts", "cores", "torch_has", "expected"),
    [
        pytest.param(1.9, 2, 2, 1, id="less-than-two-parts"),
        pytest.param(3.5, 2, 2, 3, id="three-parts"),
        pytest.param(9.0, 2, 2, 4, id="two-for-each-core"),
        pytest.param(9.0, 4, 2, 2, id="torch-has-some-of-the-cores"),
        pytest.param(9.0, 2, 3, 4, id="a-quota-below-torchs-number"),
        pytest.param(9.0, 1, 2, 1, id="one-core"),
        pytest.param(9.0, 2, 1, 1, id="torch-has-one"),
    ],
)
def test_every_thread_has_a_part_and_every_core_two_at_most(
    monkeypatch: pytest.MonkeyPatch, parts: float, cores: int, torch_has: int, expected: int
) -> None:
    recipe = small("digits", steps=1)
    run = SimpleNamespace(recipe=recipe, processes=ALONE)
    per_operation = parts * threads.PART / recipe.batch_size * threads.TRIED
    monkeypatch.setattr(threads, "operation_flop", lambda run: per_operation)
    monkeypatch.setattr(machine_threads, "available_cores", lambda: cores)
    with torch_threads(torch_has):
        assert threads.chosen_threads(cast(Run, run))[0] == expected


def test_the_work_of_an_operation_is_that_of_matrix_products(tmp_path: Path) -> None:
    """2·N·(inputs·outputs) of each layer of two perceptrons of 8 units; samples are three numbers."""
    recipe = small("mixture", steps=1)
    products = recipe.latent_dim * 8 + 8 * 8 + 8 * 3 + 3 * 8 + 8 * 8 + 8 * 1
    mean = 2 * recipe.batch_size * products / 6
    _, notes = computed_on(tmp_path, recipe)
    assert notes == [f"threads: 1, small operations of {mean / 1e6:.3g} MFLOP"]


def test_a_run_keeps_its_number_until_an_option_changes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    straight, stopped = trained(tmp_path / "straight", threads=1), tmp_path / "stopped"

    def stop(step: int, steps: int, figures: dict[str, float] | None) -> None:
        if step == 3:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        trained(stopped, threads=1, progress=stop)
    monkeypatch.setattr(threads, "PART", 1.0)  # a run that starts now would take two
    assert computed_on(stopped, small("digits")) == ({1}, ["threads: 1, as before"])
    assert identical(straight, stopped / "last.pt") and log(stopped) == log(tmp_path / "straight")
    assert computed_on(stopped, small("digits"), threads=4) == (set(), ["threads: 4, as asked for"])
    assert read_threads(stopped) == 4


class Pair:
    """Networks that draw noise and count: batch norm, dropout."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        latent_dim = small("digits").latent_dim
        self.generator = nn.Sequential(
            nn.Linear(latent_dim, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(), nn.Linear(8, 64), nn.Tanh(),
            nn.Unflatten(1, (1, 8, 8)),
        )  # fmt: skip
        self.discriminator = nn.Sequential(
            nn.Flatten(),
            nn.Linear(64, 8),
            nn.BatchNorm1d(8),
            nn.LeakyReLU(0.2),
            nn.Dropout(),
            nn.Linear(8, 1),
        )


def test_choosing_changes_neither_weights_nor_buffers_nor_random_numbers(tmp_path: Path) -> None:
    paths = []
    for name, given in (("chosen", None), ("given", 1)):
        pair = Pair()
        torch.manual_seed(7)
        before = torch.get_rng_state()
        paths.append(trained(tmp_path / name, networks=(pair.generator, pair.discriminator), threads=given))
        assert torch.equal(torch.get_rng_state(), before)
    assert identical(*paths) and log(tmp_path / "chosen") == log(tmp_path / "given")


@pytest.mark.parametrize("damaged", DAMAGED)
def test_a_file_of_something_else_is_refused_with_one_line(tmp_path: Path, damaged: str) -> None:
    (tmp_path / "threads.json").write_text(DAMAGED[damaged])
    with pytest.raises(UsageError, match=r"threads\.json: not a number of threads: .*; --threads N") as error:
        read_threads(tmp_path)
    assert "\n" not in str(error.value) and len(str(error.value)) < len(str(tmp_path)) + 300


def test_a_folder_in_the_files_place_or_one_too_large_is_refused_and_a_link_is_read(tmp_path: Path) -> None:
    path, other = tmp_path / "threads.json", tmp_path / "other"
    assert read_threads(tmp_path) is None
    path.mkdir()
    for touch in (read_threads, lambda root: write_threads(root, 1)):
        with pytest.raises(UsageError, match=r"is a folder, expected the file .*; remove it$"):
            touch(tmp_path)
    path.rmdir()
    with other.open("wb") as file:
        file.truncate(1 << 32)
    path.symlink_to(other)
    with pytest.raises(ResourceError, match="longer than the limit of 64 KiB; --threads N"):
        read_threads(tmp_path)
    other.write_text('{"threads": 3}')
    assert read_threads(tmp_path) == 3
    other.unlink()
    assert read_threads(tmp_path) is None


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="a system without named pipes")
def test_a_pipe_in_the_files_place_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    (trained(tmp_path / "run", threads=1).parent / "threads.json").unlink()
    os.mkfifo(tmp_path / "run" / "threads.json")
    with pytest.raises(UsageError, match="is a pipe or a device"):
        trained(tmp_path / "run", threads=1)


def test_an_absurd_number_ends_before_a_step_and_an_option_replaces_it(tmp_path: Path) -> None:
    folder = trained(tmp_path / "run", threads=1).parent
    (folder / "threads.json").write_text('{"threads": 4096}')
    with pytest.raises(UsageError, match=r"at most 256, 64 for each core, got 4,096; --threads N"):
        computed_on(folder, small("digits"))
    computed_on(folder, small("digits"), threads=1)
    assert read_threads(folder) == 1
    with pytest.raises(UsageError, match="at most 256"):
        computed_on(folder, small("digits"), threads=257)


def test_a_number_below_one_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="threads must be at least 1"):
        train(small("digits"), tmp_path / "run", device="cpu", threads=0)
    assert not (tmp_path / "run").exists()
