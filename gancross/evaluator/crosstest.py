"""The whole cross-test in reading order: samples, scores, counts, tables, verdicts, record."""

from __future__ import annotations

import hashlib
import platform
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gancross import __version__
from gancross.contestant import Contestant
from gancross.data import catalogue
from gancross.data.sets import DataSet, finite
from gancross.devices import resolve_device
from gancross.errors import UsageError
from gancross.evaluator.auc import auc
from gancross.evaluator.confusion import Confusion, Share, false_negatives, false_positives
from gancross.evaluator.result import FORMAT, Result
from gancross.evaluator.sampling import CHUNK, Source, check_fit, fake_source
from gancross.evaluator.scoring import Judged, evaluating, real_high_threshold, score_all
from gancross.evaluator.statistics import wilson_interval
from gancross.evaluator.verdict import Standing, Verdict, paper_verdict

Data = str | torch.Tensor | np.ndarray[Any, Any]
Progress = Callable[[str, int, int], None]

NO_THRESHOLD = "no threshold: its scores rank samples but decide nothing"
NO_DISCRIMINATOR = "no discriminator: it is judged and judges nobody"


def crosstest(
    contestants: Sequence[Contestant],
    *,
    data: Data,
    num_samples: int = 10_000,
    seed: int = 0,
    device: str = "auto",
    batch_size: int | None = None,
    data_root: Path = catalogue.DEFAULT_ROOT,
    image_size: int | None = None,
    progress: Progress | None = None,
) -> Result:
    """Cross-tests two or more models: every discriminator judges every generator and the test data.

    Args:
        contestants: distinct names; at least one has a discriminator.
        data: a data set's name, uint8 images (N, C, H, W) or float32 vectors (N, d). The whole held-out
            set is used; endless data give `num_samples` reals.
        num_samples: drawn from each generator.
        seed: of the latents and of endless data.
        device: see `gancross.devices.resolve_device`.
        batch_size: samples moved to the device at a time, in whole chunks of 500; changes no figure.
        data_root, image_size: where named data lie; side to which a folder's images are resized.
        progress: called with (what is judged, samples done, samples in all).

    Returns:
        The `Result`: counts, rates and verdicts of `docs/protocol.md`.

    Raises:
        UsageError: contestants and data that do not fit together.
        DivergenceError: NaN or infinite samples or scores.

    Source: Roth et al. 2017, §5.5.
    """
    started, clock = datetime.now(UTC), time.perf_counter()
    if num_samples < 1:
        raise UsageError(f"the number of samples must be at least 1, is {num_samples}")
    if batch_size is not None and batch_size < 1:
        raise UsageError(f"the batch size must be at least 1, is {batch_size}")
    judges = _judges(contestants)
    target = resolve_device(device)
    if isinstance(data, str):
        reals = catalogue.load(data, root=data_root, image_size=image_size, test_seed=seed)
    else:
        reals = finite("in memory", train=None, test=_as_tensor(data), split="given")
    test = reals.held_out(num_samples)
    sources = [Source(label=None, n=len(test), array=test)]
    sources += [fake_source(contestant, num_samples=num_samples) for contestant in contestants]
    modules = [
        module for contestant in contestants
        for module in (contestant.generator, contestant.discriminator) if module is not None
    ]  # fmt: skip
    with evaluating(modules, target):
        check_fit(contestants, shape=reals.shape, device=target)
        judged = score_all(
            sources, judges, seed=seed, shape=reals.shape, device=target,
            batch_size=batch_size or CHUNK, progress=progress,
        )  # fmt: skip
    document = {
        "format": FORMAT,
        "status": "ok",
        "protocol": _protocol(reals, test, num_samples=num_samples, seed=seed),
        "contestants": [_identity(contestant) for contestant in contestants],
        **tables(contestants, judged),
        "flags": _flags(judged, contestants, num_samples),
        "provenance": {
            "gancross": __version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
            "device": str(target),
            "batch_size": batch_size or CHUNK,
            "started": started.isoformat(timespec="seconds"),
            "seconds": round(time.perf_counter() - clock, 3),
        },
    }
    return Result(document)


def tables(contestants: Sequence[Contestant], judged: Judged) -> dict[str, Any]:
    """`confusion`, `cross`, `pairs` and `verdict` of the record, from scores alone."""
    cells: dict[tuple[str, str], Confusion | None] = {}
    cross: list[dict[str, Any]] = []
    judges = [contestant for contestant in contestants if contestant.discriminator is not None]
    for judge in judges:
        scores = judged.scores[judge.name]
        threshold = real_high_threshold(judge)
        for contestant in contestants:
            fake = scores[contestant.name]
            cell = None
            if threshold is not None:
                cell = Confusion(
                    fn=false_negatives(scores[None], threshold), fp=false_positives(fake, threshold)
                )
            cells[judge.name, contestant.name] = cell
            cross.append(
                {"judge": judge.name, "generator": contestant.name}
                | _rate("fp", None if cell is None else cell.fp, NO_THRESHOLD)
                | {"auc": {"value": auc(real=scores[None], fake=fake)}}
            )
    pairs = [
        {
            "a": a.name,
            "b": b.name,
            "paper": _plain(paper_verdict(_standing(a, b, cells), _standing(b, a, cells))),
        }
        for a, b in combinations(contestants, 2)
    ]
    return {
        "confusion": {c.name: _confusion(c, cells.get((c.name, c.name))) for c in contestants},
        "cross": cross,
        "pairs": pairs,
        "verdict": {"paper": pairs[0]["paper"] if len(pairs) == 1 else _no_single_pair(len(contestants))},
    }


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


def _as_tensor(data: torch.Tensor | np.ndarray[Any, Any]) -> torch.Tensor:
    return data.detach().cpu() if isinstance(data, torch.Tensor) else torch.from_numpy(np.array(data))


def _standing(
    contestant: Contestant, other: Contestant, cells: dict[tuple[str, str], Confusion | None]
) -> Standing:
    cell = cells.get((contestant.name, other.name))
    if cell is None:
        return Standing(name=contestant.name, cross_fp=None, fn=None)
    return Standing(name=contestant.name, cross_fp=cell.fp, fn=cell.fn)


def _rate(key: str, share: Share | None, reason: str) -> dict[str, Any]:
    if share is None:
        return {key: None, f"{key}_reason": reason}
    interval = list(wilson_interval(share))
    return {key: {"count": share.count, "n": share.n, "rate": share.rate, "ci95": interval}}


def _confusion(contestant: Contestant, cell: Confusion | None) -> dict[str, Any]:
    if cell is None:
        reason = NO_DISCRIMINATOR if contestant.discriminator is None else NO_THRESHOLD
        return {"counts": None, "counts_reason": reason, "rates": None, "rates_reason": reason} | {
            key: value for name in ("fn", "fp") for key, value in _rate(name, None, reason).items()
        }
    rates = _rate("fn", cell.fn, NO_THRESHOLD) | _rate("fp", cell.fp, NO_THRESHOLD)
    return {"counts": cell.counts(), "rates": cell.rates(), **rates}


def _plain(verdict: Verdict) -> dict[str, Any]:
    return {"winner": verdict.winner, "reason": verdict.reason}


def _no_single_pair(n: int) -> dict[str, Any]:
    return {"winner": None, "reason": f"{n} contestants: see the verdicts of the pairs"}


def _protocol(reals: DataSet, test: torch.Tensor, *, num_samples: int, seed: int) -> dict[str, Any]:
    digest = hashlib.sha256(f"{test.dtype} {tuple(test.shape)}\n".encode())
    digest.update(test.contiguous().numpy().tobytes())
    return {
        "data": {
            "name": reals.name, "split": reals.split, "image_size": reals.image_size,
            "shape": list(reals.shape), "sha256": digest.hexdigest(), "num_real": len(test),
        },
        "num_fake": num_samples, "seed": seed, "norm": "eval", "quantize": True, "chunk": CHUNK,
        "threads": torch.get_num_threads(),
    }  # fmt: skip


def _identity(contestant: Contestant) -> dict[str, Any]:
    origin = contestant.origin
    return {
        "name": contestant.name,
        "path": origin and origin.path,
        "sha256": origin and origin.sha256,
        "method": contestant.method,
        "score_kind": contestant.score_kind,
        "orientation": contestant.orientation,
        "threshold": contestant.threshold,
        "step": origin and origin.step,
        "recipe": origin and origin.recipe,
    }


def _flags(judged: Judged, contestants: Sequence[Contestant], num_samples: int) -> list[str]:
    flags = [
        f"'{name}': {count} probabilities were clipped to [2^-24, 1-2^-24] before they became logits"
        for name, count in judged.clipped.items()
        if count
    ]
    for contestant in contestants:
        if contestant.samples is not None and len(contestant.samples) < num_samples:
            flags.append(
                f"'{contestant.name}': only {len(contestant.samples)} samples, {num_samples} asked for"
            )
    return flags
