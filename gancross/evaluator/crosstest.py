"""The whole cross-test in reading order: samples, scores, figures, verdicts, record."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gancross.checkpoint.contestant import Contestant
from gancross.data import catalogue
from gancross.data.sets import DataSet, FiniteReals, Reals, finite
from gancross.errors import UsageError
from gancross.evaluator.fidelity.scoring_pass import FidelityPass
from gancross.evaluator.judging.batch_norm_passes import Norm
from gancross.evaluator.judging.controls import Control, blurred, uniform_noise
from gancross.evaluator.judging.sampling import CHUNK, Source, check_fit, check_numbers, fake_source
from gancross.evaluator.judging.scoring import evaluating, score_all
from gancross.evaluator.result.document import Asked, document
from gancross.evaluator.result.result import Result
from gancross.machine.devices import only_deterministic, resolve_device
from gancross.machine.distributed import Processes, current, joined
from gancross.version import __version__

Data = str | torch.Tensor | np.ndarray[Any, Any]
Progress = Callable[[str, int, int], None]


@joined()
def crosstest(
    contestants: Sequence[Contestant],
    *,
    data: Data | DataSet,
    train_data: Data | None = None,
    num_samples: int = 10_000,
    seed: int = 0,
    norm: Norm = "eval",
    quantize: bool = True,
    controls: bool = True,
    norm_check: bool = True,
    metrics: Sequence[str] = (),
    feature_weights: Path | None = None,
    fid_statistics: Path | None = None,
    save_fid_statistics: Path | None = None,
    kid_subset_size: int = 1000,
    device: str = "auto",
    batch_size: int | None = None,
    data_root: Path = catalogue.DEFAULT_ROOT,
    image_size: int | None = None,
    deterministic: bool = False,
    progress: Progress | None = None,
) -> Result:
    """Cross-tests two or more models: every discriminator judges every generator and the test data.

    Under torchrun every process calls this alike: they divide the samples among them, and all return the
    result that one process would, at the same thread count.

    Args:
        contestants: distinct names; at least one has a discriminator.
        data: a data set or its name, uint8 images (N, C, H, W) or float32 vectors (N, d). The whole
            held-out set is used; endless data give `num_samples` reals.
        train_data: what the models were trained on, for the generalisation gap; by default the training
            part of a data set given by name, none for arrays.
        num_samples: drawn from each generator.
        seed: of the latents, of endless data, of noise and of all resampling.
        norm: how judges with batch norm normalise: `eval`, running averages; `batch`, statistics of
            groups of their training batch size, pure real or pure fake.
        quantize: round generated images to 8 bits, as a file would hold them.
        controls: judge uniform noise and blurred reals too.
        norm_check: score judges with batch norm in both modes; without it they win nothing in `strict`.
        metrics: of `fid`, `is`, `kid`, `pr`: fidelity beside the cross-test, on Inception features,
            or on a named substitute for the digits and for vectors.
        feature_weights: file of Inception's weights; by default torch-fidelity's own location.
        fid_statistics: .npz file with `mu` and `sigma` of the real data, in place of computed ones.
        save_fid_statistics: where to write those that were computed.
        kid_subset_size: samples in each of KID's 100 subsets; at most the size of the smallest set.
        device: see `gancross.machine.devices.resolve_device`.
        batch_size: samples moved to the device at a time, in whole chunks of 500; changes no figure.
        data_root, image_size: where named data lie; side to which a folder's images are resized.
        deterministic: only operations that give the same bits again, on a GPU too; some are slower.
        progress: called with (what is judged, samples done, samples in all), in the first process alone.

    Returns:
        The `Result`: counts, rates, intervals, verdicts and the protocol they were found by.

    Raises:
        UsageError: contestants and data that do not fit together.
        DivergenceError: NaN or infinite samples or scores.
        ResourceError: metrics were asked for and their weights are not there; another process died; an
            operation is not deterministic.

    Source: Roth et al. 2017, §5.5.
    """
    started, clock = datetime.now(UTC), time.perf_counter()
    check_numbers(num_samples=num_samples, seed=seed, norm=norm, batch_size=batch_size)
    judges = _judges(contestants)
    processes = current()
    target = processes.device(resolve_device(device))
    reals = load_reals(data, data_root=data_root, image_size=image_size, seed=seed)
    test = reals.held_out(num_samples)
    sources = [Source(label=None, n=len(test), array=test)]
    sources += [fake_source(contestant, num_samples=num_samples, seed=seed) for contestant in contestants]
    training, no_training = training_reals(reals, train_data, num_samples, data_root, image_size, seed)
    extra = {Control.TRAINING: training}
    if controls:
        extra |= {Control.NOISE: uniform_noise(test, num_samples, seed=seed), Control.BLURRED: blurred(test)}
    sources += [
        Source(label=label, n=len(array), array=array) for label, array in extra.items() if array is not None
    ]
    modules = [
        module for contestant in contestants
        for module in (contestant.generator, contestant.discriminator) if module is not None
    ]  # fmt: skip
    fidelity = FidelityPass.prepared(
        metrics, sources=sources, test=test, device=target, weights=feature_weights,
        statistics=fid_statistics, save_to=save_fid_statistics, kid_subset_size=kid_subset_size,
    )  # fmt: skip
    with only_deterministic(deterministic), fidelity, evaluating(modules, target):
        check_fit(contestants, shape=reals.shape, device=target)
        judged = score_all(
            sources, judges, seed=seed, shape=reals.shape, device=target,
            batch_size=batch_size or CHUNK, norm=norm, norm_check=norm_check, quantize=quantize,
            watch=fidelity, progress=progress if processes.is_rank_zero else None,
        )  # fmt: skip
        measured = fidelity.record()
    asked = Asked(
        num_samples=num_samples, seed=seed, norm=norm, quantize=quantize, controls=controls,
        norm_check=norm_check, no_training=no_training,
    )  # fmt: skip
    found: dict[str, Any] = {}
    if processes.is_rank_zero:
        found = document(contestants, judged, reals=reals, test=test, asked=asked)
        found |= {key: value for key, value in measured.items() if key.startswith("fidelity")}
        found["protocol"]["fidelity"] = measured["protocol"]
        found["flags"] = sorted([*found["flags"], *measured["flags"]])
        found["provenance"] = {
            "gancross": __version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
            "device": str(target),
            "batch_size": batch_size or CHUNK,
            "processes": processes.size,
            "deterministic": deterministic,
            "started": started.isoformat(timespec="seconds"),
            "seconds": round(time.perf_counter() - clock, 3),
        }
    return shared(Result(found), processes)


def shared(result: Result, processes: Processes) -> Result:
    """The first process's result, on every process."""
    if processes.size == 1:
        return result
    return Result(json.loads(processes.broadcast_from_rank0(result.to_json().encode())))


def load_reals(
    data: Data | DataSet, *, data_root: Path, image_size: int | None, seed: int, download: bool = False
) -> DataSet:
    """The data set of a name, or of an array in memory, which then is the test set.

    Args:
        download: fetch a named set that is missing, where torchvision can.

    Raises:
        UsageError: an unknown name, or an array that is not in canonical form.
    """
    if isinstance(data, DataSet):
        return data
    if isinstance(data, str):
        return catalogue.load(data, root=data_root, image_size=image_size, test_seed=seed, download=download)
    test = data.detach().cpu() if isinstance(data, torch.Tensor) else torch.from_numpy(np.array(data))
    return finite("in memory", train=None, test=test, split="given")


def training_reals(
    reals: DataSet, given: Data | None, n: int, data_root: Path, image_size: int | None, seed: int
) -> tuple[torch.Tensor | None, str]:
    """At most n training reals, a seeded choice; or None and why there are none.

    Raises:
        UsageError: training data of another shape than the test data.
    """
    if given is not None and not isinstance(given, str):
        source = load_reals(given, data_root=data_root, image_size=image_size, seed=seed)
        if source.shape != reals.shape:
            raise UsageError(f"training samples have shape {source.shape}, test samples {reals.shape}")
        train: Reals | None = FiniteReals(array=source.held_out(n))
    elif given is not None:
        train = load_reals(given, data_root=data_root, image_size=image_size, seed=seed).train
    else:
        train = reals.train
    if train is None:
        return None, "no training data given"
    if train.size is None:
        return None, "endless data: no sample is seen twice, so there is no training set"
    return next(train.batches(seed=seed, batch_size=min(n, train.size), start=0)), ""


def _judges(contestants: Sequence[Contestant]) -> list[Contestant]:
    names = [contestant.name for contestant in contestants]
    if not names:
        raise UsageError("no contestants: give at least one")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(f"two contestants are called '{twice[0]}'; names must differ")
    judges = [contestant for contestant in contestants if contestant.discriminator is not None]
    if not judges:
        raise UsageError("no contestant has a discriminator, so nobody can judge")
    return judges
