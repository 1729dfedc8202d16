"""`gancross referee`, and the options for referees that `crosstest` shares."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gancross.cli.completion import model_files
from gancross.cli.contestants import ModelOptions, load_models, model_options, parsed_models
from gancross.cli.options import FILE, Command, bars, common, device, notes_console
from gancross.cli.outputs import checked_record, show, written
from gancross.cli.report import STDOUT, Reports, reports
from gancross.cli.training_data import common_data, common_image_size, data_options
from gancross.errors import UsageError
from gancross.machine.distributed import is_rank_zero

if TYPE_CHECKING:
    import torch

    from gancross.evaluator.referees.options import RefereeOptions
    from gancross.evaluator.referees.protocol import Budget


@dataclass(frozen=True, kw_only=True)
class RefereeArguments:
    """The options that concern referees, as written."""

    reals: Path | None
    seeds: int | None
    calibrate: bool

    def options(self, budget: Budget, *, shape: tuple[int, ...]) -> RefereeOptions:
        """For data of a shape; reads the folder of other reals.

        Raises:
            UsageError: a number or a folder that does not fit.
            DataError: a file is not an image that can be read.
        """
        from gancross.evaluator.referees.options import RefereeOptions

        if self.reals is None:
            return RefereeOptions(budget=budget, seeds=self.seeds, calibrate=self.calibrate)
        return RefereeOptions(
            budget=budget, seeds=self.seeds, calibrate=self.calibrate, reals=_read_reals(self.reals, shape),
            reals_name=f"reals of {self.reals}",
        )  # fmt: skip


def referee_arguments(command: Command) -> Command:
    """Adds the options for referees; the command is called with `referee_arguments`."""

    @click.option(
        "--referee-reals", metavar="FOLDER", type=FILE,
        help="Real images that no model was trained on.  [default: the held-out part of the data]",
    )  # fmt: skip
    @click.option(
        "--referee-seeds", type=int, help="Seeds; a model has two referees for each.  [default: the budget's]"
    )
    @click.option(
        "--calibrate", is_flag=True,
        help="Measure how much of planted faults the budget shows on these data; takes many times as long.",
    )  # fmt: skip
    @functools.wraps(command)
    def wrapped(
        *, referee_reals: Path | None, referee_seeds: int | None, calibrate: bool, **rest: Any
    ) -> Any:
        arguments = RefereeArguments(reals=referee_reals, seeds=referee_seeds, calibrate=calibrate)
        return command(referee_arguments=arguments, **rest)

    return wrapped


def _read_reals(folder: Path, shape: tuple[int, ...]) -> torch.Tensor:
    """All images beneath a folder, of the size of the data; grey ones as colour where the data are."""
    from gancross.data.folder import fits_in_memory, list_images, read_images
    from gancross.machine.files import missing_folder

    if len(shape) == 1:
        raise UsageError("--referee-reals: is for images, but the data are vectors")
    if not folder.is_dir():
        raise UsageError(f"--referee-reals {folder}: folder {missing_folder(folder)}")
    paths = list_images(folder)
    if not fits_in_memory(paths, image_size=None):
        raise UsageError(f"--referee-reals {folder}: {len(paths):,} images do not fit in memory")
    images = read_images(paths, image_size=None, remedy="reals must have the size of the data")
    if images.shape[1] == 1:
        images = images.repeat(1, shape[0], 1, 1)
    if tuple(images.shape[1:]) != shape:
        raise UsageError(
            f"--referee-reals {folder}: images of shape {tuple(images.shape[1:])}, but the data have shape"
            f" {shape}; nothing is resized"
        )
    return images


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
@click.option(
    "--seed", type=int, default=0, show_default=True, help="Of latents, of referees and of endless data."
)
@device
@click.option(
    "--json", "json_out", metavar="FILE|-",
    help="Write the record, and sample grids in FILE-samples/ without '.json'; '-' prints nothing but JSON.",
)  # fmt: skip
@reports
@common
def referee(
    models: tuple[str, ...], data: str | None, data_root: Path, image_size: int | None, budget: Budget,
    referee_arguments: RefereeArguments, num_samples: int, seed: int, device: str, json_out: str | None,
    reports: Reports, model_options: ModelOptions,
) -> None:  # fmt: skip
    """Ask whose samples are nearer to the data, by judges trained afresh and alike for every model.

    No model needs a discriminator: a model is a checkpoint, a generator of other code, or folder:PATH,
    generated images. Trained referees are cached; a call that was interrupted goes on where it stopped.
    """
    from gancross.evaluator.protocol import Protocol

    record = checked_record(json_out, reports)
    protocol = Protocol(num_samples=num_samples, seed=seed, controls=False)
    contestants = load_models(parsed_models(models), model_options, num_samples=num_samples, seed=seed)
    from gancross.evaluator.crosstest import load_reals
    from gancross.evaluator.referee import run_referees

    size = image_size if image_size is not None else common_image_size(contestants)
    reals = load_reals(data or common_data(contestants), data_root=data_root, image_size=size, seed=seed)
    options = referee_arguments.options(budget, shape=reals.shape)
    with bars(notes_console()) as progress:
        result = run_referees(
            contestants, reals, protocol, options, train=reals.train, device=device, progress=progress
        )
    if not is_rank_zero():
        return
    written(
        result,
        record,
        reports,
        notes_console(),
        contestants=contestants,
        reals=reals,
        protocol=protocol,
        device=device,
    )
    show(result, reports, to_json=json_out == STDOUT)
