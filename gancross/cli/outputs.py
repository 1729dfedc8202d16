"""What commands that make a result do with it: write what was asked for, then show it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gancross.cli.options import print_screen
from gancross.cli.report import STDOUT, Reports
from gancross.errors import UsageError
from gancross.machine.streams import write_document

if TYPE_CHECKING:
    from rich.console import Console

    from gancross.checkpoint.contestant import Contestant
    from gancross.cli.contestants import Model
    from gancross.data.sets import DataSet
    from gancross.evaluator.protocol import Protocol
    from gancross.evaluator.result.types import Result
    from gancross.report.browser.samples import Sample


def checked_record(
    json_out: str | None, reports: Reports, *, models: Sequence[Model], others: Sequence[Path] = ()
) -> Path | None:
    """The file of the record, if any; checks all outputs before long work.

    Args:
        models: whose files no output may take the place of.
        others: further outputs.
    """
    from gancross.machine.files import check_name, check_outputs, check_target, is_stream
    from gancross.report.browser.samples import samples_folder

    inputs = [file for model in models for file in model.files]
    reports.check(inputs=inputs)
    if json_out == STDOUT and reports.to_stdout:
        raise UsageError("--json - and --markdown -: standard output can be only one of them")
    record = None if json_out in (None, STDOUT) else Path(json_out)
    if record is None:
        check_outputs([*reports.files, *others], inputs=inputs)
        return None
    check_target(record)
    folder = [] if is_stream(record) else [samples_folder(record)]
    check_outputs([record, *reports.files, *others, *folder], inputs=inputs)
    for path in folder:
        check_name(path)
        if path.exists() and not path.is_dir():
            raise UsageError(f"{path}: is a file, expected a folder for sample grids")
    return record


def written(
    result: Result, record: Path | None, reports: Reports, notes: Console, *,
    contestants: Sequence[Contestant], reals: DataSet, protocol: Protocol, device: str,
) -> None:  # fmt: skip
    """Saves the record before anything is drawn, which may fail; then sample grids and reports.

    An output that cannot be written costs no other; streams, which may wait for a reader, come last.
    """
    from gancross.evaluator.estimates import Missing
    from gancross.machine.devices import resolve_device
    from gancross.machine.files import every_output, is_stream
    from gancross.report.browser.noise import noise_pictures
    from gancross.report.browser.sample_pictures import sample_pictures
    from gancross.report.browser.samples import write_samples

    samples: list[Sample] = []
    streamed = record is not None and is_stream(record)

    def save() -> None:
        assert record is not None
        result.save(record)
        notes.print(f"record: {record}", soft_wrap=True)

    def draw() -> None:
        how: Any = {
            "num_samples": protocol.num_samples, "seed": protocol.seed, "chunk": protocol.chunk,
            "device": resolve_device(device),
        }  # fmt: skip
        drawn = sample_pictures(contestants, reals, **how)
        if not isinstance(result.referees, Missing):
            sigmas = result.referees.protocol.sigmas
            drawn += noise_pictures(contestants, reals, sigmas, **how)
        samples.extend(drawn)
        if record is not None and not streamed:
            write_samples(record, drawn)

    with every_output() as attempt:
        if record is not None and not streamed:
            attempt(save)
        if (record is not None and not streamed) or reports.html is not None:
            attempt(draw)
        attempt(lambda: reports.write(result, samples, notes))
        if streamed:
            attempt(save)


def show(result: Result, reports: Reports, record: Path | None, *, to_json: bool) -> None:
    """Prints the record as JSON, or the first screen where standard output is not Markdown."""
    if to_json:
        write_document(result.to_json())
    elif not reports.to_stdout:
        print_screen(result, record)
