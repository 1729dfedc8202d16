"""Measures κ of `quick`, which holds that of `full`, on data with planted faults; writes what ships.

    python kappa.py --cifar10 FOLDER --jobs 2                  # all of it, hours of processor time
    python kappa.py --data mixture --num-training 1000         # one piece

Each fault of each data set at each number of training reals is one piece; the file is written after each, and
pieces that it holds are not measured again. Reals are held out; faults are planted in training samples.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

import joblib
import referee_data
import torch
from referee_data import Split
from toys import TOYS

from gancross.evaluator.referees.arena import Arena
from gancross.evaluator.referees.budget import MEASURED, Measurement, measurements
from gancross.evaluator.referees.calibration import MULTIPLES, TESTED, FaultPlace, places, planted_fault
from gancross.evaluator.referees.halves import sample_set
from gancross.evaluator.referees.ladder import ladder
from gancross.evaluator.referees.protocol import BUDGETS, VERSION, form_of
from gancross.evaluator.referees.training import Identity

SIZES = (250, 1000, 5000)
SHIPPED = Path(str(files("gancross.evaluator.referees").joinpath("kappa.json")))
DIGITS_HELD_OUT = 898  # half of all


@dataclass(frozen=True, kw_only=True)
class Piece:
    """One fault of one data set at one number of training reals."""

    data: str
    size: int
    place: FaultPlace


def toy_split(name: str, size: int) -> Split:
    """Held-out reals that leave each judge `TESTED` to be tested on, and samples to plant faults in."""
    held_out = 2 * max(size, TESTED)
    return referee_data.toy_split(name, purpose="kappa", held_out=held_out, training=3 * held_out)


def digits_split(size: int) -> Split | None:
    """Half of the digits held out; None where they are too few."""
    held_out, training = referee_data.digits_split(purpose="kappa", held_out=DIGITS_HELD_OUT)
    return None if 2 * size > len(held_out) else Split(held_out[: 2 * size], training)


def folder_split(folder: Path, size: int) -> Split | None:
    """2·size test images as reals, three times as many training images as samples."""
    split = referee_data.folder_split(folder, purpose="kappa", held_out=2 * size, training=6 * size)
    return None if len(split.held_out) < 2 * size else split


def data_sets(cifar10: Path | None) -> Mapping[str, Callable[[int], Split | None]]:
    """How each data set is split, by name."""
    sets: dict[str, Callable[[int], Split | None]] = {name: partial(toy_split, name) for name in TOYS}
    sets["digits"] = digits_split
    if cifar10 is not None:
        sets["CIFAR-10 (JPEG)"] = partial(folder_split, cifar10)
    return sets


def arena_of(reals: torch.Tensor, size: int) -> Arena:
    """Referees on these reals."""
    return Arena(
        reals=sample_set(reals), ladder=ladder(reals), protocol=BUDGETS[MEASURED][form_of(reals.shape[1:])],
        size=size, seed=0, device=torch.device("cpu"),
    )  # fmt: skip


def measured(piece: Piece, split: Callable[[int], Split | None]) -> tuple[Piece, dict[str, Any], float]:
    """G of one planted fault, on one thread, and the processor seconds that it took."""
    torch.set_num_threads(1)
    clock, found = time.process_time(), split(piece.size)
    assert found is not None
    reals, clean = found
    # A fault that leaves samples out needs more clean ones than it keeps: the equal number is what remains.
    arena = arena_of(reals, piece.size)
    fault = planted_fault(
        piece.place, clean, arena, identities=tuple(Identity(seed=0, half=h) for h in (0, 1))
    )
    entry = {
        "kind": fault.kind,
        "severity": fault.severity,
        "g": [[round(g, 5) for g in row] for row in fault.g_TK],
    }
    return piece, entry, time.process_time() - clock


def pieces(
    sets: Mapping[str, Callable[[int], Split | None]], sizes: tuple[int, ...], known: list[dict[str, Any]]
) -> Iterator[Piece]:  # fmt: skip
    """What is not measured yet, the cheap first."""
    have = {
        (entry["data"], entry["num_training"], fault["kind"], fault["severity"])
        for entry in known for fault in entry["faults"]
    }  # fmt: skip
    for size in sizes:
        for name, split in sets.items():
            found = split(size)
            for place in () if found is None else places(found[1]):
                if (name, size, place.kind, place.severity) not in have:
                    yield Piece(data=name, size=size, place=place)


def add(known: list[dict[str, Any]], piece: Piece, entry: dict[str, Any], shape: list[int]) -> None:
    """Puts a fault beside the others of its data set and number."""
    head = {
        "version": VERSION, "budget": MEASURED, "data": piece.data, "shape": shape,
        "num_training": piece.size, "multiples": list(MULTIPLES),
    }  # fmt: skip
    for document in known:
        if {key: document[key] for key in head} == head:
            document["faults"].append(entry)
            return
    known.append({**head, "faults": [entry]})


def text(known: list[dict[str, Any]]) -> str:
    """JSON with a line for each fault."""
    documents = []
    for document in known:
        head = json.dumps({key: value for key, value in document.items() if key != "faults"})
        faults = ",\n  ".join(map(json.dumps, document["faults"]))
        documents.append(f' {head[:-1]}, "faults": [\n  {faults}\n ]}}')
    return "[\n" + ",\n".join(documents) + "\n]\n"


def table(found: tuple[Measurement, ...]) -> str:
    """κ of each measurement, and the fault that decides it."""
    lines = []
    for entry in found:
        lines.append(f"{entry.data:16} {entry.num_training:6} κ {entry.kappa:.2f}")
        for fault in entry.faults:
            d_T = [sum(row) / len(row) for row in fault.g_TK]
            lines.append(f"    {fault.kind:16} {fault.severity:5g}  D " + " ".join(f"{d:.3f}" for d in d_T))
    return "\n".join(lines)


def main() -> None:
    """Measures what is missing and writes it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cifar10", type=Path, help="folder with train/ and test/")
    parser.add_argument("--data", action="append", help="only these data sets")
    parser.add_argument(
        "--num-training", type=int, action="append", help="only these numbers of training reals"
    )
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--out", type=Path, default=SHIPPED)
    parser.add_argument("--table", action="store_true", help="only print what the file holds")
    arguments = parser.parse_args()
    read = json.loads(arguments.out.read_text("utf-8")) if arguments.out.exists() else []
    known = [entry for entry in read if entry["version"] == VERSION]  # others ship no more
    if not arguments.table:
        sets = data_sets(arguments.cifar10)
        sets = {name: sets[name] for name in arguments.data or sets}
        todo = list(pieces(sets, tuple(arguments.num_training or SIZES), known))
        run = joblib.Parallel(n_jobs=arguments.jobs, return_as="generator_unordered")
        tasks = (joblib.delayed(measured)(piece, sets[piece.data]) for piece in todo)
        for number, (piece, entry, seconds) in enumerate(run(tasks), start=1):
            found = sets[piece.data](piece.size)
            assert found is not None
            add(known, piece, entry, list(found[0].shape[1:]))
            arguments.out.write_text(text(known), "utf-8")
            print(f"{number} of {len(todo)}: {piece} {seconds:.0f} s", flush=True)
    print(table(measurements(json.dumps(known))))


if __name__ == "__main__":
    main()
