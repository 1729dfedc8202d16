"""The README's promises: its Python example runs, its commands exist, the example is short."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from gancross.cli.main import cli

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def test_the_python_example_runs_and_is_short(capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = blocks("python")
    assert len(example.strip().splitlines()) <= 15
    exec(compile(example, "README.md", "exec"), {})
    assert "cross-testing FP" in capsys.readouterr().out


def test_every_command_of_the_readme_parses() -> None:
    lines = [line.split("#")[0] for block in blocks("sh") for line in block.splitlines()]
    calls = [line.split()[1:] for line in lines if line.startswith("gancross ")]
    assert calls
    for name, *arguments in calls:
        command = cli.commands[name]
        command.make_context(name, list(arguments), parent=click.Context(cli))
