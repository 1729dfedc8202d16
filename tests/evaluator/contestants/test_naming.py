"""Names of contestants from their paths."""

from __future__ import annotations

from pathlib import Path

import pytest

from gancross.errors import UsageError
from gancross.evaluator.contestants.naming import contestant_names, split_argument


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
