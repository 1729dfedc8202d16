"""The whole cross-test in reading order: samples, scores, figures, verdicts, record."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path

import torch

from gancross.arguments import integer
from gancross.checkpoint.contestant import Contestant, listed
from gancross.data import catalogue
from gancross.data.order import content_order
from gancross.data.resizing import parsed_resize
from gancross.data.sets import DataSet, Reals
from gancross.data.views import Reordered, Samples
from gancross.errors import UsageError
from gancross.evaluator.codec.finite import with_finite_figures
from gancross.evaluator.estimates import Missing
from gancross.evaluator.fidelity.metrics import KID_SUBSET_SIZE
from gancross.evaluator.fidelity.preparation import FidelityFiles, prepared
from gancross.evaluator.judged_data import (
    Data,
    class_counts,
    given_training,
    known_training,
    load_reals,
    trained_data,
    training_reals,
)
from gancross.evaluator.judged_labels import as_judged, real_labels
from gancross.evaluator.judging.controls import CONTROLS, TRAINING
from gancross.evaluator.judging.probe_results import coupled, grouped, noisy, readers, unswitchable
from gancross.evaluator.judging.probes import probed
from gancross.evaluator.judging.sampling import Source, fake_source
from gancross.evaluator.judging.scoring import Progress, evaluating, score_all
from gancross.evaluator.judging.source_labels import drawn_label_notes, with_labels_of_reals
from gancross.evaluator.protocol import Norm, Protocol, chunk_length, class_texts
from gancross.evaluator.refereeing import with_referees
from gancross.evaluator.referees.labels import seen_labels, training_labels
from gancross.evaluator.referees.options import RefereeBudget, RefereeOptions
from gancross.evaluator.referees.saved import SavedReferees, referee_folder
from gancross.evaluator.result.assembly import assembled
from gancross.evaluator.result.reading import result_from_dict
from gancross.evaluator.result.refereed import with_saved_referees
from gancross.evaluator.result.types import Provenance, Result
from gancross.machine.crew import most_threads
from gancross.machine.devices import only_deterministic, resolve_device
from gancross.machine.distributed import current, joined
from gancross.machine.process_state import own_turn
from gancross.random_streams import Stream
from gancross.untrusted.strict_json import LARGEST_VALUE
from gancross.version import __version__


@joined()
@own_turn()
def crosstest(
    contestants: Iterable[Contestant],
    *,
    data: Data | DataSet,
    data_labels: object = None,
    train_data: Data | None = None,
    classes: Sequence[int | str] | None = None,
    num_samples: int = 10_000,
    num_real: int | None = None,
    seed: int = 0,
    norm: Norm = "eval",
    quantize: bool = True,
    controls: bool = True,
    norm_check: bool = True,
    metrics: str | Sequence[str] = (),
    feature_weights: Path | None = None,
    fid_statistics: Path | None = None,
    save_fid_statistics: Path | None = None,
    kid_subset_size: int = KID_SUBSET_SIZE,
    referees: RefereeBudget = "none",
    referee_labels: bool = False,
    save_referees: str | Path | None = None,
    device: str = "auto",
    batch_size: int | None = None,
    chunk: int | None = None,
    resize: int | str | None = None,
    data_root: Path = catalogue.DEFAULT_ROOT,
    image_size: int | None = None,
    deterministic: bool = False,
    progress: Progress | None = None,
) -> Result:
    """Cross-tests two or more models: every discriminator judges every generator and the test data.

    Under torchrun every process calls this alike: they divide the samples among them, and all return the
    result that one process would. As many threads as torch has, but no more than there are cores, divide them
    too; figures do not depend on their number.

    Args:
        contestants: distinct names; at least one has a discriminator.
        data: a data set or its name, uint8 images (N, C, H, W) or float32 vectors (N, d). The whole
            held-out set is used, or `num_real` of it; endless data give `num_samples` reals. What is held out
            of a folder: see `gancross.evaluator.judged_data.load_reals`.
        data_labels: of an array as data, integers (N,) in 0…K−1; data sets and class folders have their own.
        train_data: what the models were trained on, for the generalisation gap; by default the training
            part of a data set given by name, none for arrays.
        classes, num_samples, num_real, seed, norm, quantize, controls, norm_check, metrics,
            kid_subset_size, chunk: see `Protocol`.
        resize: brings all images that are judged to one side, so that models and data of several sizes meet:
            `64`, or `"64:bilinear"` with the filter's name, see `gancross.data.resizing.Resize`. Flags say
            what was resized, and that discriminators judged what they were not trained on.
        feature_weights, fid_statistics, save_fid_statistics: see `FidelityFiles`.
        referees: the budget of referees, on whom the verdicts `generator` and `strict` rest; "none": these
            verdicts name nobody. See `gancross.referee`.
        referee_labels, save_referees: as of `gancross.referee`.
        device: see `gancross.machine.devices.resolve_device`.
        batch_size: samples moved to the device at a time, in whole chunks; changes no figure.
        data_root, image_size: where named data lie; side to which a folder's images are resized.
        deterministic: only operations that give the same bits again, on a GPU too; some are slower.
        progress: called with (what is judged, samples done, samples in all), then with ("metrics",
            contestants done, in all), in the first process alone; of referees as by `gancross.referee`.

    Returns:
        The `Result`: counts, rates, intervals, verdicts and the protocol they were found by.

    Raises:
        UsageError: contestants and data that do not fit together.
        DivergenceError: NaN or infinite samples or scores.
        CheckpointError: a damaged file in `save_referees`.
        ResourceError: metrics were asked for and their weights are not there; another process died; an
            operation is not deterministic; `save_referees` cannot be read or written.
        RefereesNotSaved: referees could not be saved at the end; its `result` is the result.
        OtherProcessFailed: another process of this run failed first; has that process's exit code.

    Source: Roth et al. 2017, §5.5.
    """
    protocol = Protocol(
        num_samples=num_samples, seed=seed, norm=norm, norm_check=norm_check, quantize=quantize,
        controls=controls, metrics=(metrics,) if isinstance(metrics, str) else tuple(metrics),
        kid_subset_size=kid_subset_size, chunk=chunk, num_real=num_real, resize=parsed_resize(resize),
        classes=None if classes is None else class_texts(classes),
    )  # fmt: skip
    if referees == "none" and save_referees is not None:
        raise UsageError("save_referees: none are trained with referees='none'")
    if referees == "none" and referee_labels:
        raise UsageError("referee_labels: none are trained with referees='none'")
    contestants = listed(contestants)
    trained_on = trained_data(contestants)
    reals = load_reals(
        data, trained_on=trained_on, data_root=data_root, image_size=image_size, seed=seed,
        labels=data_labels, num_classes=class_counts(contestants),
    )  # fmt: skip
    contestants, reals, protocol = as_judged(contestants, reals, protocol, device=device)
    train = reals.train
    if train_data is not None:
        train = given_training(
            train_data, reals, protocol, trained_on=trained_on, data_root=data_root, image_size=image_size
        )
    folder = None if save_referees is None else referee_folder(save_referees)
    options = None
    if referees != "none":
        options = RefereeOptions(budget=referees, folder=folder, labels=referee_labels)
        seen_labels(contestants, reals, protocol, options)  # refuses before the cross-test
    result = run_crosstest(
        contestants, reals, protocol, train=train, device=device, batch_size=batch_size,
        deterministic=deterministic, progress=progress,
        files=FidelityFiles(
            weights=feature_weights, statistics=fid_statistics, save_statistics=save_fid_statistics
        ),
    )  # fmt: skip
    if options is None:
        return result
    trained: list[SavedReferees] = []
    result = with_referees(
        result, contestants, reals, protocol, options, training=known_training(train, protocol),
        training_labels=training_labels(train, reals, protocol), device=device, progress=progress,
        keep=trained.append,
    )  # fmt: skip
    return with_saved_referees(result, trained, folder)


@joined()
@own_turn()
def run_crosstest(
    contestants: Sequence[Contestant],
    reals: DataSet,
    protocol: Protocol,
    *,
    train: Reals | None = None,
    files: FidelityFiles | None = None,
    device: str = "auto",
    batch_size: int | None = None,
    deterministic: bool = False,
    judged: bool = True,
    progress: Progress | None = None,
) -> Result:
    """As `crosstest`, of data that are loaded and options that are checked, without referees.

    Args:
        judged: whether discriminators judge; otherwise the result awaits referees, and nothing is sampled.
    """
    started, clock = datetime.now(UTC), time.perf_counter()
    batch_size = None if batch_size is None else integer(batch_size, "the batch size")
    if batch_size is not None and not 1 <= batch_size <= LARGEST_VALUE:
        raise UsageError(f"the batch size must be at least 1, and at most 2⁶³ − 1, is {batch_size}")
    judges = _judges(contestants) if judged else []
    processes = current()
    target = processes.device(resolve_device(device))
    held_out = reals.held_out(protocol.num_samples)
    own_labels = real_labels(reals, None, protocol).test
    order = content_order(held_out, stream=Stream(protocol.seed, "order", "test"), labels=own_labels)
    test = Reordered(array=held_out, index=order.index)
    training = training_reals(train, protocol) if judged else Missing("nobody judges them")
    chunk = chunk_length(reals.shape, protocol.chunk)
    sources = all_sources(contestants, test, training, protocol) if judged else []
    labels = real_labels(reals, train, protocol, order=order.index)
    sources = with_labels_of_reals(sources, contestants, labels, seed=protocol.seed)
    modules = [module for contestant in contestants for module in contestant.networks]
    fidelity = prepared(protocol, files or FidelityFiles(), sources=sources, test=test, device=target)
    with only_deterministic(deterministic), fidelity or nullcontext(), evaluating(modules, target):
        probes = probed(
            contestants, test=test, labels=labels.test, shape=reals.shape, device=target, chunk=chunk
        )
        scores = score_all(
            sources, judges, protocol, shape=reals.shape, device=target, coupled=coupled(probes),
            grouped=grouped(probes), unswitchable=unswitchable(probes), noisy=noisy(probes),
            readers=readers(probes), batch_size=batch_size,
            observer=fidelity, progress=progress if processes.is_rank_zero else None,
        )  # fmt: skip
        measured = None if fidelity is None else fidelity.finish(progress)
    result = None
    if processes.is_rank_zero:
        provenance = Provenance(
            gancross=__version__, torch=torch.__version__, python=platform.python_version(),
            device=str(target), batch_size=batch_size or chunk, processes=processes.size,
            threads=most_threads(),
            deterministic=deterministic, started=started.isoformat(timespec="seconds"),
            seconds=round(time.perf_counter() - clock, 3), others={},
        )  # fmt: skip
        result = with_finite_figures(assembled(
            contestants, scores, protocol, probes, reals=reals, order=order, fidelity=measured,
            provenance=provenance,
            no_training=training.reason if isinstance(training, Missing) else "",
            notes=tuple(drawn_label_notes(sources, contestants)),
        ))  # fmt: skip
    if processes.size > 1:  # every process returns the first one's
        content = processes.broadcast_from_rank0(b"" if result is None else result.to_json().encode())
        result = result or result_from_dict(json.loads(content))
    assert result is not None
    return result


def all_sources(
    contestants: Sequence[Contestant], test: Samples, training: torch.Tensor | Missing,
    protocol: Protocol,
) -> list[Source]:  # fmt: skip
    """The test data, every contestant's samples, training data, controls."""
    n, seed = protocol.num_samples, protocol.seed
    chunk = chunk_length(tuple(test.shape[1:]), protocol.chunk)
    sources = [Source(label=None, n=len(test), array=test, chunk=chunk)]
    sources += [fake_source(contestant, num_samples=n, seed=seed, chunk=chunk) for contestant in contestants]
    if not isinstance(training, Missing):
        sources.append(Source(label=TRAINING, n=len(training), array=training, chunk=chunk))
    for control in CONTROLS.values() if protocol.controls else ():
        array = None if control.draw is None else control.draw(test, n, seed)
        if array is not None:
            sources.append(Source(label=control, n=len(array), array=array, chunk=chunk))
    return sources


def check_names(contestants: Sequence[Contestant]) -> None:
    """A `UsageError` where there are no contestants, or two of one name."""
    names = [contestant.name for contestant in contestants]
    if not names:
        raise UsageError("no contestants: give at least one")
    twice = min((name for name in names if names.count(name) > 1), default=None)
    if twice is not None:
        raise UsageError(f"two contestants are called '{twice}'; names must differ")


def _judges(contestants: Sequence[Contestant]) -> list[Contestant]:
    check_names(contestants)
    judges = [contestant for contestant in contestants if contestant.discriminator is not None]
    if not judges:
        raise UsageError("no contestant has a discriminator, so nobody can judge")
    return judges
