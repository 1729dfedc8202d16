"""What `gancross --help` offers, and which options texts name."""

from __future__ import annotations

import ast
import re
import shlex

import click
import pytest
from command_line import call
from paths import ROOT

from gancross.cli.main import PURPOSES, Purpose, cli
from gancross.report.paper_figures.names import FIGURES

OPTION = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]*")
OF_THE_STYLE = {"--series"}  # a variable of the page's style sheet


def options_of(command: click.Command) -> set[str]:
    parameters = command.get_params(click.Context(command))
    return {option for parameter in parameters for option in (*parameter.opts, *parameter.secondary_opts)}


def test_every_command_stands_under_one_purpose(capsys: pytest.CaptureFixture[str]) -> None:
    names = [name for purpose in PURPOSES for name in purpose.commands]
    assert sorted(names) == sorted(cli.commands)
    assert [purpose.title for purpose in PURPOSES] == ["Compare", "Train", "Look", "Automate"]
    assert call("--help") == 0
    lines = capsys.readouterr().out.splitlines()
    for purpose in PURPOSES:
        start = lines.index(f"{purpose.title}:")
        told = [line.split(maxsplit=1) for line in lines[start + 1 : start + 1 + len(purpose.commands)]]
        assert told == [[name, text] for name, text in purpose.commands.items()]
        assert lines[start + 1 + len(told)].strip() == f"Example: {purpose.example}"
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize("purpose", PURPOSES, ids=lambda purpose: purpose.title)
def test_every_example_is_a_call_of_one_of_its_commands(purpose: Purpose) -> None:
    program, name, *arguments = shlex.split(purpose.example)
    assert program == "gancross" and name in purpose.commands
    cli.commands[name].make_context(name, arguments)  # raises what does not parse


@pytest.mark.parametrize("width", [60, 80])
@pytest.mark.parametrize("name", cli.commands)
def test_the_help_of_every_command_fits_and_breaks_no_word(name: str, width: int) -> None:
    context = click.Context(cli.commands[name], info_name=name, terminal_width=width)
    text = cli.commands[name].get_help(context)
    assert max(map(len, text.splitlines())) <= width
    if "--describe" in text:
        assert "probability," in text.split() and "energy," in text.split()
    if name == "figure":
        assert " ".join(FIGURES["fig9"].split()) in " ".join(text.split())


def test_every_option_that_a_text_names_exists() -> None:
    """Errors, hints, help and docstrings alike: whatever stands in a string of the package."""
    known = OF_THE_STYLE.union(*map(options_of, cli.commands.values()), options_of(cli), {"--help"})
    named, unknown = set(), []
    for path in sorted((ROOT / "gancross").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found = set(OPTION.findall(node.value))
                named |= found
                unknown += [f"{path.name}:{node.lineno}: {option}" for option in sorted(found - known)]
    assert not unknown
    assert {"--data", "--trust-code", "--max-regression"} <= named
