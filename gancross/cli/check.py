"""`gancross check`."""

from __future__ import annotations

from pathlib import Path

import click

from gancross.cli.completion import model_files
from gancross.cli.contestants import ModelOptions, load_models, model_options, parsed_models
from gancross.cli.options import (
    FILE_OR_STDOUT,
    common,
    device,
    notes_console,
    resize,
    tables_console,
    threads,
)
from gancross.cli.report import STDOUT
from gancross.cli.training_data import common_data, common_image_size, data_options
from gancross.errors import ModelFlagged
from gancross.machine.distributed import is_rank_zero
from gancross.machine.streams import write_document


@click.command()
@click.argument("model", metavar="[NAME=]CKPT", shell_complete=model_files)
@model_options
@data_options
@device
@resize
@threads
@click.option(
    "--json", "json_out", metavar="FILE|-", type=FILE_OR_STDOUT,
    help="Write what was found; '-' prints nothing but JSON.",
)  # fmt: skip
@common
def check(
    model: str, data: str | None, data_root: Path, image_size: int | None, device: str,
    resize: str | None, json_out: str | None, model_options: ModelOptions,
) -> None:  # fmt: skip
    """Try a model out on 256 samples: say what gancross takes it for, and what may be wrong.

    Latents, range and variety of its generator; meaning, threshold and direction of its discriminator's
    scores. Exit code 0 if nothing is flagged, 6 otherwise.
    """
    from gancross.machine.files import check_outputs, check_target, write_text

    (parsed,) = parsed_models([model])
    record = None if json_out in (None, STDOUT) else Path(str(json_out))
    if record is not None:
        check_target(record)
        check_outputs([record], inputs=parsed.files)
    contestants = load_models([parsed], model_options, num_samples=256, seed=0, purpose="check")
    # Seconds of imports, which a file that cannot be read should not have to wait for.
    from gancross.evaluator.check import check as check_model
    from gancross.report.text.check import check_text

    checked = check_model(
        contestants[0], data=data or common_data(contestants), device=device, data_root=data_root,
        image_size=image_size if image_size is not None else common_image_size(contestants), resize=resize,
    )  # fmt: skip
    if is_rank_zero():
        if record is not None:
            write_text(record, checked.to_json())
            notes_console().print(f"check: {record}", soft_wrap=True)
        if json_out == STDOUT:
            write_document(checked.to_json())
        else:
            console = tables_console()
            console.print(check_text(checked, width=console.width), markup=False, soft_wrap=True)
    if not checked.passed:
        count = len(checked.findings)
        raise ModelFlagged(f"'{checked.name}': {count} flag{'s' if count > 1 else ''}")
