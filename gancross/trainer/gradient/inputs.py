"""Checks of a discriminator and samples from a loop of the user's; each error is one line with a remedy."""

from __future__ import annotations

import inspect
import weakref
from typing import Any, cast

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from gancross.errors import UsageError, first_line
from gancross.trainer.gradient.scorer import Labels, Scorer
from gancross.trainer.gradient.structure import function_key
from gancross.trainer.gradient.verification import TOLERANCES, restored
from gancross.trainer.objective.regularizers import scores_of

# Operations that a score may pass after its sigmoid: they change shapes or average.
HARMLESS = (
    "View",
    "Squeeze",
    "Unsqueeze",
    "Reshape",
    "ReshapeAlias",
    "Flatten",
    "Mean",
    "Clamp",
    "UnsafeView",
    "Clone",
    "Select",
    "Alias",
)
_tried: weakref.WeakKeyDictionary[nn.Module, set[Any]] = weakref.WeakKeyDictionary()


def plain_module(discriminator: nn.Module) -> nn.Module:
    """The module that a wrapper around it runs: compiled, or `DataParallel` on one device.

    Raises:
        UsageError: not a module; or gradients that belong to several processes or devices.
    """
    if not isinstance(discriminator, nn.Module):
        raise UsageError(f"expected a torch.nn.Module as discriminator, got {type(discriminator).__name__}")
    if isinstance(discriminator, DistributedDataParallel):
        raise UsageError(
            "DistributedDataParallel does not support gradients of gradients: pass its .module, and average"
            " the gradients over the processes before the optimizer's step"
        )
    if isinstance(discriminator, nn.DataParallel) and len(discriminator.device_ids) < 2:
        return plain_module(cast(nn.Module, discriminator.module))
    if type(discriminator).__name__ == "OptimizedModule":  # torch.compile has no gradients of gradients
        return plain_module(cast(nn.Module, discriminator._orig_mod))
    return discriminator


def checked_samples(
    module: nn.Module, real: torch.Tensor, fake: torch.Tensor, real_labels: torch.Tensor | None,
    fake_labels: torch.Tensor | None,
) -> tuple[torch.Tensor, torch.Tensor, tuple[Labels, Labels]]:  # fmt: skip
    """Both batches, detached, and their labels, after all checks.

    Raises:
        UsageError: what does not fit.
    """
    if not torch.is_grad_enabled():
        raise UsageError("gradients are switched off: call gancross.penalties outside of torch.no_grad()")
    parameters = list(module.parameters())
    if not any(parameter.requires_grad for parameter in parameters):
        raise UsageError(
            "no parameter of the discriminator requires a gradient: call discriminator.requires_grad_(True)"
        )
    for name, samples in (("real", real), ("fake", fake)):
        _check(name, samples, parameters[0])
    if real.shape[1:] != fake.shape[1:] or real.dtype != fake.dtype:
        raise UsageError(
            f"real and fake samples differ: {tuple(real.shape[1:])} of {real.dtype} against"
            f" {tuple(fake.shape[1:])} of {fake.dtype}"
        )
    return real.detach(), fake.detach(), _checked_labels(module, real, fake, real_labels, fake_labels)


def _check(name: str, samples: torch.Tensor, parameter: torch.Tensor) -> None:
    if not isinstance(samples, torch.Tensor):
        raise UsageError(f"expected a tensor of {name} samples, got {type(samples).__name__}")
    if samples.ndim < 2 or len(samples) == 0:
        raise UsageError(f"expected one {name} sample or more, (N, …), got the shape {tuple(samples.shape)}")
    if not samples.is_floating_point():
        raise UsageError(
            f"{name} samples are {samples.dtype}: convert them to floating point in the networks' range"
        )
    if samples.device != parameter.device:
        raise UsageError(
            f"{name} samples are on {samples.device}, the discriminator on {parameter.device}: move either"
        )


def _checked_labels(
    module: nn.Module, real: torch.Tensor, fake: torch.Tensor, real_labels: torch.Tensor | None,
    fake_labels: torch.Tensor | None,
) -> tuple[Labels, Labels]:  # fmt: skip
    if (real_labels is None) != (fake_labels is None):
        raise UsageError("give real_labels and fake_labels, or neither")
    if real_labels is None or fake_labels is None:
        return (), ()
    for name, samples, labels in (("real", real, real_labels), ("fake", fake, fake_labels)):
        if not isinstance(labels, torch.Tensor):
            raise UsageError(f"{name}_labels: expected a tensor, got {type(labels).__name__}")
        if len(labels) != len(samples) or labels.device != samples.device:
            raise UsageError(
                f"{name}_labels: expected {len(samples)} on {samples.device}, got {len(labels)}"
                f" on {labels.device}"
            )
    if not takes(module, 2):
        raise UsageError(f"{type(module).__name__}.forward takes no labels after the samples")
    return (real_labels,), (fake_labels,)


def outside_reason(module: nn.Module, samples: torch.Tensor) -> str:
    """What around the network forbids the closed form, which does not go through autograd; or empty."""
    if torch.is_autocast_enabled(samples.device.type):
        return "closed form: unsupported autocast"
    if samples.dtype not in TOLERANCES:
        return f"closed form: unsupported precision {samples.dtype}"
    for parameter in module.parameters():
        if parameter._backward_hooks or parameter._post_accumulate_grad_hooks:
            return "closed form: unsupported hooks on parameters"
    return ""


def refuse_probabilities(scorer: Scorer, samples: torch.Tensor, labels: Labels) -> None:
    """Tries the first batch of every shape: every objective takes scores before any sigmoid.

    Raises:
        UsageError: the scores are the result of a sigmoid, or the network does not take the samples.
    """
    tried = _tried.setdefault(scorer.module, set())
    key = (scorer.module.training, samples.shape[1:], samples.dtype, bool(labels), function_key(scorer.score))
    if key in tried:
        return
    try:
        with restored(scorer.module):
            output = scorer(samples, *labels)
    except RuntimeError as error:
        raise UsageError(
            f"the discriminator does not take samples {tuple(samples.shape)} of {samples.dtype}:"
            f" {first_line(error)}"
        ) from error
    scores = scores_of(output, samples)
    if ends_in_sigmoid(scores):
        raise UsageError(
            "the discriminator returns probabilities, the result of a sigmoid: return the logits"
        )
    inside = any(isinstance(module, nn.Sigmoid) for module in scorer.module.modules())
    if scorer.score is None and inside and bool(((scores >= 0) & (scores <= 1)).all()):
        raise UsageError(
            "the discriminator has a sigmoid, and its scores lie in [0, 1]: return the logits; if it does so,"
            " say so by score=lambda out: out"
        )
    tried.add(key)


def ends_in_sigmoid(scores: torch.Tensor) -> bool:
    """Whether scores are the output of a sigmoid, reshaped or averaged or not, by their gradient's graph."""
    node = scores.grad_fn
    while node is not None:
        name = node.name().rstrip("0123456789").removesuffix("Backward")
        if name == "Sigmoid":
            return True
        if name not in HARMLESS or not node.next_functions:
            return False
        node = node.next_functions[0][0]
    return False


def takes(module: nn.Module, count: int) -> bool:
    """Whether `forward` takes that many positional arguments."""
    try:
        inspect.signature(module.forward).bind(*[None] * count)
    except (TypeError, ValueError):
        return False
    return True
