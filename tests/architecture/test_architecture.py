"""docs/explanation/architecture.md is true: imports point down in its layers, its tree and its path exist."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from imports import heavy_imports_of_command
from paths import ROOT
from reading_reports import table_of

import gancross

PACKAGE = Path(gancross.__file__).parent
PAGE = (ROOT / "docs" / "explanation" / "architecture.md").read_text(encoding="utf-8")
FILES = sorted(PACKAGE.rglob("*.py"))


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_of(path): path for path in FILES}


@cache
def imports(module: str) -> frozenset[str]:
    """Every module of the package that one imports: at the top, in functions, for type checking."""
    imported = set()
    for node in ast.walk(ast.parse(MODULES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: a relative import"
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            imported |= {name if name in MODULES else str(node.module) for name in names}
        elif isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
    return frozenset(imported & MODULES.keys() - {module})


def layers() -> Iterator[tuple[str, list[str]]]:
    """The tables of layers on the page: the package, and its parts from the lowest up."""
    for package, rows in re.findall(r"^### Layers of `(\S+)`\n+(.*?)(?=^#)", PAGE, flags=re.M | re.S):
        yield package, re.findall(r"^\d+\. `(\S+)`", rows, flags=re.M)


LAYERS = dict(layers())


def test_there_is_no_import_circle() -> None:
    sorter = TopologicalSorter({module: imports(module) for module in MODULES})
    sorter.prepare()  # raises CycleError, which names the circle


@pytest.mark.parametrize("package", LAYERS)
def test_imports_point_down(package: str) -> None:
    order = LAYERS[package]
    for module in MODULES:
        part = part_of(module, package)
        for imported in imports(module) if part else ():
            target = part_of(imported, package)
            if target and target != part:
                assert order.index(target) < order.index(part), (
                    f"{module} imports {imported}, which is above it"
                )


def part_of(module: str, package: str) -> str:
    """The part of a package that a module lies in; empty outside of it."""
    rest = module.removeprefix(f"{package}.")
    return "" if rest == module else rest.split(".")[0].replace("__main__", "cli")


@pytest.mark.parametrize("package", LAYERS)
def test_every_part_has_its_layer(package: str) -> None:
    parts = {part_of(module, package) for module in MODULES} - {""}
    assert sorted(LAYERS[package]) == sorted(parts)


def test_trainer_and_evaluator_meet_at_the_checkpoint() -> None:
    for module in MODULES:
        for side, opposite in (("trainer", "evaluator"), ("evaluator", "trainer")):
            if module.startswith(f"gancross.{side}."):
                assert not any(name.startswith(f"gancross.{opposite}") for name in imports(module)), module


def test_the_tree_on_the_page_is_the_package_s() -> None:
    (tree,) = re.findall(r"^```text\n(gancross/.*?)^```", PAGE, flags=re.M | re.S)
    listed, stack = set[str](), list[str]()
    for line in tree.splitlines():
        name = line.split()[0]
        depth = (len(line) - len(line.lstrip())) // 2
        stack[depth:] = [name.rstrip("/")]
        listed.add("/".join(stack) + ("/" if name.endswith("/") else ""))
    folders = {f"{path.parent.relative_to(PACKAGE.parent)}/" for path in FILES}
    assert {name for name in listed if name.endswith("/")} == folders
    files = {f"gancross/{path.name}" for path in PACKAGE.glob("*.py") if path.name != "__init__.py"}
    assert {name for name in listed if not name.endswith("/")} == files


def test_the_path_of_a_batch_exists() -> None:
    """Each row of the table: a function, what it takes and what it returns, by the names of the types."""
    rows = table_of(PAGE, "function", "takes", "returns")
    assert len(rows) >= 8
    for row in rows:
        name = row["function"]
        module, _, function_name = name.rpartition(".")
        function = getattr(importlib.import_module(module), function_name)
        signature = inspect.signature(function)
        accepted = " ".join(str(parameter.annotation) for parameter in signature.parameters.values())
        for kind in row["takes"].split(", "):
            assert kind in accepted, f"{name} takes no {kind}"
        for kind in row["returns"].split(", "):
            assert kind in str(signature.return_annotation), f"{name} does not return {kind}"


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_files_are_small(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300


def test_most_files_are_smaller() -> None:
    lengths = sorted(len(path.read_text(encoding="utf-8").splitlines()) for path in FILES)
    assert lengths[len(lengths) // 2] < 130


def test_no_untyped_figures_between_evaluator_and_reports() -> None:
    loose = re.compile(r"\b(dict\[str, Any\]|Mapping\[str, (Any|object)\])")
    for path in FILES:
        part = path.relative_to(PACKAGE).parts[0]
        if part in ("evaluator", "report") and "codec" not in path.parts and "contestants" not in path.parts:
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                    assert not loose.search(ast.unparse(node.args)), f"{path}: {node.name}"
                    assert node.returns is None or not loose.search(ast.unparse(node.returns)), path


@pytest.mark.parametrize(
    "arguments", [["--help"], ["recipes"], ["datasets"], ["train", "--help"], ["--version"]]
)
def test_help_and_lists_import_no_torch(arguments: list[str]) -> None:
    heavy, _ = heavy_imports_of_command(*arguments)
    assert not heavy


def test_public_names_resolve() -> None:
    assert set(gancross.__all__) == set(dir(gancross))
    for name in gancross.__all__:
        assert getattr(gancross, name) is not None
    with pytest.raises(AttributeError):
        gancross.nothing  # noqa: B018
    from gancross.trainer.divergences import DIVERGENCES
    from gancross.trainer.regularizers import f_divergence, jensen_shannon

    assert callable(jensen_shannon) and callable(f_divergence) and "kl" in DIVERGENCES


def test_the_changelog_names_this_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## [{gancross.__version__}]" in changelog
