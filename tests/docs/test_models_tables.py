"""docs/how-to/models.md, models by loss, output and project: every row is a call of three lines, and true.

The networks of the examples, in support/theirs.py, all say the same of an image and make the same images; so
every example has the figures of the first, wherever it has a threshold.
"""

from __future__ import annotations

import ast
import re

import pytest
from documentation import DOCS, blocks
from trained_pairs import digits

import gancross
from gancross import Contestant
from gancross.evaluator.estimates import Missing
from gancross.evaluator.model_check import DiscriminatorCheck

PAGE = DOCS / "how-to" / "models.md"
MOST = 3  # lines of a call
LISTS = ("losses", "outputs", "projects")


def example(name: str) -> str:
    """The block that makes a list of that name."""
    (block,) = (block for block in blocks(PAGE, "python") if f"\n{name} = [" in block)
    return block


def models(name: str) -> list[Contestant]:
    """The contestants of a list, without what its block does with them afterwards."""
    tree = ast.parse(example(name))
    tree.body = [node for node in tree.body if not isinstance(node, ast.Expr)]
    variables: dict[str, list[Contestant]] = {}
    exec(compile(tree, PAGE.name, "exec"), variables)
    return variables[name]


@pytest.mark.parametrize("name", LISTS)
def test_every_row_has_a_call_of_three_lines(name: str) -> None:
    text = PAGE.read_text(encoding="utf-8")
    tables = re.findall(r"^\| example \|.*\n\|---.*\n((?:\|.*\n)+)", text, flags=re.MULTILINE)
    rows = re.findall(r"^\| `([\w-]+)` \|", "".join(tables), flags=re.MULTILINE)
    assert len(rows) == "".join(tables).count("\n") == sum(len(models(each)) for each in LISTS)
    names = [model.name for model in models(name)]
    at = rows.index(names[0])
    assert rows[at : at + len(names)] == names
    calls = [node for node in ast.walk(ast.parse(example(name))) if isinstance(node, ast.Call)]
    sizes = [
        1 + (call.end_lineno or 0) - call.lineno
        for call in calls
        if ast.unparse(call.func) == "gancross.Contestant"
    ]
    assert len(sizes) == len(models(name)) and max(sizes) <= MOST


@pytest.mark.parametrize("name", LISTS)
def test_every_example_means_the_same(name: str) -> None:
    figures = {}
    for model in models(name):
        found = gancross.check(model, data=digits(), device="cpu")
        assert isinstance(found.discriminator, DiscriminatorCheck)
        figures[model.name] = found.discriminator
    first = next(iter(figures.values()))
    assert not isinstance(first.separation, Missing) and abs(first.separation) > 0.02
    undecided = {example for example, each in figures.items() if isinstance(each.separation, Missing)}
    assert undecided == ({"critic", "relativistic", "began"} if name == "losses" else set())
    for example_name, each in figures.items():
        assert each.auc_generated.value == pytest.approx(first.auc_generated.value, abs=1e-4), example_name
        if not isinstance(each.separation, Missing):
            assert each.separation == pytest.approx(first.separation, abs=1e-9), example_name
