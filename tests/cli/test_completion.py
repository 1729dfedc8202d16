"""Shell completion: what Tab completes, through the interface that the shells' scripts use."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from click.shell_completion import BashComplete
from command_line import call
from imports import heavy_imports

from gancross.cli.completion import COMPLETE
from gancross.cli.main import cli
from gancross.data.catalogue import DATASETS
from gancross.trainer.recipes.named_recipes import RECIPES


def completions(words: list[str]) -> list[tuple[str, str]]:
    """(value, type) of what is offered for the last word."""
    items = BashComplete(cli, {}, "gancross", COMPLETE).get_completions(words[:-1], words[-1])
    return [(item.value, item.type) for item in items]


def test_recipes_data_sets_and_files() -> None:
    assert [name for name, _ in completions(["train", ""])] == list(RECIPES)
    assert [name for name, _ in completions(["recipes", "celeba-"])] == [
        name for name in RECIPES if name.startswith("celeba-")
    ]
    for command in ("train", "crosstest"):
        assert [name for name, _ in completions([command, "x", "--data", ""])] == [*DATASETS, "folder:"]
    assert completions(["train", "digits", "--data", "fo"]) == [("folder:", "plain")]
    assert completions(["crosstest", "runs/a"]) == [("runs/a", "file")]
    assert completions(["sample", ""]) == [("", "file")]
    assert ("--gamma", "plain") in completions(["train", "digits", "--ga"])


def test_after_a_misspelt_command_all_commands_are_offered() -> None:
    assert completions(["trian", ""]) == [(name, "plain") for name in cli.list_commands(None)]  # type: ignore[arg-type]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_asks_this_program(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("completion", shell) == 0
    script = capsys.readouterr().out
    assert f"{COMPLETE}={shell}_complete" in script
    program = shutil.which(shell)
    if program is not None:
        subprocess.run([program, "-n"], input=script, text=True, check=True)


def test_a_tab_needs_no_torch() -> None:
    heavy, output = heavy_imports(
        "from gancross.cli.main import main\nmain([])", COMP_WORDS="gancross train mix", COMP_CWORD="2",
        **{COMPLETE: "bash_complete"},
    )  # fmt: skip
    assert not heavy
    assert output.splitlines() == [f"plain,{name}" for name in RECIPES if name.startswith("mix")]
