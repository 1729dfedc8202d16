"""Runs the speed questions, each in a process of its own, and renews the table of README.md.

python benchmarks/bench.py                     all of them: `make bench`
python benchmarks/bench.py startup frechet     some
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
# With these glibc keeps freed memory, see docs/clusters.md; how often it would fetch pages again is chance.
KEPT_MEMORY = {"MALLOC_TRIM_THRESHOLD_": str(2**31 - 1), "MALLOC_MMAP_THRESHOLD_": str(32 << 20)}


def questions() -> list[str]:
    """The modules of speed/ that record something, by their names with hyphens."""
    modules = {path.stem for path in (HERE / "speed").glob("[!_]*.py")} - {"timing", "steps"}
    return [module.replace("_", "-") for module in sorted(modules)]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("questions", nargs="*", metavar="QUESTION", help=", ".join(questions()))
    asked = parser.parse_args().questions or questions()
    for unknown in set(asked) - set(questions()):
        parser.error(f"no question '{unknown}': choose from {', '.join(questions())}")
    for question in asked:
        started = time.perf_counter()
        module = f"speed.{question.replace('-', '_')}"
        subprocess.run([sys.executable, "-m", module], cwd=HERE, env=KEPT_MEMORY | os.environ, check=True)
        print(f"{question}: {time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True)
    speed_table.main()


if __name__ == "__main__":
    main()
