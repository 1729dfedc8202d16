"""Batch norm that is not what it was in training: no averages, averages of another network, out of reach."""

from __future__ import annotations

import torch
from torch import nn

from gancross.checkpoint.contestant import NETWORK_FAILURES
from gancross.errors import UsageError
from gancross.evaluator.judging.behaviour import Call, FewRows, alike, mixed_rows
from gancross.models.batch_norm import averaging_layers, batch_norms, batch_statistics
from gancross.models.module_state import modules_kept

FEWEST = 32  # samples whose own statistics stand for those of training
STALE = 0.8  # of the samples' spread, in the mode where they vary less
STALE_OF_DATA = 0.3  # of the data's spread


def untrained_norm(network: nn.Module) -> bool:
    """Whether a layer's running averages are those of no batch, mean 0 and variance 1."""
    buffers = dict(network.named_buffers())
    for name, mean in buffers.items():
        variance = buffers.get(name.removesuffix("running_mean") + "running_var")
        if variance is None or not name.endswith("running_mean"):
            continue
        if not mean.any() and bool((variance == 1).all()):
            return True
    return False


def stale_norm(generator: nn.Module, call: Call, *, base: torch.Tensor, data: torch.Tensor) -> bool:
    """Whether running averages are those of other weights, as beside averaged ones that came without buffers.

    Normalised by the statistics of the batch itself, samples move by

        √(mean (x_batch − x_averages)²) > 0.8 min(s_batch, s_averages) and > 0.3 s_data

    where s is the spread, √(mean variance of a value over samples). Of generators trained on the digits, also
    of averaged weights beside the buffers of the last step, they moved by at most 0.62 of that spread and 0.2
    of the data's; of averaged weights beside the averages of an untrained network by 1 and 0.38, or more.

    Args:
        base: the samples (N, d) of the first N latents with running averages.
        data: (N, d), in the range of the samples.
    """
    if len(base) < FEWEST or not averaging_layers(generator) or untrained_norm(generator):
        return False
    try:
        with batch_statistics(generator):
            by_batch = call(torch.arange(len(base)), 0)
    except (UsageError, *NETWORK_FAILURES):
        return False
    move = float((by_batch - base).double().square().mean().sqrt())
    smaller = min(_spread(base), _spread(by_batch))
    return move > STALE * smaller and move > STALE_OF_DATA * _spread(data)


def _spread(samples: torch.Tensor) -> float:
    return float(samples.double().var(0, correction=0).mean().sqrt())


def unreachable_norm(judge: nn.Module, call: Call, scores: torch.Tensor) -> bool:
    """Whether a layer's running averages are used in training mode too, as in a traced module.

    torch's own layers are known to have two modes; others are switched one by one.
    """
    known = {id(layer) for layer in batch_norms(judge)}
    for layer in averaging_layers(judge):
        if id(layer) in known:
            continue
        try:
            with batch_statistics(layer):
                if bool((call(torch.arange(len(scores)), 0) == scores).all()):
                    return True
        except (UsageError, *NETWORK_FAILURES):
            return True
    return False


def sees_company_in_training(
    judge: nn.Module, call: Call, scores: torch.Tensor, total: int, few: FewRows | None
) -> bool:
    """Whether scores depend on other samples in training mode, whatever layers that are known do.

    So does batch norm that keeps its averages under names of its own. Noise of one seed falls on one place;
    with noise that no seed reaches nothing can be said. A judge with the same scores in both modes, to the
    last bit, does the same in both.

    Args:
        scores: of the first samples in evaluation mode, which do not depend on others.
        total: samples, the rest of which are strangers.
        few: a call in evaluation mode; it tells whether a judge does the same in both by fewer samples.
    """
    n = len(scores)
    rows, mixed, half = torch.arange(n), mixed_rows(n, total), n - (total - n)
    with modules_kept([judge]):
        try:
            judge.train()
            for layer in averaging_layers(judge):
                layer.eval()
            if few is not None and torch.equal(call(few.rows, 1), few.output):
                return False
            first = call(rows, 0)
            if torch.equal(first, scores):
                return False
            first, second = first[:half], call(mixed, 0)[:half]
            return not alike(first, second) and alike(first, call(rows, 0)[:half])
        except (UsageError, *NETWORK_FAILURES):
            return False
