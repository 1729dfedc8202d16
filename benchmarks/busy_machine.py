"""How much longer cross-test, referees and training take beside busy processes than on a quiet machine.

    python benchmarks/busy_machine.py          on a quiet machine, ten pairs; writes results/busy-machine.json
    python benchmarks/busy_machine.py --only referees         this work alone; the record keeps its other rows
    python benchmarks/busy_machine.py --only gancross --pairs 3   the commands `demo` and `benchmark`
    python benchmarks/busy_machine.py --small --pairs 1 --out /tmp/busy.json        the same code, less work

A busy process computes without pause on one core, to which it is pinned. Each kind of work is measured beside
one on every core that this process may use, and beside one on one of two cores; a ratio is the time on the
clock of a busy run / that of the quiet run of its pair, which alternate in order. All work is measured on one
thread; cross-test, referees and training of large networks on as many threads or workers as there are cores,
too; training of large networks, which has two for each core by default, also on so many. Whole commands are
measured by name alone; they choose their threads themselves.
Where every core is busy 2 is ideal. Where one of two is, 4/3 is for work on both, which has 1.5 cores in fair
shares, and 1 for one thread, which takes the quiet core.

Nothing else may run. Where Linux groups processes by session (/proc/sys/kernel/sched_autogroup_enabled is 1),
`nice` lowers the priority of other work within its session alone, and that takes its half of a core.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # as the command `gancross` does, before torch is loaded

from environment import machine, versions
from fresh_referees import arena_and_sets, trained_anew
from joblib.externals.loky import get_reusable_executor
from speed import crosstest as crosstests
from speed.referees import random_samples
from speed.steps import Steps, dcgan, mixture
from speed.timing import Spread, pinned

from gancross.errors import GancrossError
from gancross.evaluator.referees.protocol import BUDGETS
from gancross.machine.files import check_target, write_text
from gancross.trainer.recipes.recipe import Recipe
from gancross.trainer.run.threads import PARTS

RESULT = Path(__file__).parent / "results" / "busy-machine.json"
QUICK = Path(__file__).parent / "quick.toml"
PAIRS = 10
EVERY_CORE, ONE_OF_TWO = "every core", "one of two cores"
BUSY = """
import os, sys
parent = os.getppid()
os.sched_setaffinity(0, {int(sys.argv[1])})
print(flush=True)
while os.getppid() == parent:  # or this process was killed
    sum(range(10_000))
"""

Work = Callable[[], object]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of work.

    Attributes:
        make: the work on so many workers, ready to be called; torch's threads are set around the call.
        divides: whether gancross uses all cores for it by default.
        parts: threads for each core by default, where it does.
        command: whether it is a whole command in processes of its own, which chooses its threads; measured if
            it is named.
    """

    name: str
    make: Callable[[int], Work]
    divides: bool
    parts: int = 1
    command: bool = False

    def threads(self, cores: int) -> list[int]:
        """The numbers that are measured on so many cores."""
        if self.command:
            return [cores]
        return sorted({1, cores, cores * self.parts} if self.divides else {1})


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much work one run is."""

    num_samples: int
    width: int
    referee_samples: int
    referee_steps: int
    steps: int
    mixture_steps: int
    large_width: int
    benchmark: str


FULL = Size(
    num_samples=1000, width=16, referee_samples=2000, referee_steps=200, steps=5, mixture_steps=200,
    large_width=64, benchmark=QUICK.read_text(encoding="utf-8"),
)  # fmt: skip
SMALL = Size(
    num_samples=20, width=2, referee_samples=60, referee_steps=2, steps=1, mixture_steps=1, large_width=4,
    benchmark="""
        recipe = "digits"
        set = { width = 2, batch_size = 8, steps = 2 }
        variants.one = {}
        crosstest = { num_samples = 50, norm_check = false }
    """,
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Case:
    """One kind of work on so many threads (or workers), beside busy processes on some of its cores.

    Attributes:
        most: the median ratio should be at most this.
        ideal: with fair shares of cores and no losses.
    """

    work: str
    threads: int
    busy: str
    most: float
    ideal: float


@dataclass(frozen=True, kw_only=True)
class Row:
    """A case with its ratios busy / quiet, and the seconds of all pairs.

    Attributes:
        load: of the machine before and after: means over one, five and fifteen minutes.
    """

    case: Case
    ratio: Spread
    met: bool
    quiet_seconds: list[float]
    busy_seconds: list[float]
    load: dict[str, tuple[float, float, float]]
    date: str


def cases(kinds: Sequence[Kind], cores: int) -> list[tuple[Case, Kind]]:
    """What is measured on so many cores: beside one busy process on each, and on one of two."""
    result = []
    for kind in kinds:
        for threads in kind.threads(cores):
            case = Case(work=kind.name, threads=threads, busy=EVERY_CORE, most=2.5, ideal=2.0)
            result.append((case, kind))
        for threads in kind.threads(2) if cores >= 2 else []:
            most, ideal = (1.15, 1.0) if threads == 1 else (1.6, 4 / 3)
            case = Case(work=kind.name, threads=threads, busy=ONE_OF_TWO, most=most, ideal=ideal)
            result.append((case, kind))
    return result


def kinds_of(size: Size) -> list[Kind]:
    """Every kind of work of one size."""
    models, reals = crosstests.contestants(2, width=size.width), crosstests.random_images(size.num_samples)
    protocol = replace(BUDGETS["quick"]["vectors"], steps=size.referee_steps)
    arena, sets = arena_and_sets(
        random_samples((3,), size.referee_samples, 0), {"one": random_samples((3,), size.referee_samples, 1)},
        protocol,
    )  # fmt: skip

    def cross_test(workers: int) -> Work:
        return crosstests.product(models, reals, size.num_samples)

    def referees(workers: int) -> Work:
        divided = replace(arena, workers=workers)
        return lambda: trained_anew(sets, divided)

    def training(recipe: Recipe, steps: int) -> Callable[[int], Work]:
        run = Steps(recipe)

        def several() -> None:
            for _ in range(steps):
                run.whole()

        return lambda workers: several

    small = f"training, `dcgan32` of width {size.width}", training(dcgan(size.width, "batch"), size.steps)
    large = f"training, `dcgan32` of width {size.large_width}", training(dcgan(size.large_width, "batch"), 1)
    return [
        Kind(name="cross-test", make=cross_test, divides=True),
        Kind(name="referees", make=referees, divides=True),
        Kind(name="training, `mixture`", make=training(mixture(), size.mixture_steps), divides=False),
        Kind(name=small[0], make=small[1], divides=False),
        Kind(name=large[0], make=large[1], divides=True, parts=PARTS),
        Kind(name="`gancross demo`", make=lambda workers: command("demo"), divides=True, command=True),
        Kind(
            name="`gancross benchmark --jobs`, a job for each core", divides=True, command=True,
            make=lambda workers: command(
                "benchmark", "spec.toml", "--jobs", str(workers), "--device", "cpu",
                specification=size.benchmark,
            ),
        ),
    ]  # fmt: skip


def command(*arguments: str, specification: str = "") -> Work:
    """`gancross` with these arguments and `--out`, in a folder and with a cache of its own each time."""

    def run() -> None:
        with TemporaryDirectory() as folder:
            Path(folder, "spec.toml").write_text(specification, encoding="utf-8")
            subprocess.run(
                [sys.executable, "-m", "gancross", *arguments, "--out", "out", "--quiet"], check=True,
                cwd=folder, env=os.environ | {"GANCROSS_CACHE": f"{folder}/cache"},
                stdout=subprocess.DEVNULL,
            )  # fmt: skip

    return run


@contextmanager
def kept_to(cores: Sequence[int]) -> Iterator[None]:
    """Inside, all threads of this process, and processes that it starts, run on these cores alone."""
    before = os.sched_getaffinity(0)
    _keep_to(set(cores))
    try:
        yield
    finally:
        get_reusable_executor().shutdown()  # workers of referees would stay where they are
        _keep_to(before)


def _keep_to(cores: set[int]) -> None:
    for thread in os.listdir("/proc/self/task"):  # torch's were started before
        os.sched_setaffinity(int(thread), cores)


@contextmanager
def busy(cores: Sequence[int]) -> Iterator[None]:
    """Inside, a process computes without pause on each of these cores."""
    with ExitStack() as stack:
        for core in cores:
            process = subprocess.Popen([sys.executable, "-c", BUSY, str(core)], stdout=subprocess.PIPE)
            stack.enter_context(process)  # waits for its end
            stack.callback(process.kill)
            assert process.stdout is not None
            process.stdout.readline()  # it is pinned and begins
        yield


def measured(case: Case, work: Work, cores: Sequence[int], *, pairs: int) -> Row:
    """Pairs of a quiet and a busy run, which take turns in coming first, after a run that is not counted."""
    used = cores if case.busy == EVERY_CORE else cores[:2]
    loaded = used if case.busy == EVERY_CORE else used[:1]
    times: dict[bool, list[float]] = {False: [], True: []}
    load = os.getloadavg()
    with kept_to(used), pinned(case.threads):
        work()
        for number in range(pairs):
            for is_busy in (False, True) if number % 2 == 0 else (True, False):
                with busy(loaded if is_busy else ()):
                    started = time.perf_counter()
                    work()
                    times[is_busy].append(time.perf_counter() - started)
    ratio = Spread.of([over / under for over, under in zip(times[True], times[False], strict=True)])
    return Row(
        case=case, ratio=ratio, met=ratio.median <= case.most, quiet_seconds=times[False],
        busy_seconds=times[True], load={"before": load, "after": os.getloadavg()},
        date=datetime.now(UTC).date().isoformat(),
    )  # fmt: skip


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Rows of a record as Markdown."""
    lines = ["| work | threads | busy | busy / quiet [quartiles] | ideal | at most | met |", f"|{'---|' * 7}"]
    for row in rows:
        case, ratio = row["case"], row["ratio"]
        lines.append(
            f"| {case['work']} | {case['threads']} | {case['busy']} | {ratio['median']:.2f}"
            f" [{ratio['low']:.2f}, {ratio['high']:.2f}] | {case['ideal']:.2f} | {case['most']:.2f} |"
            f" {'yes' if row['met'] else '**no**'} |"
        )
    return "\n".join(lines)


def key(case: Mapping[str, Any]) -> tuple[str, int, str]:
    """What tells a case from others."""
    return case["work"], case["threads"], case["busy"]


def with_other_rows(
    document: dict[str, Any], before: dict[str, Any], order: Sequence[tuple[str, int, str]]
) -> dict[str, Any]:
    """The record with the rows that it does not have, by what a record before it says.

    Args:
        order: keys of all cases; rows of other cases are dropped.

    Raises:
        ValueError: the two are of different machines, versions, cores or sizes of work.
        KeyError, TypeError, AttributeError: the other is no record.
    """
    for name in ("cores", "small", "machine", "versions"):
        if document[name] != before.get(name):
            raise ValueError(f"its {name}: {before.get(name)}, here: {document[name]}")
    rows = {key(row["case"]): row for row in (*before["rows"], *document["rows"])}
    return {**document, "rows": [rows[each] for each in order if each in rows]}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pairs", type=int, default=PAIRS)
    parser.add_argument("--cores", type=int, help="the first so many of those that this process may use")
    parser.add_argument(
        "--only",
        metavar="WORK",
        help="kinds of work whose name holds this; the record keeps the rows of the others",
    )
    parser.add_argument("--small", action="store_true", help="a small form of everything, for tests")
    parser.add_argument("--out", type=Path, default=RESULT)
    options = parser.parse_args(arguments)
    if not hasattr(os, "sched_setaffinity"):
        parser.error("this system cannot pin processes to cores")
    cores = sorted(os.sched_getaffinity(0))[: options.cores]
    if options.pairs < 1 or (options.cores is not None and options.cores < 1):
        parser.error("--pairs and --cores must be at least 1")
    try:
        check_target(options.out)  # before half an hour of work
    except GancrossError as error:
        parser.error(f"--out: {error}")
    kinds = kinds_of(SMALL if options.small else FULL)
    works = [kind.name for kind in kinds]
    chosen = [kind for kind in kinds if not kind.command] if options.only is None else [
        kind for kind in kinds if options.only in kind.name
    ]  # fmt: skip
    if not chosen:
        parser.error(f"--only {options.only}: the works are {', '.join(works)}")
    order = [key(asdict(case)) for case, _ in cases(kinds, len(cores))]
    document: dict[str, Any] = {
        "rows": [], "cores": len(cores), "small": options.small, "machine": machine(),
        "versions": versions("torch", "numpy", "scipy"),
    }  # fmt: skip
    before = None
    if options.out.exists():
        try:
            before = json.loads(options.out.read_text(encoding="utf-8"))
            table(with_other_rows(document, before, order)["rows"])
        except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
            if options.only is not None:
                parser.error(
                    f"{options.out} is no record, or of another kind ({type(error).__name__}: {error}); name"
                    " another file with --out"
                )
            before = None
    record = document
    for case, kind in cases(chosen, len(cores)):
        row = measured(case, kind.make(case.threads), cores, pairs=options.pairs)
        document["rows"].append(asdict(row))
        record = document if before is None else with_other_rows(document, before, order)
        write_text(options.out, json.dumps(record, indent=1, ensure_ascii=False) + "\n")
        print(table(document["rows"][-1:]).splitlines()[-1], file=sys.stderr, flush=True)
    print(table(record["rows"]))


if __name__ == "__main__":
    main()
