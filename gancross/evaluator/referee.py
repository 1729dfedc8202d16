"""Referees alone: whose samples are nearer to the data, of contestants that need no discriminator."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from gancross.checkpoint.contestant import Contestant, listed
from gancross.data import catalogue
from gancross.data.resizing import parsed_resize
from gancross.data.sets import DataSet, Reals
from gancross.evaluator.crosstest import check_names, run_crosstest
from gancross.evaluator.judged_data import (
    Data,
    as_channels,
    class_counts,
    given_training,
    known_training,
    load_reals,
    trained_data,
)
from gancross.evaluator.judged_labels import as_judged
from gancross.evaluator.judging.scoring import Progress
from gancross.evaluator.protocol import Protocol, class_texts
from gancross.evaluator.refereeing import with_referees
from gancross.evaluator.referees.cost import TrainingEstimate
from gancross.evaluator.referees.labels import training_labels
from gancross.evaluator.referees.options import RefereeOptions
from gancross.evaluator.referees.protocol import HELD_OUT_REALS, Budget
from gancross.evaluator.referees.saved import SavedReferees, referee_folder
from gancross.evaluator.resizing import resized_images
from gancross.evaluator.result.refereed import with_saved_referees
from gancross.evaluator.result.types import Result
from gancross.machine.distributed import joined
from gancross.machine.process_state import own_turn


@joined()
@own_turn()
def referee(
    contestants: Iterable[Contestant],
    *,
    data: Data | DataSet,
    data_labels: object = None,
    train_data: Data | None = None,
    classes: Sequence[int | str] | None = None,
    referee_reals: Data | None = None,
    budget: Budget = "quick",
    seeds: int | None = None,
    num_samples: int = 10_000,
    seed: int = 0,
    calibrate: bool = False,
    referee_labels: bool = False,
    save_referees: str | Path | None = None,
    workers: int | None = None,
    device: str = "auto",
    chunk: int | None = None,
    resize: int | str | None = None,
    data_root: Path = catalogue.DEFAULT_ROOT,
    image_size: int | None = None,
    progress: Progress | None = None,
) -> Result:
    """Asks equal, fresh judges whose samples are nearer to the data.

    For every contestant judges of one network are trained alike to tell its samples from held-out reals,
    under noise of 12 known levels, and tested on reals and samples that they did not train on. What they tell
    at every level, and whom that allows to name, is `Result.referees` and the verdict `generator`. Own
    discriminators take no part but as a check: one that tells a contestant's samples more surely than its
    referees withholds its name.

    Trained referees are cached, by the content of samples and reals: the same call again, or one that was
    interrupted, trains what is missing.

    Args:
        contestants: distinct names; generators, or given samples such as images of a folder.
        data, data_labels, classes: as of `gancross.crosstest`.
        train_data: for the null control and the search for copies; by default the training part of a data
            set given by name.
        referee_reals: reals that nobody trained on, in place of the held-out part of `data`.
        budget: `quick`, or `full` with longer training and twice the seeds.
        seeds: in place of the budget's number; every contestant has two referees for each.
        num_samples: of each contestant.
        seed: of latents, halves and referees.
        calibrate: measure κ of the budget on the data at hand, by faults planted in training reals, which
            takes many times as long as the referees and is cached; otherwise the κ that ships stands in.
        referee_labels: let the judges see the class of each sample too, in training and in tests: they
            then tell whose pairs (sample, class) are nearer to the data's, so that a good image of the wrong
            class counts against its model. Data and contestants must have labels of the same classes.
        save_referees: folder to which the trained referees are added at the end, a file for each contestant.
            Those that earlier calls saved there are standing judges: one that tells a contestant's samples
            more surely than its referees, on what it did not train on, withholds its name. What a file says
            it trained on is believed: take files only from those whom you trust with withholding a name.
        workers: processes in which referees train; by default one for each CPU.
        device, chunk, resize, data_root, image_size: as of `gancross.crosstest`.
        progress: called with (what, done, in all), in the first process alone; of referees, done are steps
            of training, and a thread may call it.

    Raises:
        UsageError: contestants, data and options that do not fit together.
        DivergenceError: NaN or infinite samples.
        CheckpointError: a damaged file in `save_referees`.
        ResourceError: `save_referees` cannot be read or written; another process died.
        RefereesNotSaved: referees could not be saved at the end; its `result` is the result.
        OtherProcessFailed: another process of this run failed first.

    Source: Roth et al. 2017, Eq. 3 for the noise; Lopez-Paz and Oquab 2017, and Im et al. 2018, for fresh
    judges; Miyato and Koyama 2018 for judges that see labels.
    """
    protocol = Protocol(
        num_samples=num_samples, seed=seed, controls=False, chunk=chunk, resize=parsed_resize(resize),
        classes=None if classes is None else class_texts(classes),
    )  # fmt: skip
    contestants = listed(contestants)
    trained_on = trained_data(contestants)
    load = partial(
        load_reals, trained_on=trained_on, data_root=data_root, image_size=image_size, seed=seed
    )  # fmt: skip
    reals = load(data, labels=data_labels, num_classes=class_counts(contestants))
    contestants, reals, protocol = as_judged(contestants, reals, protocol, device=device)
    train = reals.train
    if train_data is not None:
        train = given_training(
            train_data, reals, protocol, trained_on=trained_on, data_root=data_root, image_size=image_size
        )
    other = None if referee_reals is None else load(referee_reals)
    other_reals = None if other is None else other.held_out(num_samples)
    other_notes: tuple[str, ...] = () if other is None else other.notes
    if other is not None and other_reals is not None and other_reals.ndim == 4:
        other_reals = as_channels(other_reals, reals.shape[0])
        other_reals, resized = resized_images(other_reals, protocol.resize, f"reals of {other.name}")
        other_notes += resized
    options = RefereeOptions(
        budget=budget, seeds=seeds, workers=workers, calibrate=calibrate,
        folder=None if save_referees is None else referee_folder(save_referees),
        reals=other_reals,
        reals_name=HELD_OUT_REALS if other is None else f"reals of {other.name}",
        reals_formats=() if other is None else other.file_formats(),
        reals_notes=other_notes, labels=referee_labels,
    )  # fmt: skip
    trained: list[SavedReferees] = []
    result = run_referees(
        contestants, reals, protocol, options, train=train, device=device, progress=progress,
        keep=trained.append,
    )  # fmt: skip
    return with_saved_referees(result, trained, options.folder)


def run_referees(
    contestants: Sequence[Contestant], reals: DataSet, protocol: Protocol, options: RefereeOptions, *,
    train: Reals | None = None, device: str = "auto", progress: Progress | None = None,
    announce: Callable[[TrainingEstimate], None] | None = None,
    keep: Callable[[SavedReferees], None] | None = None,
) -> Result:  # fmt: skip
    """As `referee`, of data that are loaded and options that are checked.

    Args:
        announce, keep: as of `with_referees`.
    """
    check_names(contestants)
    alone = [replace(contestant, discriminator=None) for contestant in contestants]
    result = run_crosstest(alone, reals, protocol, train=train, device=device, judged=False)
    return with_referees(
        result, contestants, reals, protocol, options, training=known_training(train, protocol),
        training_labels=training_labels(train, reals, protocol), device=device, progress=progress,
        announce=announce, keep=keep,
    )  # fmt: skip
