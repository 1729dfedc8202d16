"""Pairs whose order is known by construction: how often each rule names the right one, the wrong one, nobody.

    python benchmarks/planted.py --part choosing --cifar10 FOLDER     the half of the pairs by which to choose
    python benchmarks/planted.py --part reporting --cifar10 FOLDER    the half that reports
    python benchmarks/planted.py --part beside                        checkpoints, truncated latents, copies
    python benchmarks/planted.py --group crossing --cifar10 FOLDER    one group of pairs in both halves
    python benchmarks/planted.py --tenth --part reporting             a tenth of the referees' steps
    python benchmarks/planted.py --table                              only the counts of what was judged

*Nested* pairs have more and less of one fault, *equal* ones none or the same, *crossing* ones fine noise
against left-out clusters. Faults are planted in training samples. On vectors each contestant has a
discriminator of its own, too. How far two sets truly differ is taken from the same pair in other replicates.

Every pair is one line of the record, written as soon as it is judged; lines of today's referee protocol and κ
are not judged again, and all counts are made from them. Trained referees are cached, so that a new κ or a new
rule costs seconds a pair. All of `quick` takes about four hours of processor time.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any, get_args

import torch
from environment import machine, versions
from planted_pairs.beside import BesidePair, beside_pairs
from planted_pairs.counts import claims, summary
from planted_pairs.data_sets import PARTS, Replicate, Source, sources
from planted_pairs.design import GROUPS, Group, PlannedPair, planned_pairs
from planted_pairs.faults import FITTED
from planted_pairs.records import SHORTENED, Call, Line, PairOptions, append, lines, record
from planted_pairs.site import Site
from planted_pairs.tables import tables

from gancross.evaluator.referees.protocol import Budget, Form
from gancross.machine.files import write_atomically

RESULTS = Path(__file__).parent / "results"
CACHE = Path("build/planted-cache")
BESIDE = "beside"
SHAPES: Mapping[Form, tuple[int, ...]] = {"vectors": (2,), "small images": (1, 8, 8), "images": (3, 32, 32)}
Key = tuple[str, str, int, str, str]


def key(line: Line) -> Key:
    """Which pair a record is of, and in which setting."""
    return line["data"], line["part"], line["replicate"], line["pair"], line["setting"]


def planted_lines(
    name: str,
    source: Source,
    parts: Sequence[str],
    options: PairOptions,
    known: set[Key],
    *,
    groups: Sequence[Group],
    most_replicates: int,
) -> Iterator[Line]:
    """The records of a data set that are not known, as they are made."""
    common = source.material(0).pool[:FITTED]
    for part in (part for part in PARTS if part in parts):
        for number in range(min(source.replicates, most_replicates)):
            replicate = Replicate(part=part, number=number)
            site = Site(name, replicate, source.material(replicate.index), common=common)
            setting = options.setting(site.reals.shape)
            for pair in planned_pairs(site.reals.shape):
                if pair.group in groups and (name, part, number, str(pair), setting) not in known:
                    yield planted_line(site, pair, options)


def planted_line(site: Site, pair: PlannedPair, options: PairOptions) -> Line:
    """The record of one planted pair."""
    first, second = site.contestants(pair)
    sets = {first.name: pair.first, second.name: pair.second}
    head = {
        "data": site.data, "part": site.replicate.part, "replicate": site.replicate.number,
        "group": pair.group, "pair": str(pair), "kind": pair.second.kind, "first": first.name,
        "nearer": first.name if pair.group == "nested" else None,
        "contestants": {name: str(planted) for name, planted in sorted(sets.items())},
        "fidelity": {name: site.fidelity(planted) for name, planted in sorted(sets.items())},
    }  # fmt: skip
    call = Call(
        reals=site.reals, training=site.material.null, options=options, seed=site.seed,
        num_samples=site.material.num_samples,
    )  # fmt: skip
    return record(head, (first, second), call)


def beside_line(pair: BesidePair, options: PairOptions) -> Line:
    """The record of a pair that is not counted."""
    head = {
        "data": pair.data, "part": BESIDE, "replicate": 0, "group": BESIDE, "pair": str(pair),
        "kind": pair.kind, "first": "a", "nearer": None, "contestants": pair.meanings, "fidelity": {},
    }  # fmt: skip
    return record(head, pair.contestants(), pair.call(options))


def beside_lines(folder: Path, data: Sequence[str], options: PairOptions, known: set[Key]) -> Iterator[Line]:
    """Those records that are not known."""
    for pair in beside_pairs(folder):
        setting = options.setting(pair.call(options).reals.shape)
        if pair.data in data and (pair.data, BESIDE, 0, str(pair), setting) not in known:
            yield beside_line(pair, options)


def counted(path: Path, options: PairOptions, groups: Sequence[str]) -> dict[str, Any]:
    """Counts and claims of all lines of today's setting and of these groups."""
    settings = {form: options.setting(shape) for form, shape in SHAPES.items()}
    current = {
        key(line): line for line in lines(path)
        if line["setting"] in settings.values() and line["group"] in groups
    }  # fmt: skip
    counts = summary(list(current.values()))
    return {
        "budget": options.budget, "divisor": options.divisor, "settings": settings, "machine": machine(),
        "versions": versions("torch", "numpy", "scipy"), **counts,
        "claims": claims(counts, shortened=options.divisor != 1),
    }  # fmt: skip


def judge(arguments: argparse.Namespace, options: PairOptions) -> None:
    """Judges the pairs that are asked for and not known, and prints a line for each."""
    known_sources = sources(arguments.cifar10)
    chosen = {name: known_sources[name] for name in arguments.data or known_sources}
    parts = arguments.part or (*PARTS, BESIDE)
    known = {key(line) for line in lines(arguments.lines)}
    of_parts = [
        planted_lines(
            name,
            source,
            parts,
            options,
            known,
            groups=arguments.group or GROUPS,
            most_replicates=arguments.replicates,
        )
        for name, source in chosen.items()
    ]
    if BESIDE in parts:
        of_parts.append(beside_lines(arguments.cache / "runs", list(chosen), options, known))
    for number, line in enumerate(islice(chain.from_iterable(of_parts), arguments.most), start=1):
        append(arguments.lines, line)
        place = f"{line['data']} {line['part']} {line['replicate']}"
        outcome = f"{line['answer']}, nearer {line['nearer']}, named {line['named']}"
        print(f"{number}: {place}, {line['pair']}: {outcome}, {line['seconds']:.0f} s", flush=True)


def main() -> int:
    """Judges what is missing, prints and writes the counts; 1 if a claim is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cifar10", type=Path, help="folder with train/ and test/")
    parser.add_argument("--data", action="append", help="only these data sets")
    parser.add_argument("--part", action="append", choices=(*PARTS, BESIDE), help="only these parts")
    parser.add_argument("--group", action="append", choices=GROUPS, help="judge and count only these groups")
    parser.add_argument("--budget", choices=get_args(Budget), default="quick")
    parser.add_argument("--tenth", action="store_true", help="a tenth of the budget's steps")
    parser.add_argument("--most", type=int, help="judge at most so many pairs in this call")
    parser.add_argument("--replicates", type=int, default=2, help="of a data set in a part, at most")
    parser.add_argument("--jobs", type=int, default=1, help="processes in which referees train")
    parser.add_argument("--cache", type=Path, default=CACHE, help="folder of trained referees and of runs")
    parser.add_argument("--lines", type=Path, default=RESULTS / "planted-pairs.jsonl")
    parser.add_argument("--out", type=Path, help="by default planted[-tenth][-GROUP].json")
    parser.add_argument("--table", action="store_true", help="only count")
    arguments = parser.parse_args()
    os.environ["GANCROSS_CACHE"] = str(arguments.cache.absolute())
    torch.set_num_threads(1)
    options = PairOptions(
        budget=arguments.budget, divisor=SHORTENED if arguments.tenth else 1, workers=arguments.jobs
    )
    if not arguments.table:
        judge(arguments, options)
    document = counted(arguments.lines, options, arguments.group or (*GROUPS, BESIDE))
    words = ("planted", *(["tenth"] if arguments.tenth else []), *(arguments.group or []))
    out = arguments.out or RESULTS / f"{'-'.join(words)}.json"
    write_atomically(out, (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode())
    print(tables(document))
    return 0 if all(claim["met"] for claim in document["claims"]) else 1


if __name__ == "__main__":
    sys.exit(main())
