"""Which passes a discriminator takes: those of known layers, of its traced graph, or none.

A network is traced once for each mode it is in; what was found is kept as long as the network lives.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace
from typing import Any

from torch import nn

from gancross.errors import UsageError
from gancross.trainer.gradient.graph_passes import GraphPasses
from gancross.trainer.gradient.passes import LAYER_PASSES, LayerPasses, layer_passes
from gancross.trainer.gradient.read_values import values_of_function, values_of_network
from gancross.trainer.gradient.reparametrized import has_hooks
from gancross.trainer.gradient.scorer import Labels, Scorer, as_scorer
from gancross.trainer.gradient.tracing import Plan, traced

MOST_MODES = 16  # of one network; the oldest is forgotten


@dataclass(kw_only=True)
class Structure:
    """What tracing a network in one mode has found.

    Attributes:
        plan: None where the closed form does not know the network.
        refusal: why there is none; empty where there is one.
        agreement: by shape of samples, then by lengths of both batches, why the closed form must not be used
            there; empty: it agreed with double backward. See `verification`.
    """

    plan: Plan | None = None
    refusal: str = ""
    agreement: dict[Hashable, dict[tuple[int, int], str]] = field(default_factory=dict)


_STRUCTURES: weakref.WeakKeyDictionary[nn.Module, dict[Hashable, Structure]] = weakref.WeakKeyDictionary()


def network_passes(discriminator: nn.Module | Scorer, labels: Labels = ()) -> LayerPasses:
    """Fresh passes of a discriminator in its present mode.

    Args:
        labels: the second argument of `forward`, or empty.

    Raises:
        UsageError: the closed form does not know what the network does; says what.
    """
    scorer = as_scorer(discriminator)
    known = None if labels else known_passes(scorer)
    if known is not None:
        return known
    structure = structure_of(scorer, labels=bool(labels))
    if structure.plan is None:
        raise UsageError(structure.refusal)
    return GraphPasses(structure.plan, labels)


def known_passes(scorer: Scorer) -> LayerPasses | None:
    """The passes of a network of layers of the table alone, which needs no tracing; None for others."""
    if scorer.score is not None or type(scorer.module) not in LAYER_PASSES:
        return None
    try:
        return layer_passes(scorer.module)
    except UsageError:
        return None


def structure_of(scorer: Scorer, *, labels: bool) -> Structure:
    """The traced structure in the present mode, from memory if the network has not changed."""
    if scorer.structure is not None:
        structure: Structure = scorer.structure
        return structure
    structures = _STRUCTURES.setdefault(scorer.module, {})
    key = (labels, function_key(scorer.score), mode(scorer.module))
    if key not in structures:
        try:
            structures[key] = Structure(plan=traced(scorer, labels=labels))
        except UsageError as error:
            structures[key] = Structure(refusal=str(error))
        if len(structures) > MOST_MODES:
            del structures[next(iter(structures))]
    return structures[key]


def with_structure(scorer: Scorer, *, labels: bool) -> Scorer:
    """The scorer with its structure in the present mode, for one step."""
    return replace(scorer, structure=structure_of(scorer, labels=labels))


def mode(network: nn.Module) -> Hashable:
    """What tracing takes for fixed: modules, their modes and hooks, the values that `forward` may read."""
    modules = tuple((id(module), has_hooks(module)) for module in network.modules())
    return modules, values_of_network(network)


def function_key(function: Callable[..., Any] | None) -> Hashable:
    """A function, or its code where nothing else belongs to it: a lambda in a loop is the same each time."""
    code = getattr(function, "__code__", None)
    if code is None or function is None:
        return function
    bound = getattr(function, "__closure__", None) or getattr(function, "__defaults__", None)
    return function if bound or hasattr(function, "__self__") else (code, values_of_function(function))
