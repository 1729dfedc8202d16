"""The command that makes a result again."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

import click
import foreign
import numpy as np
import pytest
import torch
from command_line import call
from report_documents import documents

from gancross import load_result
from gancross.cli.main import cli
from gancross.report.command import command, obstacles


def test_the_command_is_that_of_the_call(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    record = tmp_path / "it's.json"
    plain, opponent = checkpoints["digits-plain"], checkpoints["digits-regularized"]
    arguments = ["-n", "60", "--seed", "3", "--norm", "batch", "--no-quantize", "--no-controls"]
    models = [f"-x={plain}", f"a b'={opponent}"]
    assert call("crosstest", *arguments, "--method", "-x=mine", "--json", record, "-q", "--", *models) == 0
    result = load_result(record)
    words = shlex.split(command(result))
    assert words[:2] == ["gancross", "crosstest"] and words[-2:] == models and obstacles(result) == []
    context = cli.commands["crosstest"].make_context("crosstest", words[2:], parent=click.Context(cli))
    options = context.params
    assert (options["num_samples"], options["seed"], options["norm"]) == (60, 3, "batch")
    assert options["no_quantize"] and options["no_controls"] and not options["no_norm_check"]
    assert options["methods"] == ("-x=mine",) and options["data"] == "digits"
    second = tmp_path / "second.json"
    assert call(*words[1:-3], "--json", second, "-q", *words[-3:]) == 0
    repeated = load_result(second)
    assert replace(repeated, provenance=result.provenance) == result


def test_a_foreign_model_comes_with_its_options(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Weights with code, ONNX files with a description; only the reader says that code is trusted."""
    example, paths = foreign.dcgan(), [tmp_path / name for name in ("gan.pth", "g.onnx", "d.onnx")]
    pair = example.contestant()
    states = {"netG": pair.generator.state_dict(), "netD": pair.discriminator.state_dict()}
    torch.save(states, paths[0])
    flat = foreign.weight("w", np.ones((64, 1), np.float32))
    graphs = (
        foreign.model(
            [foreign.node("Tanh", "z", "x")], [foreign.info("z", "n", 1, 8, 8)],
            [foreign.info("x", "n", 1, 8, 8)], [],
        ),
        foreign.model(
            [foreign.node("Flatten", "x", "f"), foreign.node("MatMul", "f w", "y")],
            [foreign.info("x", "n", 1, 8, 8)], [foreign.info("y", "n", 1)], [flat],
        ),
    )  # fmt: skip
    for path, graph in zip(paths[1:], graphs, strict=True):
        path.write_bytes(graph.SerializeToString())
    arch = f"it's={foreign.EXAMPLES / 'dcgan.py'}:contestant"
    described = ["score_kind=hinge", "orientation=fake_high", "threshold=none", "latent=uniform"]
    described += ["data_range=-0.5,0.5"]
    record = tmp_path / "r.json"
    code, message = foreign.call(
        capfd, "crosstest", f"it's={paths[0]}", f"x={paths[1]},{paths[2]}", "--arch", arch, "--trust-code",
        *(word for setting in described for word in ("--describe", f"x={setting}")), "--data", "digits",
        "-n", "20", "--json", record,
    )  # fmt: skip
    assert code == 0, message
    result = load_result(record)
    (trust,) = obstacles(result)
    assert "'it's'" in trust and "--trust-code" in trust and "'x'" not in trust
    words = shlex.split(command(result))
    assert words[words.index("--arch") + 1] == arch and "--trust-code" not in words
    second = tmp_path / "second.json"
    again = [*(word for word in words[1:] if word != "--"), "--json", str(second)]
    code, message = foreign.call(capfd, *again)
    assert code == 2 and "add --trust-code" in message
    code, message = foreign.call(capfd, *again, "--trust-code")
    assert code == 0, message
    repeated = load_result(second)
    assert replace(repeated, provenance=result.provenance) == result
    dcgan = result.contestants[0]
    assert (dcgan.latent_shape, dcgan.latent, dcgan.batch_size) == ((16, 1, 1), "normal", 128)
    onnx = result.contestants[1]
    assert (onnx.threshold, onnx.data_range, onnx.latent_dim) == (None, (-0.5, 0.5), 64)


def test_what_no_command_can_repeat_is_listed() -> None:
    result = documents()["two"]
    assert any("made in memory" in text for text in obstacles(result))
    assert any("array in memory" in text for text in obstacles(result))
    options = replace(result.protocol.options, classes=("a", "b, c"))
    with_comma = replace(result, protocol=replace(result.protocol, options=options))
    assert any("has a comma" in text for text in obstacles(with_comma))
    paths = ("folder:made", "gan.onnx")
    contestants = [
        replace(c, path=path, data_range=None) for c, path in zip(result.contestants, paths, strict=True)
    ]
    from_files = replace(result, contestants=tuple(contestants))
    first, second = result.names
    (foreign,) = [text for text in obstacles(from_files) if "--arch" in text]
    assert f"'{second}'" in foreign and f"'{first}'" not in foreign
    assert shlex.split(command(from_files))[-2:] == [f"{first}=folder:made", f"{second}=gan.onnx"]
    with_equals = replace(result, contestants=(replace(contestants[0], name="a=b"), contestants[1]))
    assert any("'a=b'" in text and "'='" in text for text in obstacles(with_equals))
