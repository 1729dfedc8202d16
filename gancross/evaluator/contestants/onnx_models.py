"""Generators and discriminators as ONNX files, run by onnxruntime on the CPU, as contestants."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from gancross.checkpoint.contestant import Contestant, Origin
from gancross.errors import CheckpointError, ResourceError, UsageError, first_line
from gancross.evaluator.contestants.onnx_external import with_external_data
from gancross.evaluator.contestants.onnx_graphs import (
    LARGEST_FILE,
    Graph,
    RefusedGraph,
    Shape,
    inspect_graph,
    parsed_model,
)
from gancross.machine.files import read_bytes

NO_THRESHOLD = "none"


@dataclass(frozen=True, kw_only=True)
class Description:
    """What an ONNX file does not contain, or what a file of weights does not; None: not given.

    The fields are those of `Contestant`; the threshold "none" is its None, one that is not given is "auto".
    Networks of ONNX files take no labels.
    """

    score_kind: str | None = None
    orientation: str | None = None
    threshold: float | str | None = None
    data_range: tuple[float, float] | None = None
    latent: str | None = None
    score: str | None = None
    generate: str | None = None
    num_classes: int | None = None
    label_prior: str | tuple[float, ...] | None = None
    judge_labels: bool | None = None


class OnnxNetwork(nn.Module):
    """A graph as a module without parameters.

    A graph with a fixed batch length runs on pieces of that length; the last piece is padded with copies of
    its first sample.
    """

    def __init__(self, session: Any, graph: Graph) -> None:
        super().__init__()
        self._session, self.graph = session, graph

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        """One output for each sample of a batch.

        Raises:
            RuntimeError: the runtime fails, for example on samples of another shape.
        """
        inputs = np.ascontiguousarray(batch.detach().to("cpu", torch.float32).numpy())
        length = self.graph.batch or len(inputs)
        starts = range(0, len(inputs), length)
        pieces = [self._run(inputs[start : start + length], length) for start in starts]
        return torch.from_numpy(np.concatenate(pieces)).to(batch.device)

    def _run(self, piece: np.ndarray[Any, Any], length: int) -> np.ndarray[Any, Any]:
        missing = length - len(piece)
        padded = np.concatenate([piece, np.repeat(piece[:1], missing, axis=0)]) if missing else piece
        try:
            (outputs,) = self._session.run([self.graph.output_name], {self.graph.input_name: padded})
        except Exception as error:
            raise RuntimeError(first_line(error)) from error
        result: np.ndarray[Any, Any] = outputs[: len(piece)] if outputs.ndim else outputs
        return result


def onnx_contestant(paths: Sequence[Path], description: Description, *, name: str) -> Contestant:
    """A contestant of a generator's file, or of the files of a generator and a discriminator.

    The shape of the latents is that of the generator's input. Weights may lie in files beside the graphs.

    Raises:
        UsageError: no such file; networks that do not fit together; a description is missing or invalid.
        CheckpointError: a file is refused.
        ResourceError: onnx or onnxruntime is not installed.
    """
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
    except ImportError:
        raise ResourceError(f"{paths[0]}: needs onnx and onnxruntime: pip install 'gancross[onnx]'") from None
    contents = [read_bytes(path, limit=LARGEST_FILE) for path in paths]
    pairs = [_network(content, path) for content, path in zip(contents, paths, strict=True)]
    networks = [network for network, _ in pairs]
    contents += [content for _, others in pairs for _, content in sorted(others.items())]
    generator, discriminator = networks[0], networks[1] if len(networks) > 1 else None
    input_shape = generator.graph.input_shape
    latent_shape = tuple(length for length in input_shape[1:] if length is not None)
    if len(latent_shape) != len(input_shape) - 1 or not latent_shape:
        raise CheckpointError(
            f"{paths[0]}: refused: its input has shape {_shape_text(input_shape)}, expected a fixed one"
            " in all but the batch"
        )
    if discriminator is not None:
        _check_pair(generator.graph, discriminator.graph, paths)
    sha256 = hashlib.sha256(b"".join(contents)).hexdigest()
    contestant = Contestant(
        name=name, generator=generator, discriminator=discriminator, latent_dim=math.prod(latent_shape),
        latent_shape=latent_shape if len(latent_shape) > 1 else None,
        origin=Origin(path=",".join(map(str, paths)), sha256=sha256, notes=_notes(networks)),
    )  # fmt: skip
    return _described(contestant, description, last=[network.graph.last for network in networks])


def _described(contestant: Contestant, description: Description, *, last: Sequence[str]) -> Contestant:
    """With the values of its description; after a last sigmoid two defaults are likely to be wrong."""
    message = (
        f"contestant '{contestant.name}': its {{}} ends in a sigmoid: add --describe {contestant.name}={{}}"
    )
    if last[0] == "Sigmoid" and description.data_range is None:
        raise UsageError(message.format("generator", "data_range=0,1, or other values of black and white"))
    if last[1:] == ["Sigmoid"] and description.score_kind is None:
        raise UsageError(message.format("discriminator", "score_kind=probability, or another kind of score"))
    described_fields = {key: value for key, value in vars(description).items() if value is not None}
    if described_fields.get("threshold") == NO_THRESHOLD:
        described_fields["threshold"] = None
    return replace(contestant, **described_fields)  # checks the values


def _network(content: bytes, path: Path) -> tuple[OnnxNetwork, dict[str, bytes]]:
    """A checked graph in a session; the files beside it that hold its weights, by their names."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    options.log_severity_level = 4
    # Never onnxruntime's own format, which a file could claim to have and which is not checked.
    options.add_session_config_entry("session.load_model_format", "ONNX")
    try:
        model = parsed_model(content)
        others = with_external_data(model, path)
        graph = inspect_graph(model)
        if others:
            content = model.SerializeToString()
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except RefusedGraph as error:
        raise CheckpointError(f"{path}: refused: {error}") from None
    except ResourceError:
        raise
    except Exception as error:  # the runtime raises many kinds on graphs that it cannot run
        raise CheckpointError(f"{path}: refused: onnxruntime cannot run it: {first_line(error)}") from None
    return OnnxNetwork(session, graph), others


def _check_pair(generator: Graph, discriminator: Graph, paths: Sequence[Path]) -> None:
    output_shape, input_shape = generator.output_shape, discriminator.input_shape
    pairs = list(zip(output_shape[1:], input_shape[1:], strict=False))
    if len(output_shape) != len(input_shape) or any(a != b and None not in (a, b) for a, b in pairs):
        raise UsageError(
            f"{paths[1]}: expects samples of shape {_shape_text(input_shape)}, {paths[0]} makes"
            f" {_shape_text(output_shape)}: give the generator first, then its discriminator"
        )


def _notes(networks: Sequence[OnnxNetwork]) -> tuple[str, ...]:
    """Differences between these networks and those of a checkpoint."""
    notes = [
        f"its {what} runs {network.graph.batch} samples at a time, as its ONNX file fixes"
        for what, network in zip(("generator", "discriminator"), networks, strict=False)
        if network.graph.batch is not None
    ]
    if len(networks) > 1:
        notes.append("batch norm in an ONNX file runs as exported; there is no other mode to compare with")
    return tuple(notes)


def _shape_text(shape: Shape) -> str:
    return "(" + ", ".join("N" if length is None else str(length) for length in shape) + ")"
