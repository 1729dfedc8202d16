"""An empty name of a file or folder would be the present folder: every command refuses it before any work."""

from __future__ import annotations

import os
import re
from pathlib import Path

import click
import pytest
from command_line import call
from referee_calls import image_folders

from gancross.cli.contestants import parsed_models
from gancross.cli.main import cli
from gancross.cli.options import FileName, FileOrStdout
from gancross.data import catalogue
from gancross.report.paper_figures.names import FIGURES

PARAMETERS = [(name, each) for name, command in cli.commands.items() for each in command.params]
PATHS = [(name, each) for name, each in PARAMETERS if isinstance(each.type, click.Path)]
NAMES_A_FILE = re.compile(r"FILE|FOLDER|DIR|RUN|CKPT|PATH|\.(json|toml|pt)")
PARSED_ELSEWHERE = {"models", "model", "runs"}  # [NAME=]PATH


@pytest.fixture(autouse=True)
def _there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The line that refuses a call, which leaves nothing behind."""
    assert call(*arguments) == 2
    printed = capsys.readouterr()
    (line,) = printed.err.splitlines()
    assert line.startswith("Error: ") and printed.out == "" and os.listdir() == []
    return line


def test_every_name_of_a_file_is_checked() -> None:
    assert len(PATHS) > 30 and all(isinstance(each.type, FileName) for _, each in PATHS)
    unchecked = {
        str(each.name) for name, each in PARAMETERS
        if (name, each) not in PATHS and NAMES_A_FILE.search(str(each.metavar or ""))
    }  # fmt: skip
    assert unchecked == PARSED_ELSEWHERE


@pytest.mark.parametrize(
    ("command", "parameter"), PATHS, ids=[f"{name} {each.opts[-1]}" for name, each in PATHS]
)
def test_an_empty_name_is_one_line(
    capsys: pytest.CaptureFixture[str], command: str, parameter: click.Parameter
) -> None:
    arguments: list[str] = []
    for each in cli.commands[command].params:
        if each is parameter:
            arguments += [""] if isinstance(each, click.Argument) else [each.opts[-1], ""]
        elif isinstance(each, click.Argument) and each.required:
            arguments.append("x")
    line = refused(capsys, command, *arguments)
    assert "expected a name, got an empty one" in line
    assert str(
        parameter.metavar if isinstance(parameter, click.Argument) else parameter.opts[-1]
    ) in line or (str(parameter.name).upper() in line)


def test_a_dash_is_a_stream_or_refused() -> None:
    for name, each in PATHS:
        with click.Context(cli.commands[name]) as context:
            if isinstance(each.type, FileOrStdout):
                assert each.type.convert("-", each, context) == "-"
            else:
                with pytest.raises(click.BadParameter, match=r"is \./-"):
                    each.type.convert("-", each, context)


FIGURE = next(iter(FIGURES))


@pytest.mark.parametrize(
    "arguments",
    [
        ["crosstest", ""], ["crosstest", "a="], ["crosstest", ",b.pt"], ["referee", ""],
        ["referee", "folder:"], ["referee", "a=folder:"], ["sample", ""], ["sample", "a="],
        ["sample", "folder:"], ["figure", FIGURE, ""], ["figure", FIGURE, "a="],
        ["crosstest", "a=x.pt", "--arch", "a="], ["train", "digits", "-q", "--data", "folder:"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_so_is_one_within_an_argument(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    line = refused(capsys, *arguments)
    assert re.search(r"write (one file|NAME=|folder:PATH|\[NAME=\]folder:PATH)|needs a path", line), line


def test_the_data_of_a_call_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folders = image_folders(tmp_path / "images")
    line = refused(capsys, "referee", f"folder:{folders / 'A'}", "--data", "folder:", "--device", "cpu")
    assert line == "Error: data 'folder:': needs a path; write folder:PATH"


def test_a_tilde_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In options and models, where no shell expands it; a folder of that name is never made."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    image_folders(tmp_path / "home")
    (model,) = parsed_models(["folder:~/A"])
    assert model.files == (tmp_path / "home" / "A",)
    assert [parsed_models([text])[0].files for text in ("a=~/a.pt", "a=~/g.onnx,~/d.onnx")] == [
        (tmp_path / "home" / "a.pt",), (tmp_path / "home" / "g.onnx", tmp_path / "home" / "d.onnx")
    ]  # fmt: skip
    assert catalogue.load("folder:~/A").shape == (1, 8, 8)
    for name, each in PATHS:
        with click.Context(cli.commands[name]) as context:
            assert str(each.type.convert("~/x", each, context)) == str(tmp_path / "home" / "x")
            assert str(each.type.convert("./~", each, context)) in ("~", "./~")
    assert os.listdir() == []
