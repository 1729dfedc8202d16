"""Every judge on every sample set: raw scores, normalised once so that high means real."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from gancross.checkpoint.contestant import Contestant
from gancross.errors import DivergenceError, UsageError
from gancross.evaluator.judging.batch_norm_passes import PASSES, Norm, has_batch_norm, norms
from gancross.evaluator.judging.memory_layout import Lying, is_channels_last, laid_out
from gancross.evaluator.judging.sampling import CHUNK, Label, Source, chunks, shown
from gancross.machine.distributed import current

CLIP = 2.0**-24  # probabilities are clipped to [2⁻²⁴, 1−2⁻²⁴] before they become logits

Array = NDArray[np.float64]
OfJudge = dict[Label, Array]


class Watcher(Protocol):
    """Sees the chunks that the judges see."""

    def wants(self, label: Label) -> bool:
        """Whether it has use for the chunks of this source."""

    def add(self, label: Label, chunk: torch.Tensor, count: int) -> None:
        """One chunk of a source, of which the first `count` samples are no padding."""

    def finish_source(self, label: Label) -> None:
        """All of this process's chunks of the source were added."""


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What every judge made of every source (None: the test data).

    Attributes:
        scores: by mode of normalisation, judge and source; float64, high meaning real. A judge without
            batch norm stands under "eval" only.
        clipped: by judge, how many probabilities were clipped.
        batch_normalised: judges that have batch norm, scored in one mode or in both.
    """

    scores: dict[Norm, dict[str, OfJudge]]
    clipped: dict[str, int]
    batch_normalised: frozenset[str]

    def of(self, judge: str, norm: Norm) -> OfJudge:
        """A judge's scores in a mode; without batch norm both modes are the same."""
        return self.scores[norm if judge in self.batch_normalised else "eval"][judge]

    def has_modes(self, judge: str) -> bool:
        """Whether the judge was scored in both modes."""
        return all(judge in self.scores[norm] for norm in PASSES)


def score_all(
    sources: Iterable[Source],
    judges: list[Contestant],
    *,
    seed: int,
    shape: tuple[int, ...],
    device: torch.device,
    batch_size: int,
    norm: Norm = "eval",
    norm_check: bool = True,
    quantize: bool = True,
    watch: Watcher | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> Judged:
    """Each source is sampled once; every judge sees each chunk, then the chunk is dropped.

    Several processes divide the chunks among them, and all of them return all scores.

    Args:
        batch_size: samples moved to the device at a time, in whole chunks.
        norm, norm_check: how judges with batch norm normalise, and whether in both ways.
        quantize: generated images are rounded to 8 bits.
        watch: sees each chunk too, and is told when its source is done.

    Raises:
        UsageError: shapes that do not fit, or a discriminator that fails on the data.
        DivergenceError: a sample or a score is NaN or infinite; the contestant is named.
    """
    group = -(-batch_size // CHUNK)
    modes = [(judge, mode) for judge in judges for mode in norms(judge, primary=norm, check=norm_check)]
    last = [
        is_channels_last(judge.discriminator, device) for judge, _ in modes if judge.discriminator is not None
    ]
    raw: dict[Norm, dict[str, dict[Label, torch.Tensor]]] = {mode: {} for mode in PASSES}
    processes = current()
    for source in sources:
        part = processes.share(len(source.chunks))
        own = source.chunks[part]
        passes = [PASSES[mode](judge, source.n, own=own, chunk=CHUNK) for judge, mode in modes]
        numbers = sorted(set(own).union(*(one.needed() for one in passes)))
        made = chunks(
            source, seed=seed, shape=shape, device=device, group=group, quantize=quantize, numbers=numbers
        )
        for place, (number, chunk) in enumerate(zip(numbers, made, strict=True), start=1):
            lying = Lying(chunk)
            for (judge, mode), one, lies_last in zip(modes, passes, last, strict=True):
                if lies_last:
                    ready = lying.ready(judge.data_range) if mode == "eval" else None
                    one.add(number, lying.channels_last, ready)
                else:
                    one.add(number, lying.row_by_row)
            if watch is not None and number in own and watch.wants(source.label):
                watch.add(source.label, lying.row_by_row, min(CHUNK, source.n - number * CHUNK))
            if progress is not None:
                progress(shown(source.label), source.n * place // len(numbers), source.n)
        for (judge, mode), one in zip(modes, passes, strict=True):
            whole = processes.all_gather(one.finish().double().cpu())
            raw[mode].setdefault(judge.name, {})[source.label] = whole
        if watch is not None:
            watch.finish_source(source.label)
    normalised = frozenset(judge.name for judge in judges if has_batch_norm(judge))
    return _normalised(raw, {judge.name: judge for judge in judges}, normalised)


def real_high(scores: Array, judge: Contestant) -> Array:
    """Scores as logits where they were probabilities, turned so that a high score means real."""
    if judge.score_kind == "probability":
        clipped = np.clip(scores, CLIP, 1 - CLIP)
        scores = np.log(clipped) - np.log1p(-clipped)
    return -scores if judge.orientation == "fake_high" else scores


def real_high_threshold(judge: Contestant) -> float | None:
    """τ in the orientation of `real_high`."""
    if judge.threshold is None or judge.orientation == "real_high":
        return judge.threshold
    return -judge.threshold


@contextmanager
def evaluating(modules: list[nn.Module], device: torch.device) -> Iterator[None]:
    """Inside, the modules are on `device` in evaluation mode, laid out for it; afterwards as they were."""
    modes = [(part, part.training) for module in modules for part in module.modules()]
    homes = [next((tensor.device for tensor in module.parameters()), device) for module in modules]
    for module in modules:
        module.to(device).eval()
    try:
        with ExitStack() as layouts:
            for module in modules:
                layouts.enter_context(laid_out(module, device))
            with torch.inference_mode():
                yield
    finally:
        for module, home in zip(modules, homes, strict=True):
            module.to(home)
        for part, training in modes:
            part.training = training


def _normalised(
    raw: dict[Norm, dict[str, dict[Label, torch.Tensor]]],
    judges: dict[str, Contestant],
    normalised: frozenset[str],
) -> Judged:
    scores: dict[Norm, dict[str, OfJudge]] = {mode: {} for mode in raw}
    clipped: dict[str, int] = {}
    for mode, by_judge in raw.items():
        for name, tensors in by_judge.items():
            arrays = {label: values.numpy() for label, values in tensors.items()}
            _check_scores(judges[name], arrays)
            if judges[name].score_kind == "probability":
                outside = sum(int(((v < CLIP) | (v > 1 - CLIP)).sum()) for v in arrays.values())
                clipped[name] = max(clipped.get(name, 0), outside)
            scores[mode][name] = {label: real_high(v, judges[name]) for label, v in arrays.items()}
    return Judged(scores=scores, clipped=clipped, batch_normalised=normalised)


def _check_scores(judge: Contestant, arrays: dict[Label, Array]) -> None:
    for label, values in arrays.items():
        bad = int((~np.isfinite(values)).sum())
        if bad:
            raise DivergenceError(
                f"contestant '{judge.name}': {bad} of its {len(values)} scores on {shown(label)} are NaN or"
                " infinite; nothing was counted"
            )
    low = min(float(values.min()) for values in arrays.values())
    high = max(float(values.max()) for values in arrays.values())
    if judge.score_kind == "probability" and (low < 0 or high > 1):
        raise UsageError(
            f"contestant '{judge.name}': score_kind is 'probability' but scores reach from"
            f" {low:g} to {high:g}"
        )
