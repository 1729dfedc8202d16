"""Analyses the runs of a section of the paper, and writes benchmarks/REPRODUCTION.md from all records.

    gancross benchmark benchmarks/paper/fig1.toml --device cpu    # the runs; the same command goes on
    python benchmarks/reproduce.py fig1                           # their record and pictures, and the page
    python benchmarks/reproduce.py                                # the page alone, from the records there are

Runs may be unfinished: the existing checkpoints are analysed, and the record states their progress.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from reproduction import drawings, records
from reproduction.page import PAGE, page
from reproduction.sections import RESULTS, SECTIONS, Section

from gancross.errors import GancrossError
from gancross.machine.files import write_atomically
from gancross.workflow.spec import load_spec


def analyse(section: Section, *, spec_path: Path, out: Path | None, results: Path) -> None:
    """Writes the record and the pictures of one section.

    Raises:
        UsageError: there is nothing to analyse yet.
    """
    spec = load_spec(spec_path)
    folder = out or Path("runs") / spec.name
    started = time.perf_counter()
    record = records.head(section.key, section.command, spec, folder)
    record |= section.analysis(spec, folder)
    record["analysis_seconds"] = time.perf_counter() - started
    record = records.rounded(record)
    content = json.dumps(record, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    write_atomically(results / section.record, (content + "\n").encode())
    section.picture(record, results / f"paper-{section.key}.png")
    for sheet in section.sheets:
        drawings.samples(spec, folder, sheet, results / section.sheet_file(sheet))


def main() -> int:
    """Analyses the named sections, then writes the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "section", nargs="*", choices=[*SECTIONS, []], help="which; none writes the page alone"
    )
    parser.add_argument("--spec", type=Path, help="another spec than the section's own, for a smaller trial")
    parser.add_argument("--out", type=Path, help="the benchmark's folder; runs/NAME by default")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where records and pictures go")
    parser.add_argument("--page", type=Path, default=PAGE)
    arguments = parser.parse_args()
    try:
        for key in arguments.section:
            section = SECTIONS[key]
            analyse(
                section,
                spec_path=arguments.spec or section.spec,
                out=arguments.out,
                results=arguments.results,
            )
    except GancrossError as error:
        print(f"Error: {error}", file=sys.stderr)
        return error.exit_code
    write_atomically(arguments.page, page(arguments.results).encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
