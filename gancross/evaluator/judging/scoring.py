"""Every judge on every sample set: raw scores, normalised once so that high means real."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from gancross.checkpoint.contestant import Contestant
from gancross.checkpoint.replicas import network_crew
from gancross.checkpoint.shared_state import FirstCall
from gancross.errors import DivergenceError, UsageError
from gancross.evaluator.judging.batch_norm_passes import group_size, has_batch_norm, norms
from gancross.evaluator.judging.pieces import ChunkObserver, SourcePart, done_in_order
from gancross.evaluator.judging.sampling import (
    Label,
    Source,
    check_finite,
    chunks,
    fake_source,
    probe_samples,
    title,
)
from gancross.evaluator.judging.scores import Array, Scores, ScoresBySource, logits
from gancross.evaluator.protocol import NORMS, Norm, Protocol, checked_chunk, chunk_length
from gancross.machine.devices import Fetched
from gancross.machine.distributed import current
from gancross.machine.process_state import own_turn
from gancross.models.module_state import evaluation_mode, modules_kept

ROUNDING = 1e-3  # of sums of probabilities in half precision
CLIP = 2.0**-24  # probabilities are clipped to [2⁻²⁴, 1−2⁻²⁴] before they become logits

T = TypeVar("T")
Progress = Callable[[str, int, int], None]  # what is judged, samples done, samples in all
RawScores = dict[Norm, dict[str, dict[Label, torch.Tensor]]]


def score_all(
    sources: Iterable[Source],
    judges: Sequence[Contestant],
    protocol: Protocol,
    *,
    shape: tuple[int, ...],
    device: torch.device,
    coupled: Collection[str] = (),
    grouped: Collection[str] = (),
    unswitchable: Collection[str] = (),
    readers: Collection[str] = (),
    noisy: bool = False,
    batch_size: int | None = None,
    observer: ChunkObserver | None = None,
    progress: Progress | None = None,
) -> Scores:
    """Each source is sampled once; every judge sees each chunk, then the chunk is dropped.

    Threads divide the chunks among them, each on one core; several processes divide them too, and all of
    them return all scores. The scores depend on the number of neither.

    Args:
        coupled: judges whose scores depend on the samples beside them.
        grouped: judges that see whole training batches, the coupled ones among them.
        unswitchable: judges whose batch norm cannot be switched to batch statistics.
        readers: judges that do not write into their input, and may see what others see.
        noisy: whether a network is known to draw noise of its own; then one thread calls all of them.
        batch_size: samples moved to the device at a time, in whole chunks; by default one chunk.
        observer: sees each chunk too, and is told when its source is done.

    Raises:
        UsageError: shapes that do not fit, or a discriminator that fails on the data.
        DivergenceError: a sample or a score is NaN or infinite; the contestant is named.
    """
    switchable = frozenset(
        judge.name for judge in judges if has_batch_norm(judge) and judge.name not in unswitchable
    )
    modes = [
        (judge, mode) for judge in judges for mode in norms(protocol, switchable=judge.name in switchable)
    ]
    raw: RawScores = {mode: {} for mode in NORMS}
    processes = current()
    clipped_values, at_once = dict[str, int](), dict[str, bool]()
    classes: dict[Label, NDArray[np.int64]] = {}
    with network_crew(device, alone=noisy) as workers:
        parts = (
            SourcePart(
                source, modes, protocol, workers, shape=shape, device=device, grouped={*grouped, *coupled},
                switchable=switchable, batch_size=batch_size, observer=observer,
                at_once=at_once, readers=readers,
            ) for source in sources
        )  # fmt: skip
        for part, done, is_last in done_in_order(parts, workers):
            source = part.source
            if progress is not None and done:
                progress(title(source.label), source.n * done // part.length, source.n)
            if not is_last:
                continue
            part.check_finite()
            if source.labels is not None:
                classes[source.label] = source.labels.numpy()
            for (judge, mode), judge_pass in zip(modes, part.passes, strict=True):
                scores = processes.all_gather(judge_pass.finish().double().cpu())
                raw[mode].setdefault(judge.name, {})[source.label] = scores
            if source.contestant is not None and protocol.quantize and len(shape) == 3:
                total = processes.all_gather(torch.tensor([part.clipped()], dtype=torch.float64)).sum()
                clipped_values[source.contestant.name] = int(total)
            if observer is not None:
                observer.finish_source(source.label)
    checked = _checked(raw, judges, coupled, switchable)
    # Of models without labels nobody asked how they do on classes.
    known = classes if any(isinstance(label, str) for label in classes) else {}
    return replace(checked, clipped_values=clipped_values, classes=known)


def real_high(scores: Array, judge: Contestant) -> Array:
    """Scores as logits where they were probabilities, turned so that a high score means real."""
    if judge.score_kind == "probability":
        scores = logits(np.clip(scores, CLIP, 1 - CLIP))
    return -scores if judge.orientation == "fake_high" else scores


@contextmanager
def evaluating(modules: list[nn.Module], device: torch.device) -> Iterator[None]:
    """Inside, the modules are on `device` in evaluation mode, without gradients; afterwards as they were.

    Not in inference mode: nobody could train with a tensor that a network makes at its first pass and keeps.
    """
    with own_turn(), modules_kept(modules), torch.no_grad():
        for module in modules:
            evaluation_mode(module.to(device))
        yield


def canonical_samples(
    contestant: Contestant,
    *,
    num_samples: int,
    seed: int = 0,
    purpose: str = "sample",
    device: torch.device,
    progress: Callable[[int, int], None] | None = None,
    clipped: MutableMapping[int, torch.Tensor] | None = None,
    chunk: int | None = None,
) -> torch.Tensor:
    """The first samples of a contestant as a cross-test would see them: fixed chunks, evaluation mode, 8 bit.

    Args:
        num_samples: of given samples a seeded choice, or all where there are fewer.
        seed, purpose: with the contestant's name, of the latents; "crosstest" gives a cross-test's samples.
        progress: called after every chunk with (samples done, samples in all).
        clipped: as of `chunks`.
        chunk: samples that the generator makes at a time; None: see `chunk_length`.

    Returns:
        On the CPU: uint8 images (N, C, H, W), or float32 vectors (N, d).

    Raises:
        UsageError: fewer than one sample asked for.
        DivergenceError: the generator makes NaN or infinite values.
    """
    if num_samples < 1:
        raise UsageError(f"the number of samples must be at least 1, is {num_samples}")
    chunk = checked_chunk(chunk)
    modules = [] if contestant.generator is None else [contestant.generator]
    with evaluating(modules, device):
        if chunk is None:
            samples = contestant.samples
            samples = probe_samples(contestant, device) if samples is None else samples
            chunk = chunk_length(tuple(samples.shape[1:]))
        source = fake_source(contestant, num_samples=num_samples, seed=seed, purpose=purpose, chunk=chunk)
        finite: list[torch.Tensor] = []

        def piece(number: int) -> Fetched:
            (samples,) = chunks(
                source, seed=seed, shape=None, device=device, group=1, purpose=purpose, clipped=clipped,
                numbers=[number], finite=finite,
            )  # fmt: skip
            return Fetched(samples.contiguous())

        # What a generator makes at its first call and keeps is the same however many threads follow, and they
        # follow only where that call changed nothing that they would share.
        begun, alone = _first_call(contestant, piece)
        found, done = torch.empty(0), 0
        with network_crew(device, alone=alone) as workers:
            for following in chain(workers.in_order(piece, source.chunks[1:]), [None]):
                samples = begun.result()  # a GPU makes the following samples meanwhile
                if not done:  # all of them twice, in parts and joined, would be much memory
                    found = samples.new_empty((source.n, *samples.shape[1:]))
                part = found[done : done + chunk]
                part.copy_(samples[: len(part)])
                done += len(part)
                if progress is not None:
                    progress(done, source.n)
                begun = following or begun
        check_finite(source, finite)
    return found


def _first_call(contestant: Contestant, piece: Callable[[int], T]) -> tuple[T, bool]:
    """What `piece` makes of the first chunk; and whether its generator changes what threads would share."""
    if contestant.generator is None:
        return piece(0), False
    watched, separable = FirstCall(contestant.generator), False
    try:
        made = piece(0)
    finally:
        separable = watched.end()
    return made, not separable


def canonical_labels(
    contestant: Contestant, *, num_samples: int, seed: int = 0, purpose: str = "sample"
) -> torch.Tensor | None:
    """The labels of the samples that `canonical_samples` gives for the same arguments, in their order.

    Returns:
        int64 (N,); None where the samples have none.
    """
    return fake_source(contestant, num_samples=num_samples, seed=seed, purpose=purpose).labels


def _checked(
    raw: RawScores, judges: Sequence[Contestant], coupled: Collection[str], switchable: frozenset[str]
) -> Scores:
    by_norm: dict[Norm, dict[str, ScoresBySource]] = {mode: {} for mode in raw}
    clipped: dict[str, int] = {}
    for judge in judges:
        for mode in _modes(raw, judge):
            arrays = {label: values.numpy() for label, values in raw[mode][judge.name].items()}
            clipped[judge.name] = max(clipped.get(judge.name, 0), checked_scores(judge, arrays))
            by_norm[mode][judge.name] = ScoresBySource(
                arrays={label: real_high(values, judge) for label, values in arrays.items()},
                group_size=group_size(
                    judge, mode, coupled=judge.name in coupled, switchable=judge.name in switchable
                ),
            )
    return Scores(by_norm=by_norm, clipped=clipped, batch_normalised=switchable)


def _modes(raw: RawScores, judge: Contestant) -> list[Norm]:
    """The modes in which a judge was scored."""
    return [mode for mode, by_judge in raw.items() if judge.name in by_judge]


def checked_scores(judge: Contestant, arrays: Mapping[Label, Array]) -> int:
    """How many probabilities will be clipped; an error where a score is not finite, or not a probability."""
    for label, values in arrays.items():
        bad = int((~np.isfinite(values)).sum())
        if bad:
            raise DivergenceError(
                f"contestant '{judge.name}': {bad} of its {len(values)} scores on {title(label)} are NaN or"
                " infinite; nothing was counted"
            )
    if judge.score_kind != "probability":
        return 0
    low = min(float(values.min()) for values in arrays.values())
    high = max(float(values.max()) for values in arrays.values())
    if low < -ROUNDING or high > 1 + ROUNDING:
        raise UsageError(
            f"contestant '{judge.name}': score_kind is 'probability' but scores reach from {low:g}"
            f" to {high:g}: give the score_kind that they have, logit for example"
        )
    return sum(int(((values < CLIP) | (values > 1 - CLIP)).sum()) for values in arrays.values())
