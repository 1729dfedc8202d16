"""Weights beside an ONNX graph: read as if they lay in it, from the graph's own folder alone."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
import torch
from foreign import linear

from gancross.errors import CheckpointError
from gancross.evaluator.contestants.onnx_models import Description, onnx_contestant

LATENTS = torch.randn(5, 4, generator=torch.Generator().manual_seed(1))


def in_two_files(folder: Path, *, location: str = "g.onnx.data") -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / "g.onnx"
    onnx.save(linear(4, 3), path, save_as_external_data=True, location=location, size_threshold=0)
    return path


def renamed(path: Path, **places: str) -> None:
    """The graph names another file, or another place in it."""
    model = onnx.load(path, load_external_data=False)
    for entry in model.graph.initializer[0].external_data:
        entry.value = places.pop(entry.key, entry.value)
    for key, value in places.items():
        model.graph.initializer[0].external_data.add(key=key, value=value)
    path.write_bytes(model.SerializeToString())


def outputs(path: Path) -> torch.Tensor:
    contestant = onnx_contestant([path], Description(), name="x")
    assert contestant.generator is not None
    result: torch.Tensor = contestant.generator(LATENTS)
    return result


def test_the_figures_are_those_of_one_file(tmp_path: Path) -> None:
    path = in_two_files(tmp_path / "two")
    whole = tmp_path / "whole.onnx"
    whole.write_bytes(linear(4, 3).SerializeToString())
    assert torch.equal(outputs(path), outputs(whole))
    hashes = set()
    for change in (0, 1):
        data = path.with_name("g.onnx.data")
        data.write_bytes(data.read_bytes() + b"\0" * change)
        origin = onnx_contestant([path], Description(), name="x").origin
        assert origin is not None
        hashes.add(origin.sha256)
    assert len(hashes) == 2


def link_outside(path: Path) -> None:
    secret = path.parents[1] / "secret"
    secret.write_bytes(path.with_name("g.onnx.data").read_bytes())
    path.with_name("g.onnx.data").unlink()
    path.with_name("g.onnx.data").symlink_to(secret)


def folder_of_that_name(path: Path) -> None:
    path.with_name("g.onnx.data").unlink()
    path.with_name("g.onnx.data").mkdir()


def pipe(path: Path) -> None:
    path.with_name("g.onnx.data").unlink()
    os.mkfifo(path.with_name("g.onnx.data"))


def cut(path: Path) -> None:
    path.with_name("g.onnx.data").write_bytes(b"\0" * 8)


SPOILED: dict[str, tuple[Callable[[Path], None], str]] = {
    "missing": (lambda path: path.with_name("g.onnx.data").unlink(), "(no such file): put it beside"),
    "above": (lambda path: renamed(path, location="../g.onnx.data"), "expected the name of a file beside it"),
    "absolute": (lambda path: renamed(path, location="/etc/passwd"), "expected the name of a file beside it"),
    "below": (lambda path: renamed(path, location="sub/../g.onnx.data"), "expected the name of a file"),
    "windows": (lambda path: renamed(path, location="C:\\g.onnx.data"), "expected the name of a file"),
    "nowhere": (lambda path: renamed(path, location=""), "expected the name of a file"),
    "odd": (lambda path: renamed(path, location="..\n\x1b"), "no such file"),
    "link": (link_outside, "a link to another folder"),
    "folder": (folder_of_that_name, "is a folder"),
    "pipe": (pipe, "is not a regular file"),
    "cut": (cut, "reaches beyond the end"),
    "negative": (lambda path: renamed(path, offset="-4"), "reaches beyond"),
    "endless": (lambda path: renamed(path, offset="9" * 30), "reaches beyond"),
    "no number": (lambda path: renamed(path, length="x"), "no number"),
    "itself": (lambda path: renamed(path, location="g.onnx", length="4"), "onnxruntime cannot run it"),
}  # fmt: skip


@pytest.mark.parametrize("case", SPOILED)
def test_other_places_are_refused(tmp_path: Path, case: str) -> None:
    path = in_two_files(tmp_path / "two")
    spoil, part = SPOILED[case]
    spoil(path)
    with pytest.raises(CheckpointError) as caught:
        outputs(path)
    message = str(caught.value)
    assert part in message and message.startswith(f"{path}: refused: ") and message.isprintable()
