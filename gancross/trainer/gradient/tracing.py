"""The structure of any network as a list of steps, found by symbolic tracing (torch.fx).

A *step* takes one tensor that depends on the samples, or is the sum of two; *constants* depend on parameters,
buffers and labels alone. Tracing records what `forward` does with symbols in place of tensors. Where it
cannot follow, as where `forward` decides by the values of tensors, it fails. It does not see whether
gradients are switched off or redefined: `verification` compares the first batch with double backward.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import fx, nn
from torch.nn.modules.batchnorm import _BatchNorm

from gancross.errors import UsageError, first_line
from gancross.models.buffers import unchanged
from gancross.trainer.gradient import operations
from gancross.trainer.gradient.passes import layer_passes
from gancross.trainer.gradient.random_numbers import unchanged_random_numbers
from gancross.trainer.gradient.read_values import values_of_network
from gancross.trainer.gradient.reparametrized import base_of_reparametrized, changes_when_called, has_hooks
from gancross.trainer.gradient.scorer import Scorer

SHAPES = ("size", "dim", "ndimension", "shape", "ndim", "dtype", "device", "numel")


@dataclass(frozen=True)
class Value:
    """The value of an earlier step, as an argument."""

    index: int


@dataclass(frozen=True, kw_only=True)
class Step:
    """One node of the traced network.

    Attributes:
        kind: `constant`: computed by autograd from parameters, labels and shapes; `layer`, `operation`:
            passes with one input that depends on the samples; `sum` of two such inputs.
        index: of its value.
        inputs: indices of the values that depend on the samples.
        target: the function of a constant; a layer (weak reference); an entry of `OPERATIONS`.
        args, kwargs: with `Value` for the values of other steps; of an operation without its input.
        factor: of the second summand of a `sum`.
    """

    kind: str
    index: int
    inputs: tuple[int, ...] = ()
    target: Any = None
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any]
    factor: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A traced network: its steps in order, and the indices of the scores and of all values.

    Attributes:
        smooth, coupled: as of `passes.LayerPasses`; also coupled are networks that take labels, or whose
            every forward pass changes the weights, as spectral norm's power iteration does.
    """

    steps: tuple[Step, ...]
    output: int
    size: int
    smooth: bool
    coupled: bool


class _Root(nn.Module):
    """The score of the network as a function of samples, or of samples and labels."""

    def __init__(self, scorer: Scorer) -> None:
        super().__init__()
        self.network, self.score = scorer.module, scorer.score

    def forward(self, samples: torch.Tensor) -> Any:
        return self.scored(self.network(samples))

    def scored(self, output: Any) -> Any:
        return output if self.score is None else self.score(output)


class _Conditional(_Root):
    def forward(self, samples: torch.Tensor, labels: torch.Tensor) -> Any:  # type: ignore[override]
        return self.scored(self.network(samples, labels))


class _Tracer(fx.Tracer):
    proxy_buffer_attributes = True  # what is computed from buffers is computed anew in every step

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return is_layer(m) or isinstance(m, nn.Embedding)


def is_layer(module: nn.Module) -> bool:
    """Whether the closed form takes a module as one layer."""
    if base_of_reparametrized(module) is not None:
        return True
    try:
        layer_passes(module)
    except UsageError:
        return isinstance(module, _BatchNorm)  # whose own checks cannot be traced
    return True


def traced(scorer: Scorer, *, labels: bool) -> Plan:
    """The steps of a network in its present mode.

    Raises:
        UsageError: it cannot be traced, or does what the closed form does not know; says what.
    """
    for name, module in scorer.module.named_modules():
        if has_hooks(module):
            raise UsageError(f"closed form: unsupported hooks on {name or type(module).__name__}")
    root = _Conditional(scorer) if labels else _Root(scorer)
    try:
        with unchanged(scorer.module), unchanged_random_numbers(scorer.module) as drawn:
            before = values_of_network(scorer.module)
            graph = _Tracer().trace(root)
            if drawn() or values_of_network(scorer.module) != before:  # steps of a plan do neither
                raise UsageError("closed form: the network draws random numbers or changes its attributes")
        return _Builder(root, graph, labels=labels).plan()
    except UsageError:
        raise
    except Exception as error:  # whatever a forward of the user's does with symbols in place of tensors
        raise UsageError(f"closed form: the network cannot be traced: {first_line(error)}") from None


class _Builder:
    """From torch.fx's graph to steps."""

    def __init__(self, root: nn.Module, graph: fx.Graph, *, labels: bool) -> None:
        self._root, self._graph, self._labels = root, graph, labels
        self._index = {node: index for index, node in enumerate(graph.nodes)}
        self._active: set[fx.Node] = set()  # nodes whose tensors depend on the samples
        self._smooth, self._coupled = False, labels

    def plan(self) -> Plan:
        """All steps.

        Raises:
            UsageError: a node is not supported.
        """
        samples, *_ = self._index
        self._active.add(samples)
        steps = [
            self._step(node) for node in self._leading_to_scores() if node.op not in ("placeholder", "output")
        ]
        output = self._output(next(reversed(self._graph.nodes)))
        return Plan(
            steps=tuple(steps), output=output, size=len(self._index), smooth=self._smooth,
            coupled=self._coupled,
        )  # fmt: skip

    def _leading_to_scores(self) -> list[fx.Node]:
        needed: set[fx.Node] = set()
        for node in reversed(self._graph.nodes):
            if node.op == "output" or not needed.isdisjoint(node.users):
                needed.add(node)
        return [node for node in self._graph.nodes if node in needed]

    def _output(self, node: fx.Node) -> int:
        result = node.args[0]
        if not isinstance(result, fx.Node) or result not in self._active or result.op == "placeholder":
            raise UsageError("closed form: the network does not return one tensor made of the samples")
        return self._index[result]

    def _step(self, node: fx.Node) -> Step:
        inputs = [argument for argument in node.all_input_nodes if argument in self._active]
        is_shape = node.target in SHAPES or (node.target is getattr and node.args[1] in SHAPES)
        if not inputs or is_shape:
            return self._constant(node)
        self._active.add(node)
        if node.op == "call_module":
            return self._layer(node, inputs)
        self._refuse_aliases(node)
        first, *others = node.args or (None,)
        if node.target in (*operations.ADDITIONS, *operations.SUBTRACTIONS) and len(others) == 1:
            return self._sum(node, first, others[0], set(inputs))
        if node.target in operations.MULTIPLICATIONS and first not in inputs:
            first, others = others[0], [first]
        elif not isinstance(first, fx.Node):  # F.relu(input=h)
            first = node.kwargs.get("input")
        constants: list[fx.Node] = []
        fx.map_arg((others, node.kwargs), constants.append)
        dependent = [
            argument
            for argument in constants
            if argument in self._active and argument is not node.kwargs.get("input")
        ]
        if inputs != [first] or dependent or node.target not in operations.OPERATIONS:
            raise UsageError(f"closed form: unsupported operation {_name(node)}")
        self._smooth |= node.target in operations.SMOOTH
        kwargs = {key: value for key, value in node.kwargs.items() if key != "input"}
        operation = operations.OPERATIONS[node.target]
        if set(constants) <= {first}:
            operation(*others, **kwargs)  # which may refuse them, here rather than at the first batch
        return self._made(node, "operation", inputs, operation, tuple(others), kwargs)

    def _sum(self, node: fx.Node, first: Any, second: Any, active: set[fx.Node]) -> Step:
        alpha = node.kwargs.get("alpha", 1)
        if not isinstance(alpha, int | float) or set(node.kwargs) - {"alpha"}:
            raise UsageError(f"closed form: unsupported operation {_name(node)}")
        factor = -alpha if node.target in operations.SUBTRACTIONS else alpha
        if first in active and second in active:
            return self._made(node, "sum", [first, second], factor=float(factor))
        signs: dict[str, float]
        if first in active:  # h ± alpha·T
            constant, h, signs = second, first, {"factor": factor}
        elif alpha == 1:  # T ± h
            constant, h, signs = first, second, {"sign": int(factor)}
        else:
            raise UsageError(f"closed form: unsupported operation {_name(node)}")
        return self._made(node, "operation", [h], operations.Addition, (constant,), signs)

    def _layer(self, node: fx.Node, inputs: list[fx.Node]) -> Step:
        layer = self._root.get_submodule(str(node.target))
        if getattr(layer, "inplace", False):
            self._refuse_aliases(node, in_place=True)
        if list(node.args) != inputs or node.kwargs:
            raise UsageError(f"closed form: unsupported arguments of {type(layer).__name__}")
        if base_of_reparametrized(layer) is not None:
            self._coupled |= changes_when_called(layer)
        else:
            passes = layer_passes(layer)
            self._smooth |= passes.smooth
            self._coupled |= passes.coupled
        return self._made(node, "layer", inputs, weakref.ref(layer))

    def _constant(self, node: fx.Node) -> Step:
        target: Any = node.target
        if node.op == "get_attr":
            owner, _, name = str(target).rpartition(".")
            module = self._root.get_submodule(owner)
            if name not in module._parameters and name not in module._buffers:
                raise UsageError(f"closed form: the network computes with the fixed tensor {target}")
            target = _attribute(weakref.ref(module), name)
        elif node.op == "call_module":
            target = _called(weakref.ref(self._root.get_submodule(str(target))))
        elif node.op == "call_method":
            target = _method(str(target))
        return self._made(node, "constant", [], target, node.args, dict(node.kwargs))

    def _made(
        self, node: fx.Node, kind: str, inputs: list[fx.Node], target: Any = None, args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None, *, factor: float = 1.0,
    ) -> Step:  # fmt: skip
        return Step(
            kind=kind, index=self._index[node], inputs=tuple(self._index[argument] for argument in inputs),
            target=target, factor=factor, args=fx.map_arg(args, self._value),
            kwargs=fx.map_arg(kwargs or {}, self._value),
        )  # fmt: skip

    def _value(self, node: fx.Node) -> Any:
        return Value(self._index[node])

    def _refuse_aliases(self, node: fx.Node, *, in_place: bool = False) -> None:
        """Where others read a tensor that is changed in place, what they get depends on the order."""
        target = node.target
        in_place |= target in operations.IN_PLACE or (isinstance(target, str) and target.endswith("_"))
        if (in_place or node.kwargs.get("inplace")) and len(node.all_input_nodes[0].users) > 1:
            raise UsageError(f"closed form: {_name(node)} changes in place what other operations read")


def _name(node: fx.Node) -> str:
    return str(getattr(node.target, "__name__", node.target))


def _attribute(module: weakref.ref[nn.Module], name: str) -> Callable[[], Any]:
    return lambda: getattr(module(), name)


def _called(module: weakref.ref[nn.Module]) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        layer = module()
        assert layer is not None
        return layer(*args, **kwargs)

    return call


def _method(name: str) -> Callable[..., Any]:
    return lambda tensor, *args, **kwargs: getattr(tensor, name)(*args, **kwargs)
