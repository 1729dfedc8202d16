"""The labels of a contestant: how likely each class is, and whether its discriminator takes them.

Shape suffixes: N samples, K classes.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Mapping, Set
from typing import Any, Literal, cast, get_args

import torch
from torch import nn

from gancross.arguments import truth
from gancross.checkpoint.functions import FunctionNetwork
from gancross.data.sets import native_array
from gancross.errors import UsageError, unknown_name
from gancross.models.network import Network

NamedPrior = Literal["uniform", "data"]
LabelPrior = NamedPrior | tuple[float, ...]
SUM_ROUNDING = 1e-9
MOST_CLASSES = 100_000
# What published discriminators call their labels.
LABEL_NAMES = frozenset({
    "y", "c", "cls", "label", "labels", "class_label", "class_labels", "classes", "class_id", "class_ids",
    "class_idx", "target", "targets", "cond", "condition", "conditions",
})  # fmt: skip


def label_fields(
    prefix: str, *, generator: nn.Module | None, discriminator: nn.Module | None,
    samples: torch.Tensor | None, labels: object, num_classes: int | None, label_prior: object,
    judge_labels: object,
) -> dict[str, Any]:  # fmt: skip
    """The fields of a contestant that concern labels, checked, with `judge_labels` found out.

    Raises:
        UsageError: they do not fit together; the message begins with `prefix`.
    """
    takes = None if judge_labels is None or discriminator is None else truth(judge_labels, "judge_labels")
    if labels is not None:
        if samples is None:
            raise UsageError(f"{prefix}: labels are those of given samples; a generator's are drawn")
        labels = checked_labels(
            labels, n=len(samples), num_classes=num_classes, prefix=f"{prefix}: labels"
        )  # fmt: skip
    if num_classes is None:
        if takes or not isinstance(label_prior, str) or label_prior != "uniform":
            what = "judge_labels" if takes else "label_prior"
            raise UsageError(f"{prefix}: {what} needs num_classes, the number of classes")
        return {"labels": labels, "judge_labels": None}
    if num_classes < 1 or (generator is None and labels is None):
        raise UsageError(
            f"{prefix}: num_classes needs a generator, or labels of its samples, and to be at least 1, got"
            f" {num_classes}"
        )
    _check_number(num_classes, prefix)
    if takes is None and discriminator is not None:
        takes = takes_labels(discriminator, prefix)
    prior = checked_prior(label_prior, num_classes, prefix)
    return {"labels": labels, "judge_labels": takes, "label_prior": prior}


def checked_prior(prior: object, num_classes: int, prefix: str) -> LabelPrior:
    """A name, or K weights as probabilities; messages begin with `prefix`.

    Raises:
        UsageError: neither.
    """
    if isinstance(prior, str):
        if prior not in get_args(NamedPrior):
            raise unknown_name("label_prior", prior, get_args(NamedPrior))
        return cast(NamedPrior, prior)
    try:
        if isinstance(prior, Mapping | Set):  # whose order is not that of the classes
            raise TypeError
        weights = [float(weight) for weight in cast(Iterable[float], prior)]
    except (TypeError, ValueError):
        raise UsageError(f"{prefix}: label_prior must be uniform, data or K numbers, got {prior!r}") from None
    total = math.fsum(weights)
    if len(weights) != num_classes or not (0 < total < math.inf) or min(weights) < 0:
        raise UsageError(
            f"{prefix}: label_prior must hold {num_classes} numbers, one for each class, none below 0 and not"
            f" all 0; got {len(weights)}: {str(tuple(weights))[:60]}"
        )
    if abs(total - 1) < SUM_ROUNDING:  # probabilities stay as they are, however often they are checked
        total = 1.0
    return tuple(weight / total for weight in weights)


def checked_labels(labels: object, *, n: int, num_classes: int | None, prefix: str) -> torch.Tensor:
    """The labels of n given samples, int64 (N,), in 0…K−1; messages begin with `prefix`.

    Raises:
        UsageError: they are something else.
    """
    array = native_array(labels, prefix)
    if array.is_floating_point() or array.dtype == torch.bool or array.shape != (n,):
        raise UsageError(
            f"{prefix}: expected {n} integers, one for each sample, got {array.dtype} {tuple(array.shape)}"
        )
    array = array.to(torch.int64)
    _check_number(int(array.max()) + 1 if n else 0, prefix)
    wrong = array[(array < 0) | (array >= (math.inf if num_classes is None else num_classes))]
    if len(wrong):
        classes = "0, 1, …" if num_classes is None else f"0…{num_classes - 1}"
        raise UsageError(f"{prefix}: label {int(wrong[0])}: expected one of the classes {classes}")
    return array


def _check_number(num_classes: int, prefix: str) -> None:
    """Each class has figures of its own: hashes and the like as labels would fill the memory."""
    if num_classes > MOST_CLASSES:
        raise UsageError(
            f"{prefix}: at most {MOST_CLASSES:,} classes, got {num_classes:,}; labels are numbers 0…K−1"
            " without gaps, as numpy.unique(labels, return_inverse=True) gives them"
        )


def takes_labels(discriminator: nn.Module, prefix: str) -> bool:
    """Whether a discriminator is called as (samples, labels): what it declares, or its second parameter.

    A second parameter takes labels if it has one of the `LABEL_NAMES`, with a default or without: a
    discriminator whose labels are optional is given them. Any other name might mean something else.

    Raises:
        UsageError: nothing tells.
    """
    if isinstance(discriminator, Network):
        return discriminator.num_classes is not None
    is_function = isinstance(discriminator, FunctionNetwork)
    function = cast(Callable[..., Any], discriminator.function if is_function else discriminator.forward)
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # some C callables have no signature
        parameters = []
    positional = [
        each for each in parameters if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)
    ]
    open_ended = not parameters or any(each.kind == each.VAR_POSITIONAL for each in parameters)
    if len(positional) > 1 and positional[1].name.lower() in LABEL_NAMES:
        return True
    if len(positional) <= 1 and not open_ended:
        return False
    names = ", ".join(map(str, parameters)) or "unknown"
    raise UsageError(
        f"{prefix}: its discriminator's parameters ({names}) do not tell whether it takes labels: give"
        " judge_labels, True if it is called as discriminator(samples, labels), else False"
    )
