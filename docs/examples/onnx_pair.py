"""A small GAN as two ONNX files; `python docs/examples/onnx_pair.py` writes them.

Built by hand here; from PyTorch, `torch.onnx.export` writes such files (it needs the package onnxscript).
"""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

NZ, SIDE = 16, 8
random = np.random.default_rng(0)


def weights(name: str, *shape: int) -> onnx.TensorProto:
    """Random numbers where yours are trained."""
    return numpy_helper.from_array(random.normal(0, 0.3, shape).astype(np.float32), name)


def save(path: str, nodes: list, inputs: list, outputs: list, constants: list) -> None:
    """One graph as one file, which names no other file."""
    graph = helper.make_graph(nodes, "graph", inputs, outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def tensor(name: str, *shape: int | str) -> onnx.ValueInfoProto:
    """A float32 input or output; a length that is text is free."""
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


save(
    "generator.onnx",
    [
        helper.make_node("Gemm", ["z", "w", "b"], ["h"]),
        helper.make_node("Tanh", ["h"], ["t"]),
        helper.make_node("Reshape", ["t", "shape"], ["x"]),
    ],
    [tensor("z", "n", NZ)],
    [tensor("x", "n", 1, SIDE, SIDE)],
    [weights("w", NZ, SIDE**2), weights("b", SIDE**2),
     numpy_helper.from_array(np.array([-1, 1, SIDE, SIDE]), "shape")],
)  # fmt: skip
save(
    "discriminator.onnx",
    [
        helper.make_node("Flatten", ["x"], ["f"]),
        helper.make_node("Gemm", ["f", "w", "b"], ["h"]),
        helper.make_node("Sigmoid", ["h"], ["p"]),
    ],
    [tensor("x", "n", 1, SIDE, SIDE)],
    [tensor("p", "n", 1)],
    [weights("w", SIDE**2, 1), weights("b", 1)],
)
