"""Runs the speed questions, each in a process of its own, and says which rows moved since the last record.

    python benchmarks/bench.py                     all of them, ten minutes on two quiet cores: `make bench`
    python benchmarks/bench.py startup frechet     these two, in their part of that time
    python benchmarks/bench.py --full              all of them; compiler, referees of large images: hours
    python benchmarks/bench.py --out build/bench   the same without renewing the records and the table

A question's record in `results/` and the table of README.md are renewed when the question ends, so that an
interrupted run leaves those of the questions before. At the end the rows are listed that moved by more than
their spread (`speed_changes.moved`), that are new or gone, and that miss their goals. Rows of a record of
another machine are not compared. A question has its part of the time that is left; every row has a least
number of rounds, so that on a slow or busy machine all takes longer. Times on the clock (of two threads, and
of the start) move with what works beside.

Exit codes: 0 all questions were measured, whatever moved; 1 one of them failed; 2 the command line is wrong;
6 with `--fail-if-slower`, a row became slower, or takes more memory, by more than its spread;
130 interrupted.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import speed_table
from environment import machine
from speed_changes import Changes, described, same_machine

HERE = Path(__file__).parent
RESULTS = HERE / "results"
# With these glibc keeps freed memory (docs/how-to/clusters.md); how often it would fetch pages again is
# chance.
KEPT_MEMORY = {"MALLOC_TRIM_THRESHOLD_": str(2**31 - 1), "MALLOC_MMAP_THRESHOLD_": str(32 << 20)}
MINUTES = 9.5  # ten with the last rounds, which begin within their time
# Of these minutes the seconds of every question, the start of its process included; None: with --full or by
# name alone, for as long as it takes. The names are those of the modules of speed/.
SECONDS: Mapping[str, float | None] = {
    "closed-form": 35,
    "compiled": None,
    "crosstest": 81,
    "frechet": 40,
    "labels": 32,
    "long-run": None,
    "matrix-products": 12,
    "metrics": 38,
    "penalties": 42,
    "referees": 65,
    "referees-full": None,
    "regularized-step": 85,
    "startup": 8,
    "statistics": 36,
    "tournament": 95,
}
SLOWER, INTERRUPTED = 6, 130


def run_question(question: str, seconds: float, out: Path) -> bool:
    """Measures a question in a process of its own, which writes its record; False: it failed."""
    command = [sys.executable, "-m", f"speed.{question.replace('-', '_')}", "--out", str(out.resolve())]
    command += ["--seconds", f"{seconds:.1f}"]
    return subprocess.run(command, cwd=HERE, env=KEPT_MEMORY | os.environ, check=False).returncode == 0


def chosen_questions(names: Sequence[str], *, full: bool) -> list[str]:
    """Those named, each once; by default those that have their seconds, and with `full` all."""
    return list(dict.fromkeys(names)) or [
        name for name, seconds in SECONDS.items() if full or seconds is not None
    ]


def shares(
    questions: Sequence[str], minutes: float, clock: Callable[[], float] = time.perf_counter
) -> Iterator[tuple[str, float, float]]:
    """Every question with its seconds and all that are left, when its turn comes: its part of these.

    Of fewer questions than all the minutes are their part. Questions without seconds have none, and what they
    took is no time of the others.
    """
    weights = {question: SECONDS[question] or 0.0 for question in questions}
    whole = sum(seconds for seconds in SECONDS.values() if seconds is not None)
    left = 60 * minutes * sum(weights.values()) / whole
    for number, question in enumerate(questions):
        still = sum(weights[other] for other in questions[number:])
        share = left * weights[question] / still if weights[question] else 0.0
        started = clock()
        yield question, share, left
        if weights[question]:
            left = max(0.0, left - (clock() - started))


def read_record(folder: Path, question: str) -> dict[str, Any] | None:
    """A question's record, where there is one.

    Raises:
        ValueError: the file holds no such record.
    """
    path = folder / f"speed-{question}.json"
    if not path.exists():
        return None
    try:
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        Changes().take_in(document, document)  # these two read all that a comparison reads
        described(document)
        json.dumps(document, allow_nan=False)  # of NaN no row would have moved
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path}: is no record of a speed question ({type(error).__name__})") from error
    if document["question"] != question:
        raise ValueError(f"{path}: is the record of another question, {document['question']}")
    return document


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    questions = chosen_questions(options.questions, full=options.full)
    load, cores = os.getloadavg()[0], os.cpu_count() or 1
    if load > 0.5:
        _say(
            f"other processes work beside, load {load:.1f} on {cores} cores: spreads are wider, and what is"
            " measured on the clock (two threads, the start) takes longer"
        )
    started = time.perf_counter()
    changes, failed, interrupted = Changes(), list[str](), False
    try:
        for number, (question, share, left) in enumerate(shares(questions, options.minutes), start=1):
            takes = f"{share:.0f} s" if share else "as long as it takes"
            _say(f"{question} ({number} of {len(questions)}): {takes}; {left / 60:.1f} minutes left")
            before = read_record(options.against, question)
            if not run_question(question, share, options.out):
                failed.append(question)
                continue
            after = read_record(options.out, question)
            assert after is not None
            if options.out.resolve() == RESULTS.resolve():
                speed_table.main()
            changes.take_in(before, after)
    except KeyboardInterrupt:
        interrupted = True
    print("\n".join(changes.lines()))
    _say(f"{(time.perf_counter() - started) / 60:.1f} minutes; records in {options.out}")
    if failed:
        _say(f"failed: {', '.join(failed)}")
    if interrupted:
        _say("interrupted: the questions that had not ended keep their records")
        return INTERRUPTED
    return 1 if failed else SLOWER if options.fail_if_slower and changes.slower else 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("questions", nargs="*", metavar="QUESTION", help=", ".join(SECONDS))
    parser.add_argument("--full", action="store_true", help="also the questions that take hours")
    parser.add_argument(
        "--minutes", type=float, default=MINUTES, help=f"for all questions (default: {MINUTES})"
    )
    parser.add_argument(
        "--out", type=Path, default=RESULTS, help="folder of the new records (default: renew results/)"
    )
    parser.add_argument(
        "--against", type=Path, default=RESULTS, help="folder of the records before (default: results/)"
    )
    parser.add_argument(
        "--fail-if-slower", action="store_true", help="exit code 6 if a row moved to more time or memory"
    )
    options = parser.parse_args(arguments)
    for unknown in set(options.questions) - set(SECONDS):
        parser.error(f"no question '{unknown}': choose from {', '.join(SECONDS)}")
    if not 0 < options.minutes < math.inf:
        parser.error(f"--minutes must be a number above 0, is {options.minutes}")
    if not options.against.is_dir():
        parser.error(f"--against: {options.against} is no folder")
    here = {"machine": machine()}
    for question in chosen_questions(options.questions, full=options.full):
        try:
            before = read_record(options.against, question)
        except ValueError as error:
            parser.error(str(error))
        if options.fail_if_slower and before is not None and not same_machine(before, here):
            parser.error(
                f"--fail-if-slower: the record of '{question}' in {options.against} is of"
                f" {described(before)}, this machine is {described(here)}: measure here once with --out"
                " FOLDER, then compare with --against FOLDER"
            )
    try:
        options.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        parser.error(f"--out: {options.out} is no folder: {error.strerror}")
    return options


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
