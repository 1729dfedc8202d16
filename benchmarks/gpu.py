"""How long things take on a GPU, and whether the CPU waits for it inside loops; ten minutes.

    python benchmarks/gpu.py                              on CUDA; writes results/gpu.json, prints a table
    python benchmarks/gpu.py --device cpu --small --out /tmp/gpu.json      the same code in a moment

Sections: loops that must not wait; training regularized / not; a cross-test; FID of 50,000 images; referees;
training channels-last / contiguous; training compiled, with and without CUDA graphs / eager.
The record is written after each. A section that fails says so in a line, and the others follow. After
`--minutes` no section and no round is begun that would not end in time. The same command goes on with what
is missing. Exit code 0: all is measured and no loop waits; 1: something failed or a loop waits; 75: nothing
did, but the time was over before all was measured; 5: no such device.

Beside every figure stands what counting floating-point operations of convolutions and matrix products
expects: of a ratio their ratio; of seconds the time in which this device multiplies matrices with as many
operations, in float32 without TF32, as gancross computes. Weights and images are random, which moves no time.
Variants take turns; a ratio is the median over rounds of the ratio within one round.
"""

from __future__ import annotations

import argparse
import gc
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import torch
from gpu_rows.measurements import Bench, Row
from gpu_rows.record import LEFT, Record
from gpu_rows.size import FULL, SMALL, Size
from gpu_rows.waits import Waits, waits

from gancross.errors import GancrossError, first_line
from gancross.machine.devices import full_precision, resolve_device
from gancross.machine.files import check_target
from gancross.trainer.recipes.fields import Setting
from gancross.trainer.recipes.named_recipes import recipe
from gancross.trainer.recipes.recipe import Recipe

RESULT = Path(__file__).parent / "results" / "gpu.json"
MINUTES = 10.0
INTERRUPTED = 130
UNFINISHED = 75  # sysexits' EX_TEMPFAIL: the same command again goes on

Section = Callable[[Bench], Sequence[Row | Waits]]


def sections(size: Size) -> Mapping[str, Section]:
    """All of them by name, quick ones first."""
    return {
        "waits": lambda bench: list(waits(bench.device)),
        **_of_recipes("training", size.recipes, lambda bench, *of: [bench.training(*of)]),
        "cross-test": lambda bench: [bench.cross_test()],
        "fid": lambda bench: [bench.fid()],
        **{
            f"referees {'×'.join(map(str, shape))}": partial(
                lambda bench, shape: [bench.referees(shape)], shape=shape
            ) for shape in size.referees
        },
        **_of_recipes("layout", size.layouts, lambda bench, *of: [bench.layout(*of)]),
        **_of_recipes("compiled", size.compiled, lambda bench, *of: bench.compiled(*of)),
    }  # fmt: skip


def _of_recipes(
    title: str,
    changed: Iterable[tuple[str, dict[str, Setting]]],
    rows: Callable[[Bench, Recipe, dict[str, Setting]], Sequence[Row]],
) -> Mapping[str, Section]:
    """A section for each recipe with its changes."""
    return {
        " ".join([title, name, *(f"{key}={value}" for key, value in changes.items())]): partial(
            lambda bench, name, changes: rows(bench, recipe(name).with_changes(changes), changes),
            name=name, changes=changes,
        ) for name, changes in changed
    }  # fmt: skip


def measured(record: Record, size: Size, device: torch.device, *, seconds: float) -> None:
    """Measures what the record lacks."""
    end = time.monotonic() + seconds

    def left() -> float:
        return end - time.monotonic()

    bench = Bench(device, size, left)
    record.rate = bench.rate
    for name, section in sections(size).items():
        if name in record.sections:
            continue
        if left() <= 0:
            record.fail(name, LEFT)
            continue
        try:
            rows = section(bench)
        except Exception as error:  # whatever a driver, a kernel or too little memory raises
            record.fail(name, f"{type(error).__name__}: {first_line(error)}")
        else:
            record.add(name, rows)
        print(f"{name}: {record.failed.get(name, 'done')}", file=sys.stderr, flush=True)
        gc.collect()
        if device.type == "cuda":
            torch.cuda.empty_cache()


@contextmanager
def one_line() -> Iterator[None]:
    """Inside, an error of gancross ends the program with its exit code and one line."""
    try:
        yield
    except GancrossError as error:
        print(f"Error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("Interrupted; the same command goes on with what is missing", file=sys.stderr)
        sys.exit(INTERRUPTED)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--small", action="store_true", help="a small form of everything, for tests")
    parser.add_argument("--out", type=Path, default=RESULT)
    parser.add_argument("--minutes", type=float, default=MINUTES, help="after which nothing is begun")
    parser.add_argument("--again", action="store_true", help="measure anew what the record has")
    options = parser.parse_args(arguments)
    if not options.minutes >= 0:
        parser.error(f"--minutes must be at least 0, is {options.minutes}")
    with one_line():
        device = resolve_device(options.device)
        check_target(options.out)
        name = torch.cuda.get_device_name(device) if device.type == "cuda" else str(device)
        setting = {
            "device": name,
            "cuda": torch.version.cuda,
            "torch": torch.__version__,
            "small": options.small,
        }
        record = Record.opened(options.out, setting, again=options.again)
        with full_precision():
            measured(record, SMALL if options.small else FULL, device, seconds=60 * options.minutes)
        print(record.table())
    sys.exit(exit_code(record))


def exit_code(record: Record) -> int:
    """What the record says of the run as a whole."""
    left = [section for section, reason in record.failed.items() if reason == LEFT]
    waited = any(row.get("where") for rows in record.sections.values() for row in rows)
    if waited or len(left) < len(record.failed):
        return 1
    if left:
        print(f"{LEFT}: the same command measures the other {len(left)}", file=sys.stderr)
        return UNFINISHED
    return 0


if __name__ == "__main__":
    main()
