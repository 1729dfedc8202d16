"""README.md and docs/*.md: every command and every piece of Python on them runs.

Each page runs in a folder of its own, line by line, as a reader would type it. Only the amount of work is
smaller, by the tables below; a command that none of them knows fails the test. docs/models.md and
docs/extending.md have tests of their own.
"""

from __future__ import annotations

import re
import runpy
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from command_line import call
from official_formats import write_cifar10
from paths import ROOT
from processes import LIMIT, environment, running
from reading_reports import table_of
from ruamel.yaml import YAML
from run_folders import trained_here

from gancross.cli.main import cli
from gancross.errors import GancrossError
from gancross.evaluator import refereeing
from gancross.evaluator.gate.figures import METRICS
from gancross.evaluator.referees.protocol import BUDGETS
from gancross.trainer.recipes.named_recipes import RECIPES, SOURCES
from gancross.workflow import benchmark as runner

EVERY_PAGE = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PAGES = [path for path in EVERY_PAGE if path.name not in ("models.md", "extending.md")]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", flags=re.DOTALL | re.MULTILINE)

# Options appended to a command so that it is fast; the last of two equal options counts.
SHRUNK = {
    "train": ["--steps", "4", "--set", "width=4", "--set", "batch_size=16", "--device", "cpu"],
    "crosstest": ["-n", "500", "--kid-subset-size", "50", "--device", "cpu"],
    "referee": ["-n", "500", "--device", "cpu"],
    "sample": ["--device", "cpu"],
    "figure": ["-n", "100", "--device", "cpu"],
    "trace": ["-n", "500", "--device", "cpu"],
    "benchmark": ["--jobs", "1", "--device", "cpu"],
}
# Parts of lines whose value follows from SHRUNK, or which need a cluster.
REPLACED = {
    "step-0000012000.pt": "step-0000000004.pt",
    "--backend dask --scheduler tcp://node1:8786": "",  # test_benchmark.py has a scheduler
    "--backend ray": "",  # needs a Ray cluster
}
# Parts of a benchmark's file and their replacements.
SMALLER = {
    "seeds = 5": "seeds = 1", "width = 16": "width = 4\nbatch_size = 16", "steps = 2000": "steps = 4",
    "num_samples = 2000": "num_samples = 500",
}  # fmt: skip
# Run by torchrun itself; test_distributed.py tests the other lines, which one process runs here.
UNDER_TORCHRUN = {"torchrun --nproc-per-node 2 -m gancross train cifar10-dcgan"}
IN_TORCHRUN = {"cifar10-dcgan": "digits"}  # another process has the official checksums, and no such file
# Beginnings of lines that are not run, and why.
NOT_RUN = {
    "make demo": "makes an environment; test_interruption.py runs gancross demo",
    "make test": "would run this test",
    "pip install": "installs",
    "dask scheduler": "runs for ever; test_benchmark.py has a scheduler",
    "dask worker": "runs for ever",
    "ray start": "runs for ever",
    "sbatch": "needs Slurm",
    "torchrun --nnodes 2": "needs two machines",
}
# The commands that a page's own commands need first.
BEFORE = {
    "README.md": [
        "gancross train mixture", "gancross train mixture --regularizer none", "python dcgan.py",
        "python images.py",
    ],
}  # fmt: skip


def blocks(page: Path, language: str) -> list[str]:
    """The blocks of a page in that language."""
    return [body for kind, body in BLOCK.findall(page.read_text(encoding="utf-8")) if kind == language]


def lines(page: Path) -> Iterator[str]:
    """The commands of a page, without comments, in order."""
    for block in blocks(page, "sh"):
        for line in block.splitlines():
            command = re.sub(r"(^|\s)#.*", "", line).strip()
            if command:
                yield command


def no_run_reason(line: str) -> str | None:
    return next((why for part, why in NOT_RUN.items() if line.startswith(part)), None)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, checkpoints: dict[str, Path]) -> Path:
    """A folder with two checkpoints, the examples and a small CIFAR-10 in its official format."""
    shutil.copytree(ROOT / "docs" / "examples", tmp_path, dirs_exist_ok=True)
    monkeypatch.setattr(sys, "path", sys.path[:])
    for name, label in {"A.pt": "digits-plain", "B.pt": "digits-regularized"}.items():
        shutil.copy(checkpoints[label], tmp_path / name)
    (tmp_path / "data").mkdir()
    write_cifar10(tmp_path / "data", monkeypatch, per_batch=8, test=20)
    monkeypatch.setenv("GANCROSS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(runner, "run_as_process", trained_here)
    for form, protocol in BUDGETS["quick"].items():
        monkeypatch.setitem(BUDGETS["quick"], form, replace(protocol, steps=20, seeds=1))
    monkeypatch.setattr(refereeing, "default_workers", lambda device: 1)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_runs(page: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for block in blocks(page, "toml"):
        name = re.match(r"# (\w+\.toml)\n", block)
        assert name is not None, "a TOML block begins with the name of its file"
        text = block
        for part, smaller in SMALLER.items():
            assert part in text
            text = text.replace(part, smaller)
        (folder / name[1]).write_text(text, encoding="utf-8")
    for line in [*BEFORE.get(page.name, []), *lines(page)]:
        if no_run_reason(line) is None:
            run(line, folder, capsys)


def run(line: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line as a reader types it, but for the tables above."""
    text = line
    for part, replacement in REPLACED.items():
        text = text.replace(part, replacement)
    program, *arguments = shlex.split(text)
    output = None
    if len(arguments) > 1 and arguments[-2] in (">", ">>"):
        output, arguments = arguments[-1], arguments[:-2]
    if program == "torchrun":
        at = arguments.index("gancross")
        assert arguments[at - 1] == "-m"
        if line in UNDER_TORCHRUN:
            command = [IN_TORCHRUN.get(word, word) for word in arguments]
            shrunk = [*command, *SHRUNK[arguments[at + 1]]]
            with running(["-m", "torch.distributed.run", "--standalone", *shrunk], env=environment()) as run:
                assert run.process.wait(LIMIT) == 0, run.ended().err
            return
        program, arguments = "gancross", arguments[at + 1 :]
    if program == "python":
        runpy.run_path(arguments[0], run_name="__main__")
        return
    if program == "rm":
        for argument in arguments:
            (folder / argument).unlink()
        return
    assert program == "gancross", f"neither run nor listed: {line}"
    capsys.readouterr()
    code = call(*arguments, *SHRUNK.get(arguments[0], []))
    streams = capsys.readouterr()
    assert code == 0, f"{line}: {streams.err}"
    assert output is None or streams.out, f"{line}: nothing to redirect"


def test_every_exception_is_needed() -> None:
    everything = [line for page in PAGES for line in lines(page)]
    for part in [*NOT_RUN, *REPLACED, *UNDER_TORCHRUN]:
        assert any(part in line for line in everything), f"no page has {part}"
    assert set(BEFORE) <= {page.name for page in PAGES}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_runs(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for block in blocks(page, "python"):
        exec(compile(block, page.name, "exec"), {})
        assert capsys.readouterr().out


def test_the_readme_s_example_is_short() -> None:
    (example,) = blocks(ROOT / "README.md", "python")
    assert len(example.strip().splitlines()) <= 15


def test_every_option_on_the_pages_exists() -> None:
    known = {
        name
        for command in cli.commands.values()
        for parameter in command.params
        for name in (*parameter.opts, *parameter.secondary_opts)
    }
    known |= {"--help", "--version"}
    for page in PAGES:
        for line in lines(page):
            if line.startswith("gancross "):
                words = {
                    word.split("=")[0] for word in shlex.split(line) if word.startswith("-") and word != "-"
                }
                assert words <= known, f"{page.name}: {line}"


def test_every_recipe_is_in_the_table() -> None:
    text = (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8")
    rows = table_of(text, "recipe", "figure or section", "steps")
    assert {row["recipe"]: row["figure or section"] for row in rows} == SOURCES
    assert [row["recipe"] for row in rows] == list(RECIPES)
    assert [row["steps"] for row in rows] == [f"{recipe.steps:,}" for recipe in RECIPES.values()]


def test_the_target_of_every_link_exists() -> None:
    for page in EVERY_PAGE:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_metric_of_the_gate_is_listed() -> None:
    text = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
    listed = {
        name: row["better"]
        for row in table_of(text, "metric", "better")
        for name in row["metric"].split(", ")
    }
    assert listed == {
        name: "higher" if metric.higher_is_better else "lower" for name, metric in METRICS.items()
    }
    help_text = CliRunner().invoke(cli, ["gate", "--help"]).output
    assert all(f" {name} " in help_text for name in METRICS)


def test_every_exit_code_is_listed() -> None:
    text = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
    listed = {int(code) for row in table_of(text, "exit code") for code in row["exit code"].split(",")}
    raised = {kind.exit_code for kind in GancrossError.__subclasses__() if "exit_code" in vars(kind)}
    assert listed == raised | {0, 1, 130, 143}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_scripts_parse_in_their_language(page: Path, tmp_path: Path) -> None:
    bash = shutil.which("bash")
    for block in blocks(page, "bash"):
        assert bash is not None
        subprocess.run([bash, "-n"], input=block, text=True, check=True)
    for block in blocks(page, "yaml"):
        (tmp_path / "block.yml").write_text(block)
        checked("vendor.gitlab-ci", tmp_path / "block.yml")


def checked(schema: str, path: Path) -> None:
    """By the schema of that name that check-jsonschema ships with; nothing is fetched."""
    process = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, str(path)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert process.returncode == 0, process.stdout + process.stderr


def test_citation_and_workflow_follow_their_schemas() -> None:
    checked("vendor.github-workflows", ROOT / "docs" / "github-workflow.yml")
    checked("vendor.citation-file-format", ROOT / "CITATION.cff")


def test_the_citation_names_this_version() -> None:
    import gancross

    assert f"version: {gancross.__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")


def test_the_workflow_gives_pull_requests_from_forks_no_rights() -> None:
    workflow = YAML(typ="safe").load(ROOT / "docs" / "github-workflow.yml")
    assert list(workflow["on"]) == ["pull_request"] and workflow["permissions"] == {"contents": "read"}
    benchmark, comment = workflow["jobs"]["benchmark"], workflow["jobs"]["comment"]
    assert "permissions" not in benchmark  # reads only
    assert comment["permissions"] == {"pull-requests": "write"}
    assert "head.repo.full_name == github.repository" in comment["if"]
    assert all("checkout" not in step.get("uses", "") for step in comment["steps"])
    for job in (benchmark, comment):
        for step in job["steps"]:
            assert "${{" not in step.get("run", ""), "what a pull request decides would be run"


def test_the_workflow_s_commands_are_gancross_s() -> None:
    workflow = YAML(typ="safe").load(ROOT / "docs" / "github-workflow.yml")
    scripts = "\n".join(step.get("run", "") for step in workflow["jobs"]["benchmark"]["steps"])
    called = [
        shlex.split(line)
        for line in scripts.replace("\\\n", " ").splitlines()
        if line.startswith("gancross ")
    ]
    assert [words[1] for words in called] == ["benchmark", "report", "gate"]
    for _, name, *arguments in called:
        cli.commands[name].make_context(name, arguments)
