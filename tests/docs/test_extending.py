"""docs/how-to/extending.md: its examples, applied to a copy of the package as they stand, do what it says."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from paths import ROOT, SUPPORT

PAGE = (ROOT / "docs" / "how-to" / "extending.md").read_text(encoding="utf-8")
PLACE = re.compile(
    r"# (?:new file (?P<new>\S+)|(?P<file>\S+), (?P<how>in|after|with the imports) ?(?P<name>\w*))\n"
)
# Runs the commands of the page, each as if typed, and then the checks of the entries, in one process.
PROGRAM = """
import inspect, json, shlex, sys
import gancross
import test_divergences
from gancross.cli.main import main

for line in json.loads(sys.argv[1]):
    arguments = shlex.split(line)[1:]
    device = ["--device", "cpu"] if arguments[0] in ("train", "crosstest") else []
    try:
        main([*arguments, *device])
    except SystemExit as leaving:
        if leaving.code:
            raise

test_divergences.OPTIMAL_SCORE["le-cam"] = lambda log_ratio: log_ratio
for name, check in vars(test_divergences).items():
    if name.startswith("test_") and list(inspect.signature(check).parameters) == ["name"]:
        check("le-cam")
        print(name, flush=True)

print(gancross.load_result("figures.json")._repr_html_())
loaded = gancross.load_contestant("runs/decision-variance/last.pt")
shapes = [loaded.generator.output_shape, loaded.discriminator.input_shape]
margin = gancross.Contestant(name="m", generator=loaded.generator, latent_dim=1, score_kind="margin")
scores = [loaded.score_kind, loaded.threshold, margin.decision_threshold]
print(json.dumps([gancross.__file__, *shapes, *scores, loaded.origin.recipe]))
"""


@dataclass(frozen=True)
class Block:
    """A piece of Python on the page.

    Attributes:
        path: file below the copy.
        how: `new`, `in`, `after` or `with the imports`.
        name: of the table, dataclass or function that `how` refers to.
    """

    section: str
    path: str
    how: str
    name: str
    code: str


def read_blocks(page: str) -> list[Block]:
    """The blocks of Python in order; the first line of each says where it goes."""
    blocks = []
    for section in page.split("\n## ")[1:]:
        for text in re.findall(r"^```python\n(.*?)^```", section, flags=re.DOTALL | re.MULTILINE):
            place = PLACE.match(text)
            assert place is not None, f"the first line does not say where the code goes: {text[:80]}"
            heading, code = section.splitlines()[0], text[place.end() :]
            path, how = place["new"] or place["file"], place["how"] or "new"
            blocks.append(Block(section=heading, path=path, how=how, name=place["name"] or "", code=code))
    return blocks


def inserted(source: str, block: Block) -> str:
    """The source with a block in its place; nothing else changes."""
    lines = source.splitlines(keepends=True)
    code = block.code
    if block.how == "with the imports":
        line = max(
            node.end_lineno or 0 for node in ast.parse(source).body if isinstance(node, ast.ImportFrom)
        )
        return "".join([*lines[:line], code, *lines[line:]])
    node = definition(source, block.name)
    if block.how == "after":
        assert node.end_lineno is not None
        return "".join([*lines[: node.end_lineno], "\n\n", code, *lines[node.end_lineno :]])
    if isinstance(node, ast.ClassDef):
        line = max(field.end_lineno or 0 for field in node.body if isinstance(field, ast.AnnAssign))
    else:
        assert (
            isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None and node.value.end_lineno
        )
        line = node.value.end_lineno - 1
        assert lines[line].startswith(("}", ")", "]")), f"{block.name} has no bracket on a line of its own"
    indented = [f"    {text}" if text.strip() else text for text in code.splitlines(keepends=True)]
    return "".join([*lines[:line], *indented, *lines[line:]])


def definition(source: str, name: str) -> ast.stmt:
    """The statement of a module that defines a name."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == name:
            return node
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            return node
    raise AssertionError(f"no {name} in this module")


def apply(blocks: list[Block], root: Path) -> None:
    """Writes the blocks into the copy of the package below `root`."""
    for block in blocks:
        path = root / block.path
        if block.how == "new":
            assert not path.exists(), f"{block.path} exists already"
            path.write_text(block.code, encoding="utf-8")
        else:
            path.write_text(inserted(path.read_text(encoding="utf-8"), block), encoding="utf-8")


BLOCKS = read_blocks(PAGE)
COMMANDS = [
    line
    for text in re.findall(r"^```sh\n(.*?)^```", PAGE, flags=re.DOTALL | re.MULTILINE)
    for line in text.splitlines()
]


@dataclass(frozen=True)
class Extended:
    """What the commands of the page left behind: their output and their folder."""

    output: str
    folder: Path


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Extended:
    copy, folder = tmp_path_factory.mktemp("copy"), tmp_path_factory.mktemp("folder")
    shutil.copytree(ROOT / "gancross", copy / "gancross", ignore=shutil.ignore_patterns("__pycache__"))
    apply(BLOCKS, copy)
    path = os.pathsep.join(map(str, (copy, ROOT / "tests", SUPPORT)))
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(COMMANDS)], cwd=folder, text=True, capture_output=True,
        check=False,
        env=os.environ | {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "200"},
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    return Extended(output=run.stdout, folder=folder)


def test_the_names_are_listed(extended: Extended) -> None:
    for name in ("bars", "docs/how-to/extending.md", "1×6×9"):
        assert name in extended.output


def test_the_checkpoint_holds_the_examples(extended: Extended) -> None:
    package, *interface, recipe = json.loads(extended.output.splitlines()[-1])
    assert not Path(package).is_relative_to(ROOT)
    assert interface == [[1, 6, 9], [1, 6, 9], "f-gan:le-cam", 0.0, 1.0]
    expected = {"data": "bars", "network": "tiny", "objective": "le-cam", "regularizer": "decision-variance"}
    assert expected.items() <= recipe.items()


def test_the_cross_test_is_whole(extended: Extended) -> None:
    result = json.loads((extended.folder / "result.json").read_text(encoding="utf-8"))
    assert result["status"] == "ok" and len(result["cross"]) == 4


def test_the_cell_figure_and_the_metric_are_in_every_report(extended: Extended) -> None:
    """Two files were touched for the two of them."""
    sections = ("A cell figure", "A fidelity metric")
    assert len({block.path for block in BLOCKS if block.section in sections}) == 2
    record = json.loads((extended.folder / "figures.json").read_text(encoding="utf-8"))
    for cell in record["cross"]:
        rate = (2 - record["confusion"][cell["judge"]]["fn"]["rate"] - cell["fp"]["rate"]) / 2
        assert cell["balanced_accuracy"]["value"] == pytest.approx(rate)
    for figures in record["fidelity"].values():
        assert figures["mean_distance[identity]"]["value"] >= 0
    screen, _, rest = extended.output.rpartition("Gate: result against baseline")
    gate, _, notebook = rest.partition("Gate passed")
    reports = {
        "html": (extended.folder / "figures.html").read_text(encoding="utf-8"),
        "markdown": (extended.folder / "figures.md").read_text(encoding="utf-8"),
    }
    for text in (screen, notebook, *reports.values()):
        assert "Balanced" in text and "accuracy ↑" in " ".join(text.split())
    for text in (screen, notebook, *reports.values()):
        assert "mean" in text and "distance" in text and "identity" in text
    for name in ("balanced-accuracy ↑", "cross-balanced-accuracy ↑", "detected-balanced-accuracy ↓"):
        assert name in gate
    assert "mean-distance ↓" in gate


def test_the_divergence_satisfies_its_laws(extended: Extended) -> None:
    assert "test_conjugate_meets_fenchels_equality" in extended.output
    assert "test_forms_in_the_score_are_those_in_psi" in extended.output


SOURCE = """import os
from math import pi

TABLE = (
    1,
)  # fmt: skip


class Cell:
    a: int

    def b(self) -> int:
        return 2
"""


@pytest.mark.parametrize(("place", "code", "before", "after"), [
    ("in TABLE", "2,\n", "    1,\n", ")  # fmt: skip"),
    ("in Cell", "c: int = 3\n", "    a: int\n", "\n    def b"),
    ("after Cell", "def d() -> None: ...\n", "        return 2\n\n\n", ""),
    ("with the imports", "from math import e\n", "from math import pi\n", "\nTABLE"),
])  # fmt: skip
def test_a_block_lands_where_its_first_line_says(place: str, code: str, before: str, after: str) -> None:
    (block,) = read_blocks(f"\n## X\n\n```python\n# a.py, {place}\n{code}```\n")
    result = inserted(SOURCE, block)
    ast.parse(result)
    indent = "    " if place.startswith("in ") else ""
    assert f"{before}{indent}{code}{after}" in result


def test_every_example_touches_two_files_at_most() -> None:
    for section in {block.section for block in BLOCKS}:
        assert len({block.path for block in BLOCKS if block.section == section}) <= 2, section
