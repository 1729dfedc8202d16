"""The examples of foreign models in README.md and docs/ have at most three lines of glue each.

An example is every call of `gancross.Contestant`, `crosstest`, `check` or `save_checkpoint` in a block of
Python on any page, and every `--arch NAME=FILE:FACTORY` in a block of shell or YAML. Glue is every line of it
that is written for gancross alone. Whatever is not listed here counts, with all lines that it takes, so that
no line is missed:

- imports, comments, docstrings;
- statements that call gancross itself; of these each `lambda` counts as one line;
- what the user's own code has anyway: networks, training, data. Such a statement has a comment that begins
  with `# your` on its first line. A file that does not import gancross is the user's own as a whole;
- `print`, and loops that only print, which read results;
- the line `def` of a factory, which is a function that calls gancross or is named by `--arch`, and its
  `return`; the lines between count.

Where a block has several examples, what stands beside the calls counts for each of them.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from documentation import PAGES, blocks, page_name, printed_files
from paths import ROOT

MOST = 3
CALLS = {f"gancross.{name}" for name in ("Contestant", "crosstest", "check", "save_checkpoint")}
ARCH = re.compile(r"--arch[ =][\w-]+=([\w./]+):(\w+)")


def calls(tree: ast.AST) -> list[ast.Call]:
    """The calls of gancross that take models."""
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [call for call in found if ast.unparse(call.func) in CALLS]


BLOCKS = {
    f"{page_name(page)}, {number}": text
    for page in PAGES if page.name != "extending.md"  # pieces of gancross itself
    for number, text in enumerate(blocks(page, "python"), start=1) if calls(ast.parse(text))
}  # fmt: skip


def calls_gancross(tree: ast.AST) -> bool:
    nodes = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    return any(ast.unparse(node.func).startswith("gancross.") for node in nodes)


def only_prints(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.For):
        return all(map(only_prints, statement.body))
    call = statement.value if isinstance(statement, ast.Expr) else None
    return isinstance(call, ast.Call) and ast.unparse(call.func) == "print"


def lines_of(statement: ast.stmt) -> int:
    return 1 + (statement.end_lineno or 0) - statement.lineno


def glue(text: str, factories: frozenset[str] = frozenset()) -> int:
    """The lines of glue of the example of a block that has most."""
    tree = ast.parse(text)
    beside = sum(_glue_of(statement, text.splitlines(), factories) for statement in tree.body)
    models = [call for call in calls(tree) if ast.unparse(call.func) == "gancross.Contestant"]
    return beside + max((_lambdas(model) for model in models), default=0)


def _lambdas(tree: ast.AST) -> int:
    return sum(isinstance(node, ast.Lambda) for node in ast.walk(tree))


def _glue_of(statement: ast.stmt, lines: list[str], factories: frozenset[str]) -> int:
    """Beside the functions in the calls of `gancross.Contestant`."""
    text = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    if isinstance(statement, ast.Import | ast.ImportFrom) or text or only_prints(statement):
        return 0
    if "# your" in lines[statement.lineno - 1]:
        return 0
    if isinstance(statement, ast.FunctionDef) and (statement.name in factories or calls_gancross(statement)):
        inside = (each for each in statement.body if not isinstance(each, ast.Return))
        return sum(_glue_of(each, lines, factories) for each in inside)
    return 0 if calls_gancross(statement) else lines_of(statement)


@pytest.mark.parametrize("where", BLOCKS)
def test_blocks_of_python_have_three_lines_of_glue_at_most(where: str) -> None:
    assert glue(BLOCKS[where]) <= MOST


def factories() -> dict[str, set[str]]:
    """What `--arch` names on the pages: functions by file."""
    named: dict[str, set[str]] = {}
    for page in PAGES:
        for block in blocks(page, "sh", "bash", "yaml"):
            for file, factory in ARCH.findall(block):
                named.setdefault(file, set()).add(factory)
    return named


@pytest.mark.parametrize(
    ("file", "name"), [(file, name) for file, names in factories().items() for name in sorted(names)]
)
def test_factories_have_three_lines_of_glue_at_most(file: str, name: str) -> None:
    """The file is one of docs/examples, or printed on a page."""
    printed = [files[file] for page in PAGES if file in (files := printed_files(page))]
    for text in printed or [(ROOT / file).read_text(encoding="utf-8")]:
        if "import gancross" not in text:
            continue
        (factory,) = (
            node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef) and node.name == name
        )
        assert glue(ast.get_source_segment(text, factory) or "", frozenset({name})) <= MOST


def test_no_example_is_missed() -> None:
    """What a search for the words finds, the rules above have found as well."""
    found = set(BLOCKS.values())
    for page in PAGES:
        for text in blocks(page, "python"):
            if "Contestant(" in text and page.name != "extending.md":
                assert text in found
        shell = "\n".join(blocks(page, "sh", "bash", "yaml"))
        assert len(re.findall(r"--arch\b", shell)) == len(ARCH.findall(shell)), page_name(page)
    assert len(found) >= 8 and {Path(file).name for file in factories()} >= {"contestant.py", "dcgan.py"}


EXAMPLES = {
    "import gancross\nmodel = gancross.Contestant(generator=G)": 0,
    "G = Generator()  # your network\ngancross.check(gancross.Contestant(generator=G))": 0,
    "G = Generator()\ngancross.check(gancross.Contestant(generator=G))": 1,
    "G = Generator(\n    1,\n)\ngancross.check(gancross.Contestant(generator=G))": 3,
    "def f(z):\n    w = m(z)\n    return G(w)\n\n\ngancross.Contestant(generator=f)": 3,
    "class A(nn.Module):\n    def forward(self, z):\n        return z\n\n\ngancross.check(A())": 3,
    "[gancross.Contestant(score=lambda v: v[0]), gancross.Contestant(score=lambda v: (v, lambda: 1))]": 2,
    "def contestant():\n    G = load()\n    return gancross.Contestant(generator=G)": 1,
    "model = gancross.Contestant(generator=G)\nfor cell in result.cross:\n    print(cell)": 0,
}


@pytest.mark.parametrize(("text", "expected"), EXAMPLES.items(), ids=range(len(EXAMPLES)))
def test_glue_is_counted(text: str, expected: int) -> None:
    assert glue(text) == expected
