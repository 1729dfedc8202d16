"""README.md and docs/: every command and every piece of Python runs, or is checked as far as it can be.

Each page runs in a folder of its own, line by line, as a reader would type it. Only the amount of work is
smaller, by the tables below; a command that none of them knows fails the test. docs/how-to/models.md and
docs/how-to/extending.md have tests of their own.
"""

from __future__ import annotations

import re
import runpy
import shlex
import shutil
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from command_line import call
from documentation import (
    DOCS,
    FILE,
    PAGES,
    README,
    blocks,
    commands,
    gancross_calls,
    page_name,
    printed_files,
)
from official_formats import write_cifar10
from paths import ROOT
from processes import LIMIT, environment, running
from run_folders import trained_here
from torch.distributed.run import get_args_parser

from gancross.cli.main import cli
from gancross.evaluator import refereeing
from gancross.evaluator.referees.protocol import BUDGETS
from gancross.workflow import benchmark as runner

TUTORIAL, METHODS = DOCS / "tutorial" / "two-dcgans.md", DOCS / "how-to" / "methods.md"
OTHER_TESTS = {DOCS / "how-to" / "models.md", DOCS / "how-to" / "extending.md"}
RUN_HERE = [page for page in PAGES if page not in OTHER_TESTS]

# Options appended to a command so that it is fast; the last of two equal options counts.
SHRUNK = {
    "train": ["--steps", "4", "--set", "batch_size=16", "--device", "cpu"],
    "crosstest": ["-n", "500", "--kid-subset-size", "50", "--device", "cpu"],
    "referee": ["-n", "500", "--device", "cpu"],
    "sample": ["--device", "cpu"],
    "figure": ["-n", "100", "--device", "cpu"],
    "trace": ["-n", "500", "--device", "cpu"],
    "benchmark": ["--jobs", "1", "--device", "cpu"],
}
NARROW = ["--set", "width=4"]  # of gancross's own networks
# Parts of lines whose value follows from SHRUNK, that mean much work, or that need a cluster.
REPLACED = {
    "step-0000012000.pt": "step-0000000004.pt",
    "train.py 300 ": "train.py 4 ",
    "train.py 2000 ": "train.py 4 ",
    "--backend dask --scheduler tcp://node1:8786": "",  # test_benchmark.py has a scheduler
    "--backend ray": "",  # needs a Ray cluster
}
# Parts of a benchmark's file and their replacements.
SMALLER = {
    "seeds = 5": "seeds = 1", "width = 16": "width = 4\nbatch_size = 16", "steps = 2000": "steps = 4",
    "num_samples = 2000": "num_samples = 500",
}  # fmt: skip
# Run by torchrun itself; test_distributed.py tests the other lines, which one process runs here.
UNDER_TORCHRUN = {"torchrun --nproc-per-node 2 -m gancross train digits --out runs/two"}
# Beginnings of lines that are not run, and why; the tests below check what can be checked of them.
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
# Pages whose files a page's commands need, and the commands that they need first.
FILES_OF = {
    "README.md": TUTORIAL, "docs/how-to/ci.md": METHODS, "docs/how-to/clusters.md": METHODS,
}  # fmt: skip
BEFORE = {
    "README.md": [
        "python images.py", "python train.py 4 A.pt", "python train.py 4 B.pt",
        "python docs/examples/images.py",
    ],
    "docs/how-to/reports.md": ["gancross train mixture", "gancross train mixture --regularizer none"],
}  # fmt: skip


def no_run_reason(line: str) -> str | None:
    return next((why for part, why in NOT_RUN.items() if line.startswith(part)), None)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, checkpoints: dict[str, Path]) -> Iterator[Path]:
    """A folder with two checkpoints, the examples and a small CIFAR-10 in its official format."""
    shutil.copytree(DOCS / "examples", tmp_path / "docs" / "examples")
    for name, label in {"A.pt": "digits-plain", "B.pt": "digits-regularized"}.items():
        shutil.copy(checkpoints[label], tmp_path / name)
    (tmp_path / "data").mkdir()
    write_cifar10(tmp_path / "data", monkeypatch, per_batch=8, test=20)
    monkeypatch.setenv("GANCROSS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(runner, "run_as_process", trained_here)
    for form, protocol in BUDGETS["quick"].items():
        monkeypatch.setitem(BUDGETS["quick"], form, replace(protocol, steps=20, seeds=1))
    monkeypatch.setattr(refereeing, "default_workers", lambda device: 1)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.chdir(tmp_path)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", None)).startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.mark.parametrize("page", RUN_HERE, ids=page_name)
def test_every_command_runs(page: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = page_name(page)
    needed = printed_files(FILES_OF[name]) if name in FILES_OF else {}
    for file, text in (needed | printed_files(page)).items():
        (folder / file).write_text(smaller(text) if file.endswith(".toml") else text, encoding="utf-8")
    for line in [*BEFORE.get(name, []), *commands(page)]:
        if no_run_reason(line) is None:
            run(line, folder, capsys)


def smaller(text: str) -> str:
    for part, replacement in SMALLER.items():
        assert part in text
        text = text.replace(part, replacement)
    return text


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
            shrunk = [*arguments, *SHRUNK[arguments[at + 1]], *NARROW]
            with running(["-m", "torch.distributed.run", "--standalone", *shrunk], env=environment()) as run:
                assert run.process.wait(LIMIT) == 0, run.ended().err
            return
        program, arguments = "gancross", arguments[at + 1 :]
    if program == "python":
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "argv", arguments)
            runpy.run_path(arguments[0], run_name="__main__")
        return
    if program == "rm":
        for argument in arguments:
            (folder / argument).unlink()
        return
    assert program == "gancross", f"neither run nor listed: {line}"
    capsys.readouterr()
    narrow = NARROW if arguments[0] == "train" and "--networks" not in arguments else []
    code = call(*arguments, *SHRUNK.get(arguments[0], []), *narrow)
    streams = capsys.readouterr()
    assert code == 0, f"{line}: {streams.err}"
    assert output is None or streams.out, f"{line}: nothing to redirect"


@pytest.mark.parametrize("page", RUN_HERE, ids=page_name)
def test_python_runs(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Blocks that are no files; those that are the commands run, or import."""
    monkeypatch.chdir(tmp_path)
    for block in blocks(page, "python"):
        if FILE.match(block) is None:
            exec(compile(block, page.name, "exec"), {})
            assert capsys.readouterr().out


def test_every_file_of_python_is_used() -> None:
    for page in RUN_HERE:
        pages = [page, *(README for name, needed in FILES_OF.items() if needed == page)]
        used = " ".join(line for needing in pages for line in commands(needing))
        files = {name: text for name, text in printed_files(page).items() if name.endswith(".py")}
        for name in files:
            imported = any(f"from {Path(name).stem} import" in text for text in files.values())
            assert imported or name in used, f"{page_name(page)}: {name}"


def test_every_exception_is_needed() -> None:
    everything = [line for page in RUN_HERE for line in commands(page)]
    for part in [*NOT_RUN, *REPLACED, *UNDER_TORCHRUN]:
        assert any(part in line for line in everything), f"no page has {part}"
    assert {*BEFORE, *FILES_OF} <= {page_name(page) for page in PAGES}


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_every_call_of_gancross_has_options_that_exist(page: Path) -> None:
    """Those that are not run as well, and those in scripts; only extending.md adds names of its own."""
    for name, *arguments in gancross_calls(page):
        assert name in cli.commands, f"{page_name(page)}: gancross {name}"
        cli.commands[name].make_context(name, list(arguments))


def test_what_is_not_run_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for line in [line for page in PAGES for line in commands(page) if no_run_reason(line)]:
        program, *arguments = shlex.split(line)
        if program == "make":
            assert re.search(rf"^{arguments[0]}:", makefile, flags=re.MULTILINE), line
        elif program == "pip":
            (extra,) = re.findall(r"gancross\[(\w+)\]", line)
            assert extra in extras["optional-dependencies"], line
        elif program == "torchrun":
            assert get_args_parser().parse_args(arguments).training_script == "gancross"
        else:
            assert program in ("dask", "ray", "sbatch"), f"neither run nor checked: {line}"
