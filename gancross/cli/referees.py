"""`gancross referee`, and the options for referees that `crosstest` shares."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gancross.cli.completion import model_files
from gancross.cli.contestants import ModelOptions, load_models, model_options, parsed_models
from gancross.cli.options import (
    FILE_OR_STDOUT,
    chunk,
    classes_option,
    common_with_tables,
    device,
    notes_console,
    progress_line,
    resize,
    threads,
    timeout,
)
from gancross.cli.outputs import checked_record, show, written
from gancross.cli.referee_arguments import RefereeArguments, going_on, referee_arguments
from gancross.cli.report import STDOUT, Reports, reports
from gancross.cli.training_data import common_data, common_image_size, data_options
from gancross.machine.distributed import is_rank_zero
from gancross.machine.files import every_output

if TYPE_CHECKING:
    from gancross.evaluator.referees.protocol import Budget
    from gancross.evaluator.referees.saved import SavedReferees


@click.command()
@click.argument(
    "models", metavar="[NAME=]A.pt [NAME=]folder:B ...", nargs=-1, required=True, shell_complete=model_files
)
@model_options
@data_options
@click.option(
    "--budget", type=click.Choice(["quick", "full"]), default="quick", show_default=True,
    help="How long referees train, and how many.",
)  # fmt: skip
@referee_arguments
@click.option(
    "-n", "--num-samples", type=int, default=10_000, show_default=True, help="Samples of each model."
)
@classes_option
@click.option(
    "--seed", type=int, default=0, show_default=True, help="Of latents, of referees and of endless data."
)
@device
@chunk
@resize
@threads
@click.option(
    "--json", "json_out", metavar="FILE|-", type=FILE_OR_STDOUT,
    help="Write the record, and sample grids in FILE-samples/ without '.json'; '-' prints nothing but JSON.",
)  # fmt: skip
@reports
@timeout
@common_with_tables
def referee(
    models: tuple[str, ...], data: str | None, data_root: Path, image_size: int | None, budget: Budget,
    referee_arguments: RefereeArguments, num_samples: int, classes: tuple[str, ...] | None, seed: int,
    device: str, chunk: int | None, resize: str | None, json_out: str | None, reports: Reports,
    model_options: ModelOptions,
) -> None:  # fmt: skip
    """Ask whose samples are nearer to the data, by judges trained afresh and alike for every model.

    No model needs a discriminator: a model is a checkpoint, a generator of other code, or generated samples,
    folder:PATH or a file .npz or .npy. Trained referees are cached; a call that was interrupted goes on
    where it stopped.
    """
    from gancross.data.resizing import parsed_resize
    from gancross.evaluator.protocol import Protocol

    parsed = parsed_models(models)
    record = checked_record(json_out, reports, models=parsed)
    referee_arguments.check_outputs(record, reports)
    protocol = Protocol(
        num_samples=num_samples, seed=seed, controls=False, chunk=chunk, resize=parsed_resize(resize),
        classes=classes,
    )  # fmt: skip
    contestants = load_models(parsed, model_options, num_samples=num_samples, seed=seed)
    from gancross.evaluator.judged_data import load_reals, trained_data
    from gancross.evaluator.judged_labels import as_judged
    from gancross.evaluator.referee import run_referees

    size = image_size if image_size is not None else common_image_size(contestants)
    reals = load_reals(
        data or common_data(contestants), trained_on=trained_data(contestants), data_root=data_root,
        image_size=size, seed=seed,
    )  # fmt: skip
    contestants, reals, protocol = as_judged(contestants, reals, protocol, device=device)
    options = referee_arguments.options(budget, shape=reals.shape, resize=protocol.resize)
    notes = notes_console()
    trained: list[SavedReferees] = []
    with progress_line(notes) as progress, going_on():
        result = run_referees(
            contestants, reals, protocol, options, train=reals.train, device=device, progress=progress,
            announce=referee_arguments.announcement(notes, progress), keep=trained.append,
        )  # fmt: skip
    if not is_rank_zero():
        return
    with every_output() as attempt:
        attempt(lambda: written(
            result, record, reports, notes, contestants=contestants, reals=reals, protocol=protocol,
            device=device,
        ))  # fmt: skip
        attempt(lambda: referee_arguments.save_trained(trained, options.folder, result, notes))
        attempt(lambda: show(result, reports, record, to_json=json_out == STDOUT))
