"""Every file of user code has its own modules, however it imports them, and leaves the process alone."""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gancross.checkpoint.own_networks import takes_argument
from gancross.errors import UsageError
from gancross.evaluator.contestants.factories import load_factory
from gancross.machine.process_state import SETTINGS

# Ways in which a file names its own module `networks`; `which` is a value in it.
IMPORTS = {
    "at the top": "from networks import which\ndef factory(): return which",
    "in the factory": "def factory():\n    import networks\n    return networks.which",
    "when called": "class Late:\n    def __call__(self):\n"
    "        import networks\n        return networks.which\n"
    "def factory(): return Late()",
    "by importlib": "import importlib\ndef factory(): return importlib.import_module('networks').which",
    "relatively": "from .networks import which\ndef factory(): return which",
    "from a folder": "from models import networks\ndef factory(): return networks.which",
    "from a folder, by name": "import models.networks\ndef factory(): return models.networks.which",
    "from a path of its own": "import os, sys\n"
    "sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'models'))\n"
    "def factory():\n    from networks import which\n    return which",
    "through another": "from middle import which\ndef factory(): return which()",
    "in a cycle": "import round_about\ndef factory(): return round_about.which",
}


def written(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def a_project(folder: Path, which: str, way: str, *, packages: bool) -> str:
    files = {
        "networks.py": f"which = {which!r}",
        "models/networks.py": f"which = {which!r}",
        "middle.py": "def which():\n    from networks import which\n    return which",
        "round_about.py": "from networks import which\nimport back",
        "back.py": "import round_about",
        "arch.py": IMPORTS[way],
    }
    if packages:
        files |= {"__init__.py": "", "models/__init__.py": ""}
    return f"{written(folder, files) / 'arch.py'}:factory"


def value(factory: object) -> object:
    made = factory() if callable(factory) else factory
    return value(made) if callable(made) else made


@settings(max_examples=60)
@given(
    projects=st.lists(st.tuples(st.sampled_from(sorted(IMPORTS)), st.booleans()), min_size=2, max_size=3),
    calls=st.permutations([0, 0, 1, 1]),
)
def test_every_file_gets_its_own_modules(
    tmp_path_factory: pytest.TempPathFactory, projects: list[tuple[str, bool]], calls: list[int]
) -> None:
    """Whatever the ways of importing, and in whatever order the networks are made and called."""
    root, before = tmp_path_factory.mktemp("projects"), (list(sys.path), list(sys.meta_path))
    factories = [
        load_factory(a_project(root / f"p{i}", f"of {i}", way, packages=packages), place="--arch x")
        for i, (way, packages) in enumerate(projects)
    ]
    made = [factory() for factory in factories]
    for i in calls:
        assert value(factories[i]) == value(made[i]) == f"of {i}", projects
    assert (sys.path, sys.meta_path) == before


def test_relative_imports_work_as_in_a_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, {
        "top/__init__.py": "", "top/common.py": "which = 'common'", "top/low/__init__.py": "",
        "top/low/arch.py": "from ..common import which\nimport top.common\nfrom beside import other\n"
        "def factory(weights): return which, top.common.which, other",
        "top/low/beside.py": "other = 'beside'",
        "top/low/named.py": "from ..common import which\ndef factory(): return which",
    })  # fmt: skip
    factory = load_factory(f"{tmp_path}/top/low/arch.py:factory", place="--arch x")
    assert takes_argument(factory) and factory({}) == ("common", "common", "beside")
    monkeypatch.chdir(tmp_path)
    assert load_factory("top.low.named:factory", place="--arch x")() == "common"


@pytest.mark.parametrize("folder", ["code", "numpy", "gan-2.0", "twin"])
def test_a_folder_may_have_any_name(tmp_path: Path, folder: str) -> None:
    """Of a module of Python, of a library, of none, of a module within it."""
    files = {"networks.py": "which = 1", "twin.py": "which = 2", "arch.py": (
        "import numpy, code, twin\nfrom networks import which\n"
        "def factory(): return which, twin.which, numpy.__name__, hasattr(code, 'InteractiveConsole')"
    )}  # fmt: skip
    factory = load_factory(f"{written(tmp_path / folder, files)}/arch.py:factory", place="--arch x")
    assert factory() == (1, 2, "numpy", True)


def test_the_calling_programs_modules_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of the same name is not used and not replaced; libraries, gancross too, are shared."""
    own = ModuleType("networks")
    own.which = "the program's"  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "networks", own)
    code = a_project(tmp_path, "of the file", "at the top", packages=False)
    more = "\nimport torch, gancross\ndef shared(): return torch, gancross.Contestant"
    (tmp_path / "arch.py").write_text((tmp_path / "arch.py").read_text() + more)
    import gancross

    for _ in range(2):
        factory = load_factory(code, place="--arch x")
        assert factory() == "of the file" and sys.modules["networks"] is own
    shared = load_factory(code.replace(":factory", ":shared"), place="--arch x")
    assert shared() == (torch, gancross.Contestant)


def test_a_failed_import_leaves_nothing(tmp_path: Path) -> None:
    written(tmp_path, {"half.py": "which = 1", "arch.py": "import half\nraise ValueError('not today')"})
    before = list(sys.path)
    with pytest.raises(UsageError, match=r"ValueError at arch.py:2: not today"):
        load_factory(f"{tmp_path}/arch.py:factory", place="--arch x")
    (tmp_path / "arch.py").write_text("from half import which\ndef factory(): return which")
    assert load_factory(f"{tmp_path}/arch.py:factory", place="--arch x")() == 1 and sys.path == before


def test_user_code_leaves_the_process_as_it_was(tmp_path: Path) -> None:
    """Or the second model would be built with the first one's default dtype."""
    (tmp_path / "arch.py").write_text(
        "import os, random, numpy, torch\n"
        "torch.set_default_dtype(torch.float64); torch.manual_seed(1); numpy.random.seed(1); random.seed(1)\n"
        "torch.set_grad_enabled(False); os.chdir('/')\n"
        "torch.set_default_device('meta'); torch.use_deterministic_algorithms(True)\n"
        "def factory(): pass"
    )
    before = [read() for read, _ in SETTINGS], os.getcwd()
    states = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()  # type: ignore[index]
    load_factory(f"{tmp_path}/arch.py:factory", place="--arch x")
    assert ([read() for read, _ in SETTINGS], os.getcwd()) == before
    assert torch.equal(states[0], torch.get_rng_state()) and random.getstate() == states[2]
    assert np.array_equal(states[1], np.random.get_state()[1])  # type: ignore[index]
