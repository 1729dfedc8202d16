"""What commands that make a result do with it: write what was asked for, then show it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gancross.cli.options import print_screen
from gancross.cli.report import STDOUT, Reports, check_distinct
from gancross.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from gancross.checkpoint.contestant import Contestant
    from gancross.data.sets import DataSet
    from gancross.evaluator.protocol import Protocol
    from gancross.evaluator.result.types import Result


def checked_record(json_out: str | None, reports: Reports) -> Path | None:
    """The file of the record, if any; checks all outputs before long work."""
    from gancross.machine.files import check_target
    from gancross.report.browser.samples import samples_folder

    reports.check()
    if json_out == STDOUT and reports.to_stdout:
        raise UsageError("--json - and --markdown -: standard output can be only one of them")
    if json_out in (None, STDOUT):
        return None
    record = Path(json_out)
    check_target(record)
    check_distinct([record, *reports.files])
    if samples_folder(record).exists() and not samples_folder(record).is_dir():
        raise UsageError(f"{samples_folder(record)}: is a file, expected a folder for sample grids")
    return record


def written(
    result: Result, record: Path | None, reports: Reports, notes: Console, *,
    contestants: Sequence[Contestant], reals: DataSet, protocol: Protocol, device: str,
) -> None:  # fmt: skip
    """Saves the record before anything is drawn, which may fail; then sample grids and reports."""
    from gancross.evaluator.estimates import Missing
    from gancross.machine.devices import resolve_device
    from gancross.report.browser.noise import noise_pictures
    from gancross.report.browser.samples import sample_pictures, write_samples

    if record is not None:
        result.save(record)
    samples = []
    if record is not None or reports.html is not None:
        n, seed, target = protocol.num_samples, protocol.seed, resolve_device(device)
        samples = sample_pictures(contestants, reals, num_samples=n, seed=seed, device=target)
        if not isinstance(result.referees, Missing):
            sigmas = result.referees.protocol.sigmas
            samples += noise_pictures(contestants, reals, sigmas, num_samples=n, seed=seed, device=target)
    if record is not None:
        write_samples(record, samples)
        notes.print(f"record: {record}", soft_wrap=True)
    reports.write(result, samples, notes)


def show(result: Result, reports: Reports, record: Path | None, *, to_json: bool) -> None:
    """Prints the record as JSON, or the first screen where standard output is not Markdown."""
    if to_json:
        sys.stdout.write(result.to_json())
    elif not reports.to_stdout:
        print_screen(result, record)
