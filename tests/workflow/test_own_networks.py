"""Networks of the user's own in a benchmark's file: trusted or refused, trained, judged by the same code."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from command_line import call
from paths import ROOT
from run_folders import identical, trained_here

from gancross.errors import UsageError
from gancross.evaluator.result.reading import load_result
from gancross.workflow import benchmark as runner
from gancross.workflow.execution import Execution, command
from gancross.workflow.own_networks import with_absolute_code
from gancross.workflow.plan import run_folder
from gancross.workflow.spec import load_spec, parse_spec

FILE = """
recipe = "digits"
set = { batch_size = 16, steps = 2 }

[runs]
networks = "my.py:pair"

[variants.ours]

[variants.kl]
objective = "kl"

[crosstest]
num_samples = 60
norm_check = false
controls = false
"""
OURS: dict[str, Any] = {"recipe": "digits", "variants": {"a": {"networks": "my.py:pair"}, "b": {}}}


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A benchmark's file beside the code that it names, in the current folder."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "docs" / "examples" / "own_pair.py", "my.py")
    Path("spec.toml").write_text(FILE)
    return Path("spec.toml")


def test_a_benchmark_trains_and_judges_them(spec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "run_as_process", trained_here)
    options = ("--out", "out", "--jobs", "1", "--device", "cpu", "--trust-code", "-q")
    assert call("benchmark", spec, *options) == 0
    contestants = load_result(Path("out/result.json")).contestants
    assert {each.name: each.arch for each in contestants} == {"ours": "my.py:pair", "kl": "my.py:pair"}
    assert all((each.recipe or {})["network"] == "own" for each in contestants)
    # The command of a run in a process of its own is the same training.
    planned = load_spec(spec).runs[0]
    arguments = command(planned, Path("alone"), Execution(device="cpu", trust_code=True))[3:]
    assert call(*arguments) == 0
    assert identical(Path("alone/last.pt"), run_folder(Path("out"), planned) / "last.pt")


def test_code_runs_only_if_it_is_trusted(spec: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("my.py").write_text("raise SystemExit('it ran')\n")
    assert call("benchmark", spec, "--out", "out") == 2
    expected = (
        "networks = 'my.py:pair' runs Python code on this machine with all your rights: add --trust-code"
    )
    assert expected in " ".join(capsys.readouterr().err.split()) and not Path("out").exists()
    assert call("benchmark", spec, "--out", "out", "--dry-run") == 0
    spec.write_text(FILE.replace('networks = "my.py:pair"', ""))
    assert call("benchmark", spec, "--out", "out", "--trust-code") == 2
    assert "--trust-code needs networks" in capsys.readouterr().err


def test_a_variant_may_have_its_own() -> None:
    ours, family = parse_spec(OURS).runs
    assert (ours.networks, ours.recipe.network) == ("my.py:pair", "own")
    assert (family.networks, family.recipe.network) == (None, "dcgan8")
    absolute = with_absolute_code(ours).networks
    assert absolute == f"{Path('my.py').absolute()}:pair" and with_absolute_code(family) is family


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"runs": {"network": "my.py:pair"}}, "unknown runs key 'network': did you mean 'networks'"),
        ({"runs": {"networks": 1}}, "runs key 'networks' must be a str"),
        ({"variants": {"a": {"networks": 1}}}, "variants.a: networks must be 'module:pair', got 1"),
        ({"set": {"network": "dcgan8"}}, "variants.a: networks names the networks: leave out network"),
        ({"set": {"width": 8}}, "variants.a: width=8 would do nothing"),
        ({"variants": {"a": {"network": "own"}}}, "variants.a: network = 'own' needs networks"),
    ],
    ids=["key", "type", "type of a variant", "a family as well", "a width as well", "no code"],
)
def test_mistakes_in_the_file(change: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_spec(OURS | change)
