"""Files of other projects, for tests: weights as state dicts, ONNX graphs, and calls of the command line."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import command_line
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from paths import ROOT

EXAMPLES = ROOT / "docs" / "examples"


def dcgan() -> ModuleType:
    """The example's module, imported under a name of its own."""
    spec = importlib.util.spec_from_file_location("dcgan_example", EXAMPLES / "dcgan.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["dcgan_example"] = module
    spec.loader.exec_module(module)
    return module


def call(capfd: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str]:
    """Exit code of a command, and what it wrote to standard error; an error is one line."""
    capfd.readouterr()
    code = command_line.call(*arguments, "--device", "cpu", "-q")
    message = capfd.readouterr().err.strip()
    if code:
        lines = message.splitlines()
        assert [line for line in lines if line.startswith("Error: ")] == lines[-1:], message
    return code, message


def info(name: str, *shape: Any, kind: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


def node(kind: str, inputs: str, outputs: str, **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(kind, inputs.split(), outputs.split(), **attributes)


def weight(name: str, array: Any) -> onnx.TensorProto:
    return numpy_helper.from_array(np.asarray(array), name)


def model(
    nodes: list[onnx.NodeProto], inputs: list[onnx.ValueInfoProto], outputs: list[onnx.ValueInfoProto],
    weights: list[onnx.TensorProto], domains: tuple[str, ...] = ("",),
) -> onnx.ModelProto:  # fmt: skip
    graph = helper.make_graph(nodes, "graph", inputs, outputs, weights)
    opsets = [helper.make_opsetid(domain, 17 if not domain else 1) for domain in domains]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def linear(rows: int, columns: int, *, batch: int | str = "n", seed: int = 0) -> onnx.ModelProto:
    """x W, float32."""
    random = np.random.default_rng(seed).normal(size=(rows, columns)).astype(np.float32)
    return model(
        [node("MatMul", "x w", "y")], [info("x", batch, rows)], [info("y", batch, columns)],
        [weight("w", random)],
    )  # fmt: skip
