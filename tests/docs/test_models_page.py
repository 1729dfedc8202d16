"""docs/how-to/models.md: its commands and its Python run, one after another, in an empty folder."""

from __future__ import annotations

import re
import runpy
import shlex
import shutil
import sys
from pathlib import Path

import pytest
from command_line import call
from paths import ROOT

DOCS = ROOT / "docs"
TEXT = (DOCS / "how-to" / "models.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(sh|python)\n(.*?)```", TEXT, flags=re.DOTALL)


def test_everything_on_the_page_runs(
    checkpoints: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    shutil.copytree(DOCS / "examples", tmp_path / "docs" / "examples")
    shutil.copy(checkpoints["digits-plain"], tmp_path / "ours.pt")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path[:])
    commands = []
    for language, block in BLOCKS:
        if language == "python" and "import gancross" in block:
            exec(compile(block, "models.md", "exec"), {})
        for line in block.splitlines() if language == "sh" else []:
            program, *arguments = shlex.split(line, comments=True)
            commands.append(" ".join(arguments[:1]))
            if program == "python":
                (script,) = arguments
                runpy.run_path(script, run_name="__main__")
                continue
            # The models of this page have hardly been trained, which a check says.
            code = 6 if program == "gancross" and arguments[0] == "check" else 0
            assert call(*arguments, "--device", "cpu") == code, capsys.readouterr().err
    assert commands.count("crosstest") == 12 and commands.count("sample") == 2 == commands.count("check")
    assert (tmp_path / "grid.png").stat().st_size > 0


def test_the_factory_on_the_page_is_that_of_the_example() -> None:
    (factory,) = (block for language, block in BLOCKS if "def contestant()" in block)
    example = (DOCS / "examples" / "dcgan.py").read_text(encoding="utf-8")
    arguments = dict(re.findall(r"(\w+)=([\w\"]+)", factory))
    assert arguments.items() <= dict(re.findall(r"(\w+)=([\w\"]+)", example)).items() | {("name", '"dcgan"')}
