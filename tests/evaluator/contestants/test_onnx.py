"""ONNX files as contestants: the figures of the same networks in torch, and every refusal in one line."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from unittest.mock import Mock

import foreign
import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from foreign import call, info, linear, model, node, weight
from onnx import TensorProto, helper
from torch import nn

from gancross import Contestant, crosstest
from gancross.errors import CheckpointError, ResourceError, UsageError
from gancross.evaluator.contestants.onnx_graphs import RefusedGraph, inspect_graph, parsed_model
from gancross.evaluator.contestants.onnx_models import Description, OnnxNetwork, onnx_contestant

REALS = torch.randn(300, 3, generator=torch.Generator().manual_seed(0))


def written(tmp_path: Path, **models: onnx.ModelProto) -> list[Path]:
    paths = []
    for name, graph in models.items():
        paths.append(tmp_path / f"{name}.onnx")
        paths[-1].write_bytes(graph.SerializeToString())
    return paths


def in_torch(graph: onnx.ModelProto) -> nn.Linear:
    """The module whose graph `linear` is."""
    array = onnx.numpy_helper.to_array(graph.graph.initializer[0])
    rows, columns = array.shape
    network = nn.Linear(rows, columns, bias=False)
    network.weight.data = torch.from_numpy(array.T.copy())
    return network


def figures(contestant: Contestant) -> dict[str, object]:
    result = crosstest([contestant], data=REALS, num_samples=700, device="cpu").to_dict()
    return {key: result[key] for key in ("cross", "confusion", "controls")}


def nearly(actual: object, expected: object) -> bool:
    """Equal in everything but the last bits of scores."""
    if isinstance(actual, dict) and isinstance(expected, dict):
        return actual.keys() == expected.keys() and all(nearly(actual[key], expected[key]) for key in actual)
    if isinstance(actual, list) and isinstance(expected, list):
        return all(nearly(value, other) for value, other in zip(actual, expected, strict=True))
    return actual == (pytest.approx(expected, abs=1e-5) if isinstance(expected, float) else expected)


@pytest.mark.parametrize("batch", ["n", 500, 64, 1, 333])
def test_figures_are_those_of_the_same_networks_in_torch(tmp_path: Path, batch: int | str) -> None:
    generator, discriminator = linear(4, 3, batch=batch), linear(3, 1, batch=batch, seed=1)
    loaded = onnx_contestant(written(tmp_path, g=generator, d=discriminator), Description(), name="x")
    same = Contestant(
        name="x", generator=in_torch(generator), discriminator=in_torch(discriminator), latent_dim=4
    )
    actual = figures(loaded)
    assert nearly(actual, figures(same)) and actual == figures(loaded)
    assert loaded.origin is not None and loaded.latent_shape is None and loaded.latent_dim == 4
    notes = [note for note in loaded.origin.notes if "at a time" in note]
    assert len(notes) == (2 if isinstance(batch, int) else 0)
    assert all(f"runs {batch} samples" in note for note in notes)


@pytest.mark.parametrize("n", [1, 3, 4, 7])
def test_pieces_of_a_fixed_batch_make_up_the_whole(tmp_path: Path, n: int) -> None:
    # Each output counts its batch: a graph that sees another length than its own would say so.
    nodes = [node("ReduceSum", "x", "s", keepdims=1), node("Mul", "x zero", "z"), node("Add", "z s", "y")]
    zero = weight("zero", np.zeros(1, np.float32))
    graph = model(nodes, [info("x", 4, 2)], [info("y", 4, 2)], [zero])
    contestant = onnx_contestant(written(tmp_path, g=graph), Description(), name="x")
    assert isinstance(contestant.generator, OnnxNetwork) and contestant.discriminator is None
    samples = contestant.generator(torch.ones(n, 2))
    assert samples.shape == (n, 2) and samples.dtype == torch.float32 and bool((samples == 8).all())


def test_images_and_shapes(tmp_path: Path) -> None:
    shape = weight("shape", np.array([-1, 1, 8, 8]))
    flat = weight("w", np.ones((64, 1), np.float32))
    generator = model(
        [node("Tanh", "z", "t"), node("Reshape", "t shape", "x")],
        [info("z", "n", 64, 1, 1)], [info("x", "n", 1, "height", 8)], [shape],
    )  # fmt: skip
    judge = model(
        [node("Flatten", "x", "f"), node("MatMul", "f w", "y")],
        [info("x", "n", 1, 8, 8)], [info("y", "n", 1)], [flat],
    )  # fmt: skip
    loaded = onnx_contestant(written(tmp_path, g=generator, d=judge), Description(), name="x")
    assert loaded.latent_shape == (64, 1, 1) and loaded.latent_dim == 64
    reals = torch.randint(0, 256, (50, 1, 8, 8), dtype=torch.uint8)
    result = crosstest([loaded], data=reals, num_samples=40, device="cpu")
    assert any("batch norm in an ONNX file" in flag for flag in result.flags)


def test_a_session_computes_on_one_core(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session_of = Mock(wraps=onnxruntime.InferenceSession)
    monkeypatch.setattr(onnxruntime, "InferenceSession", session_of)
    onnx_contestant(written(tmp_path, g=linear(4, 3)), Description(), name="x")
    _, options = session_of.call_args.args
    assert options.intra_op_num_threads == 1
    assert session_of.call_args.kwargs == {"providers": ["CPUExecutionProvider"]}


def sigmoid(rows: int, columns: int) -> onnx.ModelProto:
    graph = linear(rows, columns)
    graph.graph.node[0].output[0] = "h"
    graph.graph.node.append(node("Sigmoid", "h", "y"))
    return graph


def test_what_a_file_cannot_say(tmp_path: Path) -> None:
    paths = written(tmp_path, g=linear(4, 3), d=sigmoid(3, 1))
    with pytest.raises(UsageError, match="--describe x=score_kind=probability"):
        onnx_contestant(paths, Description(), name="x")
    contestant = onnx_contestant(
        paths,
        Description(
            score_kind="probability", orientation="fake_high", latent="uniform", data_range=(0.0, 1.0)
        ),
        name="x",
    )
    assert (contestant.score_kind, contestant.orientation) == ("probability", "fake_high")
    assert contestant.decision_threshold == 0.5
    assert (contestant.latent, contestant.data_range) == ("uniform", (0.0, 1.0))
    for kind, text, threshold in (
        ("critic", None, None), ("critic", 0.5, 0.5), ("f-gan:kl", None, 1.0), ("f-gan:kl", "auto", 1.0),
        ("f-gan:kl", "none", None), ("lsgan", "auto", 0.5),
    ):  # fmt: skip
        described = onnx_contestant(paths, Description(score_kind=kind, threshold=text), name="x")
        assert described.decision_threshold == threshold
    with pytest.raises(UsageError, match="--describe x=data_range=0,1"):
        onnx_contestant(written(tmp_path, s=sigmoid(4, 3)), Description(), name="x")


def external(graph: onnx.ModelProto) -> None:
    tensor = graph.graph.initializer[0]
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")
    tensor.ClearField("raw_data")


def external_in_a_branch(graph: onnx.ModelProto) -> None:
    hidden = weight("hidden", np.zeros(3, np.float32))
    hidden.external_data.add(key="location", value="../secret")
    branch = helper.make_graph([node("Constant", "", "c", value=hidden)], "branch", [], [info("c", 3)])
    graph.graph.node.append(node("If", "condition", "unused", then_branch=branch, else_branch=branch))


def foreign_operator(graph: onnx.ModelProto) -> None:
    graph.graph.node[0].domain = "com.evil"
    graph.opset_import.append(helper.make_opsetid("com.evil", 1))


def function(graph: onnx.ModelProto) -> None:
    graph.functions.append(
        helper.make_function("own", "F", ["a"], ["b"], [node("Tanh", "a", "b")], graph.opset_import)
    )


def doubles(graph: onnx.ModelProto) -> None:
    graph.graph.input[0].type.tensor_type.elem_type = TensorProto.DOUBLE


def two_inputs(graph: onnx.ModelProto) -> None:
    graph.graph.input.append(info("label", "n", 1))


def two_outputs(graph: onnx.ModelProto) -> None:
    graph.graph.output.append(info("extra", "n", 1))


def shapeless(graph: onnx.ModelProto) -> None:
    graph.graph.input[0].type.tensor_type.ClearField("shape")


def zero_batch(graph: onnx.ModelProto) -> None:
    graph.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 0


def free_latents(graph: onnx.ModelProto) -> None:
    graph.graph.input[0].type.tensor_type.shape.dim[1].dim_param = "d"


def noisy(graph: onnx.ModelProto) -> None:
    graph.graph.node.append(node("RandomNormalLike", "x", "noise"))


def training(graph: onnx.ModelProto) -> None:
    graph.graph.node.append(node("BatchNormalization", "x s b m v", "bn", training_mode=1))


def no_graph(graph: onnx.ModelProto) -> None:
    graph.ClearField("graph")


def unknown_operator(graph: onnx.ModelProto) -> None:
    graph.graph.node[0].op_type = "Nonsense"


def sequence(graph: onnx.ModelProto) -> None:
    graph.graph.output[0].type.CopyFrom(
        helper.make_sequence_type_proto(helper.make_tensor_type_proto(TensorProto.FLOAT, ["n", 3]))
    )


SPOILED: dict[Callable[[onnx.ModelProto], None], str] = {
    external: "'w' lies in '/etc/passwd', expected the name of a file beside it",
    external_in_a_branch: "'hidden' lies in '../secret', expected the name of a file beside it",
    foreign_operator: "'MatMul' of 'com.evil' is not one of ONNX's own",
    function: "functions of its own",
    doubles: "input 'x' is not a float32 tensor",
    two_inputs: "2 inputs (x, label), expected one",
    two_outputs: "2 outputs (y, extra), expected one",
    shapeless: "input 'x' has no shape",
    zero_batch: "has shape (0, 4)",
    free_latents: "expected a fixed one in all but the batch",
    noisy: "'RandomNormalLike' draws random numbers",
    training: "'BatchNormalization' is in training mode",
    no_graph: "it has no graph",
    unknown_operator: "onnxruntime cannot run it",
    sequence: "output 'y' is not a float32 tensor",
}


@pytest.mark.parametrize("spoil", SPOILED, ids=lambda spoil: spoil.__name__)
def test_hostile_and_unfit_files_are_refused(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], spoil: Callable[[onnx.ModelProto], None]
) -> None:
    graph = linear(4, 3)
    spoil(graph)
    (path,) = written(tmp_path, g=graph)
    code, message = call(capfd, "crosstest", f"x={path}", "--data", "mixture", "-n", "20")
    assert code == 3 and message.startswith(f"Error: {path}: refused: ") and SPOILED[spoil] in message
    assert len(message.splitlines()) == 1


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    good = linear(4, 3).SerializeToString()
    for content in (b"", b"text, no graph", b"\x00" * 64, b"\x08\x08\x12\x04ORTM" + b"\x00" * 64):
        with pytest.raises(RefusedGraph):
            parsed_model(content)
    for part in range(1, 16):
        path = tmp_path / "cut.onnx"
        path.write_bytes(good[: len(good) * part // 16])
        with pytest.raises(CheckpointError, match="refused"):
            onnx_contestant([path], Description(), name="x")


def test_the_marks_of_another_format_change_nothing(tmp_path: Path) -> None:
    graph = linear(4, 3)
    graph.producer_name = "ORTM is onnxruntime's own format, unchecked"
    assert graph.SerializeToString()[4:8] == b"ORTM"
    contestant = onnx_contestant(written(tmp_path, g=graph), Description(), name="x")
    assert contestant.generator is not None and contestant.generator(torch.ones(2, 4)).shape == (2, 3)


def test_weights_listed_as_inputs_are_none(tmp_path: Path) -> None:
    graph = linear(4, 3)
    graph.graph.input.insert(0, info("w", 4, 3))
    assert inspect_graph(graph).input_shape == (None, 4)


def test_pairs_that_do_not_fit(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    g, d, narrow, scores = written(
        tmp_path, g=linear(4, 3), d=linear(3, 1), narrow=linear(2, 1), s=linear(3, 2)
    )
    mixture = ("--data", "mixture", "-n", "20")
    for model_argument, part in (
        (f"{d},{g}", "give the generator first"),
        (f"{g},{narrow}", "makes (N, 3)"),
        (f"{g},{scores}", "must return one score per sample"),
        (f"{g},{d},{d}", "write one file"),
        (f"{g},", "write one file"),
        (f"{g},ours.pt", "both must be ONNX files"),
        (f"{g},gone.onnx", "gone.onnx: no such file"),
        (str(g), "no contestant has a discriminator"),
    ):
        code, message = call(capfd, "crosstest", model_argument, *mixture)
        assert code == 2 and part in message, message
    code, message = call(capfd, "crosstest", f"{g},{d}", "--arch", "g=x:y", "--trust-code", *mixture)
    assert code == 2 and "needs no code" in message


def test_descriptions_on_the_command_line(
    checkpoints: dict[str, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    written(tmp_path, g=linear(4, 3), d=linear(3, 1))
    files = f"a={tmp_path / 'g.onnx'},{tmp_path / 'd.onnx'}"
    ours, record = f"ours={checkpoints['mixture-plain']}", tmp_path / "r.json"
    entries = [
        "score_kind=f-gan:kl",
        "threshold=-2",
        "orientation=fake_high",
        "latent=uniform01",
        "data_range=0,1",
    ]
    described = [part for value in entries for part in ("--describe", f"a={value}")]
    code, message = call(capfd, "crosstest", ours, files, *described, "-n", "20", "--json", record)
    assert code == 0, message
    result = json.loads(record.read_text(encoding="utf-8"))
    first = result["contestants"][1]
    assert (first["score_kind"], first["threshold"], first["orientation"]) == ("f-gan:kl", -2.0, "fake_high")
    assert result["protocol"]["data"]["name"] == "mixture" and math.isfinite(
        result["cross"][0]["auc"]["value"]
    )
    for text, part in (
        ("a", "write NAME=key=value"),
        ("a=score_kind", "write NAME=key=value"),
        ("b=latent=normal", "unknown contestant 'b'"),
        ("a=scorekind=logit", "did you mean 'score_kind'"),
        ("a=score_kind=logits", "did you mean 'logit'"),
        ("a=threshold=nan", "expected 'auto', None or a finite number, got nan"),
        ("a=threshold=high", "expected auto|none|NUMBER, got 'high'"),
        ("a=data_range=1,0", "data_range must be two finite numbers"),
        ("a=data_range=1", "expected the numbers of black and white, as in data_range=0,1, got '1'"),
        ("a=latent=cauchy", "unknown latent"),
        ("ours=latent=normal", "'ours' is not an ONNX file"),
    ):
        code, message = call(capfd, "crosstest", ours, files, "--describe", text, "-n", "20")
        assert code == 2 and part in message, message
    code, message = call(capfd, "sample", files, "-n", "5", "--out", tmp_path / "s.npz")
    assert code == 0 and np.load(tmp_path / "s.npz")["samples"].shape == (5, 3), message


def test_without_onnxruntime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ResourceError, match=r"pip install 'gancross\[onnx\]'"):
        onnx_contestant(written(tmp_path, g=linear(4, 3)), Description(), name="x")


@pytest.mark.filterwarnings(
    "ignore"
)  # of the exporter, which torch has replaced by one that needs onnxscript
def test_an_export_of_torch(tmp_path: Path) -> None:
    example = foreign.dcgan()
    pair = example.contestant()
    paths = [tmp_path / "g.onnx", tmp_path / "d.onnx"]
    inputs = (torch.zeros(2, 16, 1, 1), torch.zeros(2, 1, 8, 8))
    for path, network, value in zip(paths, (pair.generator, pair.discriminator), inputs, strict=True):
        torch.onnx.export(
            network.eval(), (value,), path, dynamo=False, input_names=["x"], output_names=["y"],
            dynamic_axes={"x": {0: "n"}, "y": {0: "n"}},
        )  # fmt: skip
    loaded = onnx_contestant(paths, Description(score_kind="probability"), name="x")
    assert loaded.latent_shape == (16, 1, 1) and loaded.generator is not None
    latents = torch.randn(20, 16, 1, 1)
    with torch.no_grad():
        images, expected = loaded.generator(latents), pair.generator(latents)
        torch.testing.assert_close(images, expected, atol=1e-5, rtol=1e-4)
        assert loaded.discriminator is not None
        torch.testing.assert_close(
            loaded.discriminator(images), pair.discriminator(images), atol=1e-5, rtol=1e-4
        )
