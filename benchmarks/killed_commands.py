"""Commands that SIGKILL stops while they write: `kill_and_resume.py` starts each again and compares the ends.

Half of the kills come inside the writing of a file, half at random moments. After each kill no file may be
half there, and the same command again must end with the files of an unbroken one, but for times. What a
killed write leaves is a hidden `.tmp` file.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn
from unittest import mock

import numpy as np
from deadly_saves import BETWEEN, POINTS, Plan, Reporter, Trap

from gancross.checkpoint.file import load
from gancross.cli.main import main
from gancross.evaluator import refereeing
from gancross.evaluator.referees import options
from gancross.evaluator.referees.protocol import BUDGETS
from gancross.report.browser.samples import HEAD

MARK = b"tEXtgancross record\0"
MARK_LENGTH = 12 + len("gancross record") + 1 + 64
BENCHMARK = """
recipe = "mixture"
set = {{ width = 8, batch_size = 32, steps = {steps} }}
[variants.penalized]
gamma = 0.1
[variants.plain]
regularizer = "none"
[crosstest]
num_samples = 300
"""
MODELS = ("a=../inputs/run/last.pt", "b=../inputs/run/checkpoints/step-0000000004.pt", "-n", "300", "-q")
COMMANDS: dict[str, tuple[str, ...]] = {
    "export": ("export", "../inputs/run/last.pt", "--out", "shared.safetensors", "-q"),
    "report": (
        "report", "../inputs/result.json", "--html", "r.html", "--markdown", "r.md", "--junit", "r.xml",
        "--pictures", "pictures", "--format", "svg", "-q",
    ),
    "cache": (
        "crosstest", *MODELS, "--referees", "none", "--metrics", "fid,kid,pr", "--kid-subset-size", "100",
        "--json", "result.json",
    ),
    "referee": ("referee", *MODELS, "--json", "result.json"),
    "benchmark": ("benchmark", "../inputs/two.toml", "--out", "two", "--device", "cpu", "-q"),
}  # fmt: skip
MOMENT: dict[str, Any] = {"steps": 40, "seeds": 1, "batch_size": 32, "width": 8}  # of a referee
IN_USE = 5  # exit code: runs of a killed benchmark end by themselves
PATIENCE = 120.0  # seconds


@dataclass(kw_only=True)
class CommandTally:
    """The outcomes of all kills of one command."""

    kills: int = 0
    inside_a_write: int = 0
    no_file_half_there: int = 0
    with_an_unfinished_file_left: int = 0
    identical_at_the_end: int = 0


def prepare(root: Path, run: Path, steps: int) -> None:
    """The inputs of the commands, with the run of the other kills."""
    (root / "inputs").mkdir()
    shutil.copytree(run, root / "inputs" / "run")
    (root / "inputs" / "two.toml").write_text(BENCHMARK.format(steps=steps), encoding="utf-8")
    arguments = ("crosstest", *MODELS, "--referees", "none", "--json", "../inputs/result.json")
    (root / "first").mkdir()
    assert waited(started(root / "first", arguments, Plan())) == 0


def measure(name: str, kills: int, seed: int, root: Path) -> CommandTally:
    """Kills a command so often, each time from an empty folder."""
    rng, tally, arguments = random.Random(f"{seed} {name}"), CommandTally(), COMMANDS[name]
    begun = time.perf_counter()
    end, writes = reference(root, arguments)
    duration = time.perf_counter() - begun
    while tally.kills < kills:
        inside = tally.kills % 2 == 0
        point = rng.choice([point for point in POINTS if point != BETWEEN])
        plan = (
            Plan(point=point, save=rng.randint(1, writes)) if inside else Plan(delay=rng.uniform(0, duration))
        )
        folder = root / name
        folder.mkdir()
        status = waited(started(folder, arguments, plan), delay=plan.delay)
        if os.WIFSIGNALED(status):
            tally.kills += 1
            tally.inside_a_write += inside
            tally.no_file_half_there += all(is_whole(path) for path in files(folder))
            tally.with_an_unfinished_file_left += any(folder.rglob("*.tmp"))
            deadline = time.monotonic() + PATIENCE
            while (status := waited(started(folder, arguments, Plan()))) and time.monotonic() < deadline:
                assert os.waitstatus_to_exitcode(status) == IN_USE, f"not resumed: {name}, {plan}"
                time.sleep(0.5)
            last = content(folder)
            tally.identical_at_the_end += status == 0 and last == end
            different = sorted(name for name in last.keys() | end.keys() if last.get(name) != end.get(name))
            if different:
                print(f"{name}, {plan}: other files at the end: {different}", file=sys.stderr)
        else:
            assert not inside, f"never killed: {name}, {plan}"
            duration *= 0.9  # the command was faster: kill earlier
        shutil.rmtree(folder)
    return tally


def reference(root: Path, arguments: Iterable[str]) -> tuple[dict[str, object], int]:
    """The files of an unbroken command, and how many writes it made."""
    folder = root / "reference-of-a-command"
    folder.mkdir()
    # A file: a pipe ends only once all that the command has started is gone, too.
    with tempfile.TemporaryFile("w+") as events:
        assert waited(started(folder, arguments, Plan(), reporter=Reporter(events.fileno()))) == 0
        events.seek(0)
        writes = sum(line.startswith("writing") for line in events)
    end = content(folder)
    shutil.rmtree(folder)
    return end, writes


def started(folder: Path, arguments: Iterable[str], plan: Plan, *, reporter: Reporter | None = None) -> int:
    """The process of a command in a folder, whose cache is its own."""
    child = os.fork()
    if child == 0:
        _run_and_exit(folder, list(arguments), plan, reporter)
    return child


def waited(child: int, *, delay: float | None = None) -> int:
    """The wait status of a process, which is killed after so many seconds."""
    if delay is not None:
        time.sleep(delay)
        os.kill(child, signal.SIGKILL)  # not yet waited for: the number is still the child's
    return os.waitpid(child, 0)[1]


def _run_and_exit(folder: Path, arguments: list[str], plan: Plan, reporter: Reporter | None) -> NoReturn:
    code: object = 1
    short = {
        budget: {form: replace(protocol, **MOMENT) for form, protocol in forms.items()}
        for budget, forms in BUDGETS.items()
    }
    try:
        os.chdir(folder)
        os.environ["GANCROSS_CACHE"] = str(folder / "cache")
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        Trap(plan, reporter or Reporter(os.open(os.devnull, os.O_WRONLY))).set()
        with (
            mock.patch.object(options, "BUDGETS", short),
            mock.patch.object(refereeing, "default_workers", return_value=1),
        ):
            main(arguments)
    except SystemExit as left:
        code = left.code
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 0)


def files(folder: Path) -> list[Path]:
    """All files but unfinished ones and locks."""
    hidden = (".tmp", ".lock")
    return sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.endswith(hidden))


def content(folder: Path) -> dict[str, object]:
    """Every file without times, for comparison with the reference."""
    return {str(path.relative_to(folder)): READERS.get(path.suffix, Path.read_bytes)(path)
            for path in files(folder)}  # fmt: skip


def is_whole(path: Path) -> bool:
    """Whether a file can be read to its end."""
    try:
        READERS.get(path.suffix, Path.read_bytes)(path)
    except Exception:
        return False
    return path.stat().st_size > 0


def checkpoint(path: Path) -> object:
    """A checkpoint's parts as text and bytes."""
    return repr(vars(load(path)))


def document(path: Path) -> object:
    """A record without its provenance; of a run's status what does not depend on the time."""
    entries = json.loads(path.read_text(encoding="utf-8"))
    return {key: entries[key] for key in entries if key not in ("provenance", "pid", "time")}


def log(path: Path) -> object:
    """The lines of a log without their rates; the last may be half there, and is dropped by who goes on."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    parsed = [json.loads(line) for line in lines if line.endswith("\n")]
    return [{key: line[key] for key in line if key != "samples_per_second"} for line in parsed]


def page(path: Path) -> object:
    """That a report ends as it should: those of two calls differ in their times and so in their pictures."""
    text = path.read_text(encoding="utf-8").rstrip()
    if not text.endswith("</html>"):
        raise ValueError(f"{path}: cut off")
    return len(text.splitlines())


def picture(path: Path) -> object:
    """The pixels' chunks of a PNG without the mark of its record."""
    png = path.read_bytes()
    if not png.endswith(b"IEND\xaeB`\x82"):
        raise ValueError(f"{path}: cut off")
    marked = png.startswith(MARK, HEAD + 4)
    return png[:HEAD] + png[HEAD + MARK_LENGTH :] if marked else png


def arrays(path: Path) -> object:
    """All arrays of an archive."""
    with np.load(path, allow_pickle=False) as archive:
        return {name: (str(archive[name].dtype), archive[name].tobytes()) for name in archive.files}


READERS: dict[str, Callable[[Path], object]] = {
    ".pt": checkpoint, ".safetensors": Path.read_bytes, ".json": document, ".jsonl": log, ".html": page,
    ".png": picture, ".npz": arrays,
}  # fmt: skip
