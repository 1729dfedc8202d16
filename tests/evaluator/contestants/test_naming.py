"""Names of contestants from their paths."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Literal

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gancross.checkpoint.contestant import Contestant
from gancross.cli.contestants import Model, _by_name
from gancross.errors import UsageError
from gancross.evaluator.contestants.naming import contestant_names, split_argument
from gancross.random_streams import Stream


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["runs/a/last.pt", "runs/b/last.pt"], ["a", "b"]),
        (["modelA.pt", "modelB.pt"], ["modelA", "modelB"]),
        (["runs/a/last.pt"], ["a"]),
        (["last.pt"], ["last"]),
        (["x.pt", "x.pt"], ["x", "x#2"]),
        (["r/x/s0/last.pt", "r/y/s0/last.pt", "r/x/s1/last.pt"], ["x/s0", "y/s0", "x/s1"]),
        (["a/checkpoints/step-1.pt", "a/checkpoints/step-2.pt"], ["step-1", "step-2"]),
        (["a/m.pt", "b/c/m.pt"], ["a", "c"]),
    ],
)
def test_names_are_the_shortest_distinguishing_parts(paths: list[str], names: list[str]) -> None:
    assert contestant_names([(None, path) for path in paths]) == names
    if "#" not in "".join(names):
        assert contestant_names([(None, path) for path in paths[::-1]]) == names[::-1]


def test_given_names_win(tmp_path: Path) -> None:
    assert split_argument("a=b.pt") == ("a", "b.pt")
    odd = tmp_path / "a=b.pt"
    odd.touch()
    assert split_argument(str(odd)) == (None, str(odd))
    assert contestant_names([("x", "a.pt"), ("x", "b.pt"), (None, "x.pt")]) == ["x", "x#2", "x#3"]
    for argument in ("=b.pt", "a="):
        with pytest.raises(UsageError):
            split_argument(argument)


def test_a_path_with_an_equals_sign_is_no_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = Path("runs/lr=0.1")
    folder.mkdir(parents=True)
    for name in ("g.onnx", "d.onnx", "last.pt"):
        (folder / name).touch()
    for whole in (
        f"{folder}/last.pt", f"{folder}/g.onnx,{folder}/d.onnx", f"{folder}/gone.pt", "runs/a=b/gone.pt",
    ):  # fmt: skip
        assert split_argument(whole) == (None, whole)
        assert split_argument(f"mine={whole}") == ("mine", whole)
    assert split_argument(f"x/y={folder}/last.pt") == ("x/y", f"{folder}/last.pt")


Form = Literal["NFC", "NFD"]
FORMS: list[Form] = ["NFC", "NFD"]


@given(st.text(st.sampled_from("éüåñ한Ωa"), min_size=1), st.sampled_from(FORMS), st.sampled_from(FORMS))
def test_a_name_is_one_name_however_its_characters_are_composed(name: str, first: Form, second: Form) -> None:
    """On the command line, in Python, in options, and in the random numbers that depend on it."""
    typed, meant = unicodedata.normalize(first, name), unicodedata.normalize(second, name)
    (short,) = contestant_names([(typed, "x.pt")])
    (of_path,) = contestant_names([(None, f"runs/{meant}.pt")])
    samples = torch.zeros(2, 2)
    in_python = Contestant(name=meant, samples=samples, method=typed)
    assert short == of_path == in_python.name == in_python.method
    model = Model(name=short, files=(), is_folder=False)
    assert _by_name([model], [f"{meant}=é=b"], option="--arch", form="") == {short: "é=b"}
    assert Stream(0, typed).integer(0) == Stream(0, meant).integer(0)
