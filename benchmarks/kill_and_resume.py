"""Is a run that SIGKILL stops at any moment, also inside a save, at its end what it would have been?

    python benchmarks/kill_and_resume.py --out benchmarks/results/kill-and-resume.json

Half of the kills come at random moments of a short run, half inside a save: the run kills itself at a
chosen point of the n-th save. Each killed run is started again. It must go on from the newest checkpoint
that was whole when it was killed, and end with the files of an uninterrupted run and no others, bit by bit:
networks, optimizers, pictures, and the log without its timings. Then other commands are killed in the same
way (`killed_commands.py`), a twentieth of the kills each.

Every run is a process of its own, forked from this one, which has imported torch but only reads checkpoints
with it and has one thread (checked before every fork): there is no pool, lock or generator whose state a
fork could tear, and what is killed is all that a process of `gancross train` holds. The picture of the
mixture is replaced by its points, since drawing takes longer than all the rest; it is written all the same.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NoReturn
from unittest import mock

os.environ["OMP_NUM_THREADS"] = "1"

import torch
import torch._dynamo  # optimizers import it at their first step, which takes seconds
from deadly_saves import BETWEEN, POINTS, Plan, Reporter, Trap
from environment import machine, versions
from killed_commands import COMMANDS, CommandTally, prepare
from killed_commands import measure as measure_command

from gancross.checkpoint.file import load
from gancross.trainer.loop import train
from gancross.trainer.recipes.named_recipes import recipe

STEPS, EVERY = 40, 4
RECIPE = recipe("mixture").with_changes({"width": 8, "batch_size": 32, "steps": STEPS})
TIMED = ("log.jsonl", "status.json")  # files that hold times
LIBRARIES = ("torch", "numpy", "filelock")
OUT = Path(__file__).parent / "results" / "kill-and-resume.json"


@dataclass(kw_only=True)
class Progress:
    """Last steps that a run reported: logged, saves begun and ended, checkpoints complete on disk."""

    writing: int = 0
    resumed: int = 0
    logged: int = 0
    saving: int = 0
    saved: int = 0
    whole: int = 0


@dataclass(kw_only=True)
class Tally:
    """The outcomes of all kills."""

    kills: int = 0
    at_random: int = 0
    at_random_inside_a_save: int = 0
    inside_a_save: dict[str, int] = field(default_factory=lambda: dict.fromkeys(POINTS, 0))
    resumed_at_the_newest_whole_checkpoint: int = 0
    before_the_first_checkpoint: int = 0
    with_an_unfinished_file_left: int = 0
    most_steps_done_again: int = 0
    identical_at_the_end: int = 0


def run(folder: Path, plan: Plan) -> tuple[int, Progress]:
    """One run in a separate process: its wait status and its reported progress."""
    threads = len(os.listdir("/proc/self/task")) if sys.platform == "linux" else 1
    assert threads == 1, f"{threads} threads: a fork would copy one of them"
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        _train_and_exit(folder, plan, Reporter(write_end))
    os.close(write_end)
    if plan.delay is not None:
        time.sleep(plan.delay)
        os.kill(child, signal.SIGKILL)  # not yet waited for: the number is still the child's
    with os.fdopen(read_end) as messages:
        events = [line.split() for line in messages]
    progress = Progress(**{name: max(int(step) for key, step in events if key == name) for name, _ in events})
    return os.waitpid(child, 0)[1], progress


def raw_points(samples: torch.Tensor, *, title: str, columns: int | None) -> bytes:
    """In place of a picture."""
    return bytes(samples.numpy().tobytes())


def _train_and_exit(folder: Path, plan: Plan, reporter: Reporter) -> NoReturn:
    code = 1
    try:
        torch.set_num_threads(1)
        with mock.patch("gancross.trainer.run.log.picture", raw_points):
            Trap(plan, reporter).set()
            train(
                RECIPE, folder, device="cpu", checkpoint_every=EVERY, log_every=1, observers=[reporter]
            )  # fmt: skip
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def plain(value: Any) -> object:
    """A checkpoint as bytes and containers, for comparison bit by bit."""
    if isinstance(value, torch.Tensor):
        return str(value.dtype), tuple(value.shape), value.numpy().tobytes()
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value


def content(folder: Path) -> dict[str, object]:
    """Every file of a run by its name, without timings, for comparison with the reference."""
    files = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    log = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return {
        **{
            name: plain(vars(load(path))) if path.suffix == ".pt" else path.read_bytes()
            for name, path in files.items()
            if name not in TIMED
        },
        "log": [{key: line[key] for key in line if key != "samples_per_second"} for line in log],
        "status": json.loads((folder / "status.json").read_text())["status"],
    }


def one_kill(folder: Path, plan: Plan, reference: dict[str, object], tally: Tally) -> bool:
    """Kills a run and resumes it; False if it ended before the kill."""
    status, progress = run(folder, plan)
    if not os.WIFSIGNALED(status):
        assert plan.delay is not None, f"never killed: {plan}"
        return False
    inside = progress.saving > progress.saved
    tally.kills += 1
    if plan.delay is None:
        assert inside, f"not inside a save: {plan}"
        tally.inside_a_save[plan.point] += 1
    else:
        tally.at_random += 1
        tally.at_random_inside_a_save += inside
    tally.before_the_first_checkpoint += progress.whole == 0
    tally.with_an_unfinished_file_left += any(folder.rglob("*.tmp"))
    status, after = run(folder, Plan())
    assert status == 0, f"not resumed: {plan}"
    # The process can die between completing a checkpoint and reporting it.
    latest = progress.whole if plan.delay is None else max(progress.whole, progress.saving)
    tally.resumed_at_the_newest_whole_checkpoint += progress.whole <= after.resumed <= latest
    tally.most_steps_done_again = max(tally.most_steps_done_again, progress.logged - after.resumed)
    tally.identical_at_the_end += content(folder) == reference
    return True


def plans(kills: int, seed: int, duration: float) -> list[Plan]:
    """Alternately inside a save, the points in turn, and at a random moment."""
    rng = random.Random(seed)
    result = []
    for number in range(kills):
        point = POINTS[number // 2 % len(POINTS)]
        file = "last.pt" if point == BETWEEN else rng.choice(["step", "last.pt"])
        inside = Plan(point=point, file=file, save=rng.randint(1, STEPS // EVERY))
        result.append(inside if number % 2 == 0 else Plan(delay=rng.uniform(0, duration)))
    return result


def measure(kills: int, seed: int, root: Path) -> Tally:
    """All kills, each on a run of its own."""
    started = time.perf_counter()
    assert run(root / "reference", Plan())[0] == 0
    duration = time.perf_counter() - started
    reference = content(root / "reference")
    tally = Tally()
    for plan in plans(kills, seed, duration):
        attempt = plan
        while not one_kill(root / "run", attempt, reference, tally):
            assert plan.delay is not None
            shutil.rmtree(root / "run")
            duration = (attempt.delay or duration) * 0.9  # the run was faster: kill earlier
            attempt = Plan(delay=duration)
        shutil.rmtree(root / "run")
        if tally.kills % 20 == 0:
            print(f"{tally.kills} kills, {tally.identical_at_the_end} ended identical", file=sys.stderr)
    return tally


def main() -> int:
    """Measures, prints and writes the record; 1 if a run lost more than it may."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--commands", nargs="*", choices=COMMANDS, default=list(COMMANDS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as root:
        tally = measure(arguments.kills, arguments.seed, Path(root))
        prepare(Path(root), Path(root) / "reference", STEPS)
        commands: dict[str, CommandTally] = {}
        for name in arguments.commands:
            kills = max(2, arguments.kills // 20)
            commands[name] = measure_command(name, kills, arguments.seed, Path(root))
            print(f"{name}: {commands[name]}", file=sys.stderr)
    record = asdict(tally) | {
        "run": {"recipe": RECIPE.method, "checkpoint_every": EVERY, "log_every": 1},
        "commands": {name: asdict(counts) for name, counts in commands.items()},
        "seed": arguments.seed,
        "seconds": round(time.perf_counter() - started, 1),
        "versions": versions(*LIBRARIES),
        "machine": machine(),
    }
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(record, indent=1) + "\n")
    print(json.dumps(record, indent=1))
    passed = tally.resumed_at_the_newest_whole_checkpoint == tally.identical_at_the_end == arguments.kills
    passed &= all(
        counts.no_file_half_there == counts.identical_at_the_end == counts.kills
        for counts in commands.values()
    )
    return 0 if passed and tally.most_steps_done_again <= EVERY else 1


if __name__ == "__main__":
    sys.exit(main())
