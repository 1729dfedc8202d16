"""The command that makes a result again."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

import click
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


def test_what_no_command_can_repeat_is_listed() -> None:
    result = documents()["two"]
    assert any("made in memory" in text for text in obstacles(result))
    assert any("array in memory" in text for text in obstacles(result))
    paths = ("folder:made", "gan.onnx")
    contestants = [replace(c, path=path) for c, path in zip(result.contestants, paths, strict=True)]
    from_files = replace(result, contestants=tuple(contestants))
    first, second = result.names
    (foreign,) = [text for text in obstacles(from_files) if "--arch" in text]
    assert f"'{second}'" in foreign and f"'{first}'" not in foreign
    assert shlex.split(command(from_files))[-2:] == [f"{first}=folder:made", f"{second}=gan.onnx"]
    with_equals = replace(result, contestants=(replace(contestants[0], name="a=b"), contestants[1]))
    assert any("'a=b'" in text and "'='" in text for text in obstacles(with_equals))
