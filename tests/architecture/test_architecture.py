"""The house's own rules: imports point down, the front door opens fast, names are exported."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import gancross

PACKAGE = Path(gancross.__file__).parent
FLOORS = [
    {"errors"},
    {"files", "checks", "pickles", "archive", "tensors_file", "json_values"}
    | {"caches", "devices", "divergences", "memory", "models", "latents", "distributed", "distributed_group"},
    {"contestant", "data", "pictures", "checkpoint", "checkpoint_checks"},
    {"trainer", "evaluator"},
    {"report"},
    {"workflow"},
    {"cli"},
]
FLOOR = {room: level for level, rooms in enumerate(FLOORS) for room in rooms}
WINGS = {"trainer", "evaluator"}


def rooms_imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        modules = []
        if isinstance(node, ast.ImportFrom) and node.module == "gancross":
            modules = [f"gancross.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules = [node.module]
        elif isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        found |= {module.split(".")[1] for module in modules if module.startswith("gancross.")}
    return found - {"__version__"}


@pytest.mark.parametrize(
    "path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_imports_point_down(path: Path) -> None:
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if room in ("__init__", "__main__"):
        return
    for other in rooms_imported(path):
        assert FLOOR[other] <= FLOOR[room], f"{room} imports {other}, which is above it"
        assert {room, other} != WINGS, f"{room} imports {other}: the wings meet at the checkpoint"


@pytest.mark.parametrize(
    "path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_files_are_small(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300


@pytest.mark.parametrize(
    "arguments", [["--help"], ["recipes"], ["datasets"], ["train", "--help"], ["--version"]]
)
def test_the_front_door_needs_no_torch(arguments: list[str]) -> None:
    program = (
        "import sys\nfrom gancross.cli.main import main\n"
        f"try: main({arguments!r})\nexcept SystemExit as leaving: assert not leaving.code, leaving.code\n"
        "heavy = {'torch', 'numpy', 'scipy', 'sklearn', 'matplotlib'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)


def test_public_names_resolve() -> None:
    assert set(gancross.__all__) == set(dir(gancross))
    for name in gancross.__all__:
        assert getattr(gancross, name) is not None
    with pytest.raises(AttributeError):
        gancross.nothing  # noqa: B018


def test_the_changelog_names_this_version() -> None:
    changelog = (PACKAGE.parent / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## [{gancross.__version__}]" in changelog
