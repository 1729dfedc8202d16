"""Noisy samples, and what a referee's network makes of them.

Shape suffixes: N samples, K rungs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from gancross.evaluator.referees.judge import Judge
from gancross.evaluator.referees.ladder import Ladder
from gancross.evaluator.referees.parts import UNWATCHED, Meter
from gancross.machine.devices import moved
from gancross.random_streams import Stream

BLOCK = 125  # samples that a network scores at a time; their planes fit into a CPU's cache

Weights = Mapping[str, torch.Tensor]


def noisy(
    samples: torch.Tensor, ladder: Ladder, level: torch.Tensor, noise: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """x + σε and σ, where ln σ = (1 − t) ln σ_finest + t ln σ_coarsest.

    Args:
        samples: (N, …) in canonical form.
        level: t, (N,) in [0, 1].
        noise: ε, of the samples' shape.
    """
    low, high = ladder.log_range
    sigma = torch.exp(low + (high - low) * level)
    broad = sigma.view(-1, *(1,) * (samples.ndim - 1))
    return torch.addcmul(ladder.inputs(samples), broad, noise), sigma


@torch.no_grad()
def rung_scores(
    judges: Sequence[nn.Module], array: torch.Tensor, rows: NDArray[np.int64], ladder: Ladder, *, rung: int,
    stream: Stream, device: torch.device, labels: torch.Tensor | None = None, meter: Meter = UNWATCHED,
) -> NDArray[np.float32]:  # fmt: skip
    """The scores (S, N) of S judges of one kind on some rows at one rung, on the same noisy inputs.

    Args:
        stream: of the noise.
        labels: of all samples of the array, on its device, where judges see them.
    """
    generator, ladder = stream.torch_generator(device), ladder.on(device)
    level = torch.full((BLOCK,), rung / (len(ladder.sigmas) - 1), device=device)
    parts = []
    for block in torch.split(moved(torch.from_numpy(rows), array.device), BLOCK):
        samples = moved(array[block], device)
        noise = torch.randn(samples.shape, generator=generator, device=device)
        inputs = cast(Judge, judges[0]).inputs(*noisy(samples, ladder, level[: len(block)], noise))
        own = () if labels is None else (moved(labels[block], device),)
        parts.append(torch.stack([judge(inputs, *own) for judge in judges]))
        meter.scored(len(judges) * len(block))
    scores: NDArray[np.float32] = torch.cat(parts, 1).cpu().numpy()
    return scores


def ladder_scores(
    judges: Mapping[int, nn.Module], chosen: Sequence[int], array: torch.Tensor,
    rows: NDArray[np.int64], ladder: Ladder, *, noise: Callable[[str], Stream], device: torch.device,
    labels: torch.Tensor | None = None, meter: Meter = UNWATCHED,
) -> NDArray[np.float32]:  # fmt: skip
    """The scores (K, N) of a referee on some rows.

    Args:
        judges: its snapshots by step.
        chosen: the step that judges at each rung.
        noise: the stream of noise of a rung's name.
        labels: as of `rung_scores`.
    """
    rungs = [
        rung_scores(
            [judges[step]], array, rows, ladder, rung=rung, stream=noise(f"rung-{rung}"), device=device,
            labels=labels, meter=meter,
        ) for rung, step in enumerate(chosen)
    ]  # fmt: skip
    return np.concatenate(rungs)
