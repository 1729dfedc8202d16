"""`gancross export`, and checkpoints of strangers that name data."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import hostile
import pytest
import torch
from click.testing import CliRunner
from command_line import call
from small_recipes import small

from gancross.checkpoint import file as checkpoint
from gancross.cli.main import cli
from gancross.errors import CheckpointError, UsageError
from gancross.trainer.loop import train


def run(*arguments: object) -> str:
    """Standard output; errors are raised."""
    done = CliRunner().invoke(
        cli, [str(argument) for argument in arguments], standalone_mode=False, catch_exceptions=False
    )
    if done.exception is not None:
        raise done.exception
    return done.stdout


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_an_exported_checkpoint_judges_as_the_original(
    checkpoints: dict[str, Path], suffix: str, tmp_path: Path
) -> None:
    original, out = checkpoints["digits-regularized"], tmp_path / f"shared{suffix}"
    run("export", original, "--out", out)
    assert checkpoint.load(out).training == {}
    assert out.stat().st_size < original.stat().st_size
    before, after = (checkpoint.load_contestant(path, name="same") for path in (original, out))
    latents = torch.randn(3, 16, generator=torch.Generator().manual_seed(0))
    assert before.generator is not None and after.generator is not None
    assert torch.equal(before.generator(latents), after.generator(latents))
    assert (before.method, before.threshold, before.latent) == (after.method, after.threshold, after.latent)
    run("crosstest", out, "-n", 20, "--no-controls", "--quiet")


def test_exporting_again_gives_the_same_bytes(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    for suffix in checkpoint.WRITERS:
        first, second = tmp_path / f"first{suffix}", tmp_path / f"second{suffix}"
        run("export", checkpoints["mixture-plain"], "--out", first)
        run("export", first, "--out", second)
        assert first.read_bytes() == second.read_bytes()


def test_what_export_refuses(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    original = checkpoints["mixture-plain"]
    content = original.read_bytes()
    link = tmp_path / "link.pt"
    link.symlink_to(original)
    for out, message in (
        (original, "the checkpoint itself"), (link, "the checkpoint itself"), (tmp_path, "ends in"),
        (tmp_path / "model.onnx", "ends in"), (tmp_path / "no" / "such.pt", "does not exist"),
    ):  # fmt: skip
        with pytest.raises(UsageError, match=message):
            run("export", original, "--out", out)
    (tmp_path / "text.pt").write_text("hello")
    with pytest.raises(CheckpointError, match="no zip header"):
        run("export", tmp_path / "text.pt", "--out", tmp_path / "new.pt")
    with pytest.raises(UsageError, match="no such file"):
        run("export", tmp_path / "missing.pt", "--out", tmp_path / "new.pt")
    assert original.read_bytes() == content
    assert {path.name for path in tmp_path.iterdir()} == {"link.pt", "text.pt"}


def test_an_exported_checkpoint_is_not_resumed(tmp_path: Path) -> None:
    recipe = small("mixture", steps=2)
    last = train(recipe, tmp_path / "run", device="cpu")
    run("export", last, "--out", tmp_path / "shared.pt")
    last.write_bytes((tmp_path / "shared.pt").read_bytes())
    with pytest.raises(CheckpointError, match="no optimizer states"):
        train(recipe.with_changes({"steps": 3}), tmp_path / "run", device="cpu")


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
@pytest.mark.parametrize("data", ["folder:{pipe}", "http://127.0.0.1:9/x.zip", "../../etc/passwd", "\u202e"])
def test_data_that_a_stranger_names_are_never_opened(
    checkpoints: dict[str, Path], suffix: str, data: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = data.format(pipe=tmp_path / "pipe")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")  # opening it would wait for ever
    stranger = tmp_path / "stranger.pt"
    stranger.write_bytes(
        hostile.resaved(
            checkpoints["mixture-plain"].read_bytes(), lambda loaded: loaded["recipe"].update(data=named)
        )
    )
    if suffix != ".pt":
        run("export", stranger, "--out", tmp_path / f"stranger{suffix}")

    def no_network(*_: object, **__: object) -> None:
        raise AssertionError("a connection")

    monkeypatch.setattr(socket.socket, "connect", no_network)
    path = tmp_path / f"stranger{suffix}"
    assert checkpoint.load(path).recipe["data"] == named
    with pytest.raises(UsageError, match="not opened by itself: give --data"):
        run("crosstest", path)
    run("crosstest", path, "--data", "mixture", "-n", 20, "--no-controls", "--quiet")


def test_errors_reach_the_terminal_without_its_commands(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "red\x1b[31m\n.pt").write_text("hello")
    code = call("crosstest", tmp_path / "red\x1b[31m\n.pt")
    message = capsys.readouterr().err
    assert code == 3 and message.count("\n") == 1 and "\x1b" not in message and r"red\x1b[31m" in message
