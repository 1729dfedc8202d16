"""`gancross referee`, and the options for referees that `crosstest` shares."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gancross.cli.completion import model_files
from gancross.cli.contestants import ModelOptions, load_models, model_options, parsed_models
from gancross.cli.options import (
    FILE,
    FILE_OR_STDOUT,
    Command,
    ProgressLine,
    common_with_tables,
    device,
    interruption,
    notes_console,
    progress_line,
    threads,
    timeout,
)
from gancross.cli.outputs import checked_record, show, written
from gancross.cli.report import STDOUT, Reports, reports
from gancross.cli.training_data import common_data, common_image_size, data_options
from gancross.errors import UsageError, printable
from gancross.machine.distributed import is_rank_zero
from gancross.machine.files import every_output

if TYPE_CHECKING:
    import torch
    from rich.console import Console

    from gancross.data.formats import FormatShare
    from gancross.evaluator.referees.cost import TrainingEstimate
    from gancross.evaluator.referees.options import RefereeOptions
    from gancross.evaluator.referees.protocol import Budget
    from gancross.evaluator.referees.saved import RefereeFolder, SavedReferees
    from gancross.evaluator.result.types import Result


LONG = 60  # seconds of training that are announced


@dataclass(frozen=True, kw_only=True)
class RefereeArguments:
    """The options that concern referees, as written."""

    reals: Path | None
    seeds: int | None
    calibrate: bool
    save: Path | None = None

    def options(self, budget: Budget, *, shape: tuple[int, ...]) -> RefereeOptions:
        """For data of a shape; reads the folders of other reals and of saved referees.

        Raises:
            UsageError: a number or a folder that does not fit.
            DataError: a file is not an image that can be read.
            CheckpointError, ResourceError: as of `referee_folder`.
        """
        from gancross.evaluator.referees.options import RefereeOptions
        from gancross.evaluator.referees.saved import referee_folder

        folder = None if self.save is None else referee_folder(self.save)
        if self.reals is None:
            return RefereeOptions(budget=budget, seeds=self.seeds, calibrate=self.calibrate, folder=folder)
        images, formats, notes = _read_reals(self.reals, shape)
        return RefereeOptions(
            budget=budget, seeds=self.seeds, calibrate=self.calibrate, reals=images,
            reals_name=f"reals of {self.reals}", reals_formats=formats, reals_notes=notes, folder=folder,
        )  # fmt: skip

    def announcement(self, notes: Console, line: ProgressLine) -> Callable[[TrainingEstimate], None] | None:
        """Prints what long training will cost, and shows it until a referee is trained.

        None where nobody would see it: nothing is measured then.
        """
        if notes.quiet:
            return None
        rest = "; --calibrate is not counted" if self.calibrate else ""

        def announce(estimate: TrainingEstimate) -> None:
            line.expected = f"about {_duration(estimate.seconds)} in all"
            if estimate.seconds >= LONG:
                notes.print(estimate_text(estimate) + rest, soft_wrap=True)

        return announce

    def check_outputs(self, record: Path | None, reports: Reports) -> None:
        """Checks before long work that no output takes the place of the folder of saved referees."""
        if self.save is None:
            return
        places = (self.save.absolute(), *self.save.absolute().parents)
        files = reports.files if record is None else [record, *reports.files]
        taken = next((file for file in files if file.absolute() in places), None)
        if taken is not None:
            raise UsageError(f"--save-referees {self.save}: {taken} will be a file, expected a folder")

    def save_trained(
        self, referees: Sequence[SavedReferees], folder: RefereeFolder | None, result: Result, notes: Console
    ) -> None:
        """Saves the referees of a result that is written already, if that was asked for.

        Says where they lie, and which of those that lay there judged nobody, and why; or why there are none,
        which no verdict says of one contestant alone.

        Raises:
            ResourceError: they cannot be written; then no file of them is left.
        """
        from gancross.evaluator.estimates import Missing

        if isinstance(result.referees, Missing):
            notes.print(f"No referees: {result.referees.reason}", soft_wrap=True)
            return
        if folder is None:
            return
        place = printable(str(folder.path))
        for entry in result.referees.controls.standing or ():
            for reason in entry.skipped:
                notes.print(f"{place}/{entry.file}: not among the judges: {reason}")
        folder.save(referees)
        n = len(referees)
        notes.print(f"The referees of {n} contestant{'s' if n > 1 else ''} are in {place}")


@contextmanager
def going_on() -> Iterator[None]:
    """Inside, referees are trained: an interruption says that the same command goes on."""
    try:
        yield
    except KeyboardInterrupt as stop:
        then = "the same command goes on, trained referees are in the cache"
        raise interruption(stop, then=then) from None


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
    @click.option(
        "--save-referees", metavar="FOLDER", type=FILE,
        help="Add the trained referees to a folder; those that lie there already judge too.",
    )  # fmt: skip
    @functools.wraps(command)
    def wrapped(
        *, referee_reals: Path | None, referee_seeds: int | None, calibrate: bool,
        save_referees: Path | None, **rest: Any,
    ) -> Any:  # fmt: skip
        arguments = RefereeArguments(
            reals=referee_reals, seeds=referee_seeds, calibrate=calibrate, save=save_referees
        )
        return command(referee_arguments=arguments, **rest)

    return wrapped


def estimate_text(estimate: TrainingEstimate) -> str:
    """`12 referees to train (4 in the cache): about 2.1 h of processor time, 32 min with 4 at a time`."""
    n, workers = estimate.num_trained, estimate.workers
    cached = f" ({estimate.num_cached} in the cache)" if estimate.num_cached else ""
    together = f", {_duration(estimate.seconds)} with {workers} at a time" if workers > 1 else ""
    return (
        f"{n} referee{'' if n == 1 else 's'} to train{cached}: about"
        f" {_duration(estimate.processor_seconds)} of processor time{together}"
    )


def _duration(seconds: float) -> str:
    """In seconds or minutes below 100 of them, else in hours."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def _read_reals(
    folder: Path, shape: tuple[int, ...]
) -> tuple[torch.Tensor, tuple[FormatShare, ...], tuple[str, ...]]:
    """All images beneath a folder, of the size of the data, the formats of their files, and notes.

    Grey images have as many channels as the data.
    """
    from gancross.data.folder import fits_in_memory, read_images
    from gancross.data.formats import format_shares
    from gancross.data.image_files import image_files
    from gancross.evaluator.judged_data import as_channels

    if len(shape) == 1:
        raise UsageError("--referee-reals: is for images, but the data are vectors")
    files = image_files(folder, who=f"--referee-reals {folder}: folder").checked()
    paths = files.paths
    if not fits_in_memory(paths, image_size=None):
        raise UsageError(f"--referee-reals {folder}: {len(paths):,} images do not fit in memory")
    images, formats = read_images(paths, image_size=None, remedy="reals must have the size of the data")
    images = as_channels(images, shape[0])
    if tuple(images.shape[1:]) != shape:
        raise UsageError(
            f"--referee-reals {folder}: images of shape {tuple(images.shape[1:])}, but the data have shape"
            f" {shape}; nothing is resized"
        )
    return images, format_shares(formats), files.notes


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
    referee_arguments: RefereeArguments, num_samples: int, seed: int, device: str, json_out: str | None,
    reports: Reports, model_options: ModelOptions,
) -> None:  # fmt: skip
    """Ask whose samples are nearer to the data, by judges trained afresh and alike for every model.

    No model needs a discriminator: a model is a checkpoint, a generator of other code, or generated samples,
    folder:PATH or a file .npz or .npy. Trained referees are cached; a call that was interrupted goes on
    where it stopped.
    """
    from gancross.evaluator.protocol import Protocol

    parsed = parsed_models(models)
    record = checked_record(json_out, reports, models=parsed)
    referee_arguments.check_outputs(record, reports)
    protocol = Protocol(num_samples=num_samples, seed=seed, controls=False)
    contestants = load_models(parsed, model_options, num_samples=num_samples, seed=seed)
    from gancross.evaluator.judged_data import load_reals, trained_data, with_equal_channels
    from gancross.evaluator.referee import run_referees

    size = image_size if image_size is not None else common_image_size(contestants)
    reals = load_reals(
        data or common_data(contestants), trained_on=trained_data(contestants), data_root=data_root,
        image_size=size, seed=seed,
    )  # fmt: skip
    contestants, reals = with_equal_channels(contestants, reals, device=device)
    options = referee_arguments.options(budget, shape=reals.shape)
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
