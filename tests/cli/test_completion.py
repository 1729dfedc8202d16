"""Shell completion: what Tab offers, through the very door that the shells' scripts use."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest
from click.shell_completion import BashComplete

from gancross.cli.completion import COMPLETE
from gancross.cli.main import cli, main
from gancross.data.catalogue import DATASETS
from gancross.trainer.recipes.paper import RECIPES


def offered(words: list[str]) -> list[tuple[str, str]]:
    """(value, type) of what is offered for the last word."""
    found = BashComplete(cli, {}, "gancross", COMPLETE).get_completions(words[:-1], words[-1])
    return [(item.value, item.type) for item in found]


def test_recipes_data_sets_and_files() -> None:
    assert [name for name, _ in offered(["train", ""])] == list(RECIPES)
    assert [name for name, _ in offered(["recipes", "celeba-"])] == [
        name for name in RECIPES if name.startswith("celeba-")
    ]
    for command in ("train", "crosstest"):
        assert [name for name, _ in offered([command, "x", "--data", ""])] == [*DATASETS, "folder:"]
    assert offered(["train", "digits", "--data", "fo"]) == [("folder:", "plain")]
    assert offered(["crosstest", "runs/a"]) == [("runs/a", "file")]
    assert offered(["sample", ""]) == [("", "file")]
    assert ("--gamma", "plain") in offered(["train", "digits", "--ga"])


def test_a_misspelt_command_offers_nothing_and_says_nothing() -> None:
    assert offered(["trian", ""]) == [(name, "plain") for name in cli.list_commands(None)]  # type: ignore[arg-type]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_asks_this_program(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["completion", shell])
    script = capsys.readouterr().out
    assert not left.value.code and f"{COMPLETE}={shell}_complete" in script
    program = shutil.which(shell)
    if program is not None:
        subprocess.run([program, "-n"], input=script, text=True, check=True)


def test_a_tab_needs_no_torch() -> None:
    program = (
        f"import os, sys\nos.environ['{COMPLETE}'] = 'bash_complete'\n"
        "os.environ |= {'COMP_WORDS': 'gancross train mix', 'COMP_CWORD': '2'}\n"
        "from gancross.cli.main import main\n"
        "try: main([])\nexcept SystemExit: pass\n"
        "heavy = {'torch', 'numpy', 'scipy'} & set(sys.modules)\nassert not heavy, heavy\n"
    )
    said = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert said.stdout.splitlines() == [f"plain,{name}" for name in RECIPES if name.startswith("mix")]
