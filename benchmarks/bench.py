"""Runs the speed questions, each in a separate process, and updates the table of README.md.

python benchmarks/bench.py                     all of them: `make bench`
python benchmarks/bench.py startup frechet     these two
python benchmarks/bench.py referees --full     the referees, also with the full budget: hours
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

import speed_table

HERE = Path(__file__).parent
# With these glibc keeps freed memory (docs/how-to/clusters.md); how often it would fetch pages again is
# chance.
KEPT_MEMORY = {"MALLOC_TRIM_THRESHOLD_": str(2**31 - 1), "MALLOC_MMAP_THRESHOLD_": str(32 << 20)}


def questions() -> list[str]:
    """The modules of speed/ that write a record, with hyphens in their names."""
    modules = {path.stem for path in (HERE / "speed").glob("[!_]*.py")} - {"timing", "steps"}
    return [module.replace("_", "-") for module in sorted(modules)]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("questions", nargs="*", metavar="QUESTION", help=", ".join(questions()))
    parser.add_argument(
        "--full", action="store_true", help="also what the referees' full budget costs, hours"
    )
    arguments = parser.parse_args()
    questions_to_run = arguments.questions or questions()
    for unknown in set(questions_to_run) - set(questions()):
        parser.error(f"no question '{unknown}': choose from {', '.join(questions())}")
    for question in questions_to_run:
        started = time.perf_counter()
        command = [sys.executable, "-m", f"speed.{question.replace('-', '_')}"]
        command += ["--full"] if arguments.full and question == "referees" else []
        subprocess.run(command, cwd=HERE, env=KEPT_MEMORY | os.environ, check=True)
        print(f"{question}: {time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True)
    speed_table.main()


if __name__ == "__main__":
    main()
