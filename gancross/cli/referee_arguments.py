"""The options that concern referees, of the commands that train them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gancross.cli.options import FILE, Command, ProgressLine, interruption
from gancross.cli.report import Reports
from gancross.cli.training_cost import duration, estimate_text
from gancross.errors import UsageError, printable

if TYPE_CHECKING:
    import torch
    from rich.console import Console

    from gancross.checkpoint.contestant import Contestant
    from gancross.data.formats import FormatShare
    from gancross.data.resizing import Resize
    from gancross.data.sets import DataSet
    from gancross.evaluator.protocol import Protocol
    from gancross.evaluator.referees.cost import TrainingEstimate
    from gancross.evaluator.referees.options import RefereeBudget, RefereeOptions
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
    labels: bool = False

    def options(
        self, budget: Budget, *, shape: tuple[int, ...], resize: Resize | None = None
    ) -> RefereeOptions:
        """For data of a shape; reads the folders of other reals, which are resized, and of saved referees.

        Raises:
            UsageError: a number or a folder that does not fit.
            DataError: a file is not an image that can be read.
            CheckpointError, ResourceError: as of `referee_folder`.
        """
        from gancross.evaluator.referees.options import RefereeOptions
        from gancross.evaluator.referees.saved import referee_folder

        folder = None if self.save is None else referee_folder(self.save)
        options = RefereeOptions(
            budget=budget, seeds=self.seeds, calibrate=self.calibrate, folder=folder, labels=self.labels
        )
        if self.reals is None:
            return options
        images, formats, notes = _read_reals(self.reals, shape, resize)
        return replace(
            options, reals=images, reals_name=f"reals of {self.reals}", reals_formats=formats,
            reals_notes=notes,
        )  # fmt: skip

    def checked_options(
        self, budget: RefereeBudget, contestants: Sequence[Contestant], reals: DataSet, protocol: Protocol
    ) -> RefereeOptions | None:
        """As `options`, with the labels that referees shall see looked at; None where none are trained."""
        from gancross.evaluator.referees.labels import seen_labels

        if budget == "none":
            return None
        options = self.options(budget, shape=reals.shape, resize=protocol.resize)
        seen_labels(contestants, reals, protocol, options)
        return options

    def check_budget(self, budget: RefereeBudget) -> None:
        """A `UsageError` where options ask something of referees that are not trained."""
        for option, given in (("save-referees", self.save is not None), ("referee-labels", self.labels)):
            if given and budget == "none":
                raise UsageError(f"--{option}: none are trained with --referees none")

    def announcement(self, notes: Console, line: ProgressLine) -> Callable[[TrainingEstimate], None] | None:
        """Prints what long training will cost, and shows it until a referee is trained.

        None where nobody would see it: nothing is measured then.
        """
        if notes.quiet:
            return None
        rest = "; --calibrate is not counted" if self.calibrate else ""

        def announce(estimate: TrainingEstimate) -> None:
            line.expected = f"about {duration(estimate.seconds)} in all"
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
    @click.option("--referee-labels", is_flag=True, help="Referees see the class of each sample too.")
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
        *, referee_reals: Path | None, referee_seeds: int | None, referee_labels: bool, calibrate: bool,
        save_referees: Path | None, **rest: Any,
    ) -> Any:  # fmt: skip
        arguments = RefereeArguments(
            reals=referee_reals, seeds=referee_seeds, calibrate=calibrate, save=save_referees,
            labels=referee_labels,
        )  # fmt: skip
        return command(referee_arguments=arguments, **rest)

    return wrapped


def _read_reals(
    folder: Path, shape: tuple[int, ...], resize: Resize | None
) -> tuple[torch.Tensor, tuple[FormatShare, ...], tuple[str, ...]]:
    """All images beneath a folder, of the size of the data, the formats of their files, and notes.

    Grey images have as many channels as the data.
    """
    from gancross.data.folder import common_shape, fits_in_memory, read_images
    from gancross.data.formats import format_shares
    from gancross.data.image_files import image_files
    from gancross.evaluator.judged_data import as_channels
    from gancross.evaluator.resizing import resized_images

    if len(shape) == 1:
        raise UsageError("--referee-reals: is for images, but the data are vectors")
    files = image_files(folder, who=f"--referee-reals {folder}: folder").checked()
    paths = files.paths
    common = common_shape(paths, image_size=None, remedy="reals must have the size of the data")
    if not fits_in_memory(len(paths), common):
        raise UsageError(f"--referee-reals {folder}: {len(paths):,} images do not fit in memory")
    images, formats = read_images(paths, common, image_size=None)
    images = as_channels(images, shape[0])
    images, resized = resized_images(images, resize, f"reals of {folder}")
    if tuple(images.shape[1:]) != shape:
        raise UsageError(
            f"--referee-reals {folder}: images of shape {tuple(images.shape[1:])}, but the data have shape"
            f" {shape}; --resize N brings all images to one size"
        )
    return images, format_shares(formats), files.notes + resized
