"""The interface of an ONNX graph, read and checked before it runs.

A graph is refused unless it uses ONNX's own operators only, is deterministic, and maps one float32 tensor to
one float32 tensor. Data in other files have been put into it before (`onnx_external`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gancross.errors import first_line

if TYPE_CHECKING:
    from google.protobuf.message import Message

DOMAINS = ("", "ai.onnx", "ai.onnx.ml")
RANDOM = (
    "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Bernoulli", "Multinomial",
)  # fmt: skip
RESHAPING = (
    "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Transpose", "Identity", "Cast", "Expand", "Dropout",
)  # fmt: skip
FLOAT32 = 1  # TensorProto.FLOAT
LARGEST_FILE = (1 << 31) - 1  # protobuf's limit

Shape = tuple[int | None, ...]


class RefusedGraph(Exception):
    """An ONNX graph is refused; the message says why, callers add the path."""


@dataclass(frozen=True, kw_only=True)
class Graph:
    """The interface of an accepted graph.

    Attributes:
        input_name, output_name: names of its tensors for the runtime.
        input_shape, output_shape: with the batch; None where a length is free or unknown.
        last: the operator that computes the graph's output, whatever reshapes it afterwards.
    """

    input_name: str
    output_name: str
    input_shape: Shape
    output_shape: Shape
    last: str

    @property
    def batch(self) -> int | None:
        """The batch length that the graph fixes; None: any."""
        return self.input_shape[0]


def parsed_model(content: bytes) -> Any:
    """The protobuf message of an ONNX file.

    Raises:
        RefusedGraph: it is damaged, or holds no graph.
    """
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load_model_from_string(content)
    except (DecodeError, ValueError, RuntimeError) as error:
        raise RefusedGraph(f"not an ONNX file: {first_line(error)}") from None
    if not model.graph.node:
        raise RefusedGraph("not an ONNX file: it has no graph")
    return model


def inspect_graph(model: Any) -> Graph:
    """Checks a parsed model.

    Raises:
        RefusedGraph: it fails one of the checks above.
    """
    if model.functions:
        raise RefusedGraph("it defines functions of its own; inline them with onnx.inliner first")
    for message in messages(model):
        _check_message(message)
    weights = {tensor.name for tensor in model.graph.initializer}
    input_name, input_shape = _tensor([x for x in model.graph.input if x.name not in weights], "input")
    output_name, output_shape = _tensor(list(model.graph.output), "output")
    last = _last_operator(model.graph, output_name)
    return Graph(
        input_name=input_name, output_name=output_name, input_shape=input_shape, output_shape=output_shape,
        last=last,
    )  # fmt: skip


def _last_operator(graph: Any, name: str) -> str:
    """The operator of a tensor, or of the one that it is a copy of in another shape; "" for none."""
    makers = {output: node for node in graph.node for output in node.output}
    for _ in range(len(graph.node)):  # a graph in a circle ends too
        node = makers.get(name)
        if node is None or node.op_type not in RESHAPING or not node.input:
            break
        name = node.input[0]
    return makers[name].op_type if name in makers else ""


def messages(message: Message) -> Iterator[Message]:
    """All messages nested in a parsed file."""
    yield message
    for field, value in message.ListFields():
        if field.type == field.TYPE_MESSAGE:
            for inner in [value] if hasattr(value, "DESCRIPTOR") else value:
                yield from messages(inner)


def _check_message(message: Any) -> None:
    if message.DESCRIPTOR.name != "NodeProto":
        return
    operator = message.op_type
    if message.domain not in DOMAINS:
        raise RefusedGraph(f"operator '{operator:.80}' of '{message.domain:.80}' is not one of ONNX's own")
    if operator in RANDOM:
        raise RefusedGraph(f"'{operator}' draws random numbers that no seed controls; make them an input")
    training = any(entry.name == "training_mode" and entry.i for entry in message.attribute)
    if training or (operator == "Dropout" and len(message.input) > 2):
        raise RefusedGraph(f"'{operator}' is in training mode; export it in evaluation mode")


def _tensor(values: list[Any], what: str) -> tuple[str, Shape]:
    """Name and shape of the only input or output."""
    if len(values) != 1:
        names = ", ".join(value.name for value in values)
        raise RefusedGraph(f"it has {len(values)} {what}s ({names:.80}), expected one")
    name, kind = values[0].name, values[0].type
    tensor = kind.tensor_type
    if not kind.HasField("tensor_type") or tensor.elem_type != FLOAT32:
        raise RefusedGraph(f"its {what} '{name:.80}' is not a float32 tensor")
    if not tensor.HasField("shape") or not tensor.shape.dim:
        raise RefusedGraph(f"its {what} '{name:.80}' has no shape")
    shape = tuple(dim.dim_value if dim.HasField("dim_value") else None for dim in tensor.shape.dim)
    if any(length is not None and length < 1 for length in shape):
        raise RefusedGraph(f"its {what} '{name:.80}' has shape {shape}, expected lengths ≥ 1")
    return name, shape
