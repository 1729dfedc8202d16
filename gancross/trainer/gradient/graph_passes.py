"""The passes of a traced network: its steps in order, gradients of values with several readers summed.

Weights Ŵ that are functions of parameters (spectral norm, weight norm, scaled weights, embedded labels) are
leaves: the passes accumulate ∂L/∂Ŵ, and autograd sends it on to the parameters, once, at the end.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import nn

from gancross.errors import UsageError
from gancross.trainer.gradient.passes import LAYER_PASSES, AffineLayerPasses, LayerPasses
from gancross.trainer.gradient.reparametrized import EffectiveLayer, base_of_reparametrized, computed_tensors
from gancross.trainer.gradient.scorer import Labels
from gancross.trainer.gradient.tracing import Plan, Step, Value


class GraphPasses:
    """The passes of one batch through a traced network.

    Args:
        plan: of the network.
        labels: of the samples, or empty.
    """

    def __init__(self, plan: Plan, labels: Labels = ()) -> None:
        self._plan, self._labels = plan, labels
        self.smooth, self.coupled = plan.smooth, plan.coupled
        self._passes: dict[int, LayerPasses] = {}
        self._steps = [step for step in plan.steps if step.kind != "constant"]
        self._effective: list[tuple[torch.Tensor, torch.Tensor]] = []  # computed tensors, and their leaves

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        values: list[Any] = [None] * self._plan.size
        values[: 1 + len(self._labels)] = h, *self._labels
        leaves: dict[int, Any] = {}

        def constant(value: Value) -> Any:
            return values[value.index]

        def leaf(value: Value) -> Any:
            if value.index not in leaves:
                leaves[value.index] = self._leaf(values[value.index])
            return leaves[value.index]

        for step in self._plan.steps:
            if step.kind == "constant":
                with torch.enable_grad():
                    values[step.index] = step.target(
                        *filled(step.args, constant), **filled(step.kwargs, constant)
                    )
                continue
            first, *others = (values[index] for index in step.inputs)
            if step.kind == "sum":
                values[step.index] = _sum(step, first, others[0])
                continue
            if step.kind == "layer":
                passes = self._layer_passes(step.target())
            else:
                passes = step.target(*filled(step.args, leaf), **filled(step.kwargs, leaf))
            self._passes[step.index] = passes
            values[step.index] = passes.forward(first)
        return cast(torch.Tensor, values[self._plan.output])

    def backward(self, g: torch.Tensor) -> torch.Tensor:
        return self._back(g, lambda passes, gradient, first: passes.backward(gradient), first=False)

    def tangent(self, t: torch.Tensor) -> torch.Tensor:
        return self._onward(t, lambda passes, value: passes.tangent(value))

    def masked_forward(self, z: torch.Tensor, c_N: torch.Tensor) -> torch.Tensor:
        out = self._onward(
            z, lambda passes, value: cast(AffineLayerPasses, passes).masked_forward(value, c_N)
        )
        self._send_on()
        return out

    def adjoint(self, q: torch.Tensor, *, first: bool) -> torch.Tensor:
        gradient = self._back(q, lambda passes, value, first: passes.adjoint(value, first=first), first=first)
        self._send_on()
        return gradient

    def _onward(self, value: torch.Tensor, apply: Any) -> torch.Tensor:
        values: list[Any] = [None] * self._plan.size
        values[0] = value
        for step in self._steps:
            first, *others = (values[index] for index in step.inputs)
            values[step.index] = (
                _sum(step, first, others[0]) if others else apply(self._passes[step.index], first)
            )
        return cast(torch.Tensor, values[self._plan.output])

    def _back(self, gradient: torch.Tensor, apply: Any, *, first: bool) -> torch.Tensor:
        """From the scores to the samples, where nothing is summed if they are `first`."""
        gradients: list[torch.Tensor | None] = [None] * self._plan.size
        gradients[self._plan.output] = gradient
        for step in reversed(self._steps):
            g = gradients[step.index]
            gradients[step.index] = None
            assert g is not None, "steps that do not lead to the scores are not in a plan"
            parts: tuple[torch.Tensor, ...]
            if step.kind == "sum":
                parts = g, g if step.factor == 1.0 else step.factor * g
            else:
                parts = (apply(self._passes[step.index], g, first and step.inputs[0] == 0),)
            for index, part in zip(step.inputs, parts, strict=True):
                if first and index == 0:
                    continue
                before = gradients[index]
                gradients[index] = part if before is None else before + part
        result = gradients[0]
        assert first or result is not None
        return gradient if result is None else result

    def _layer_passes(self, layer: nn.Module) -> LayerPasses:
        base = base_of_reparametrized(layer)
        if base is None:
            return LAYER_PASSES[type(layer)](layer)
        tensors = {name: self._leaf(tensor) for name, tensor in computed_tensors(layer).items()}
        return LAYER_PASSES[base](EffectiveLayer(layer, tensors))

    def _leaf(self, value: Any) -> Any:
        """The value; of a tensor that depends on parameters a leaf with the same numbers."""
        if not isinstance(value, torch.Tensor) or value.is_leaf:
            return value
        leaf = value.detach().requires_grad_(True)
        self._effective.append((value, leaf))
        return leaf

    def _send_on(self) -> None:
        reached = [(value, leaf.grad) for value, leaf in self._effective if leaf.grad is not None]
        if reached:
            values, gradients = zip(*reached, strict=True)
            # under parametrize.cached() the passes of both batches share what lies behind the weights
            torch.autograd.backward(values, gradients, retain_graph=True)


def filled(arguments: Any, value_of: Any) -> Any:
    """Arguments of a step with the values of others."""
    if isinstance(arguments, Value):
        return value_of(arguments)
    if isinstance(arguments, tuple | list):
        return type(arguments)(filled(part, value_of) for part in arguments)
    if isinstance(arguments, dict):
        return {key: filled(part, value_of) for key, part in arguments.items()}
    if isinstance(arguments, slice):
        return slice(*(filled(part, value_of) for part in (arguments.start, arguments.stop, arguments.step)))
    return arguments


def _sum(step: Step, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    if first.shape != second.shape:
        raise UsageError("closed form: unsupported sum of tensors of different shapes")
    return torch.add(first, second, alpha=step.factor)
