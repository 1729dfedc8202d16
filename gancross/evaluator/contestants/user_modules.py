"""Modules of user code, of which every file has its own.

Two projects may both keep their networks in `networks.py`, and Python knows one module of a name. So the
modules that a file imports from its own folders stand in `sys.modules` while its code runs: when it is
imported, when its factory is called, and when one of its functions imports something later, as a `forward`
may. At other times only modules stand there whose name no other project uses. Libraries are shared.
"""

from __future__ import annotations

import builtins
import importlib
import os
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from gancross.evaluator.contestants.import_guard import guarded_import

LIBRARIES = {"site-packages", "dist-packages"}
_TURN = threading.RLock()  # sys.modules and sys.path are those of the process
_PROJECTS: dict[str, Project] = {}


def project(name: str) -> Project:
    """The project of a module's name or of the path of a file, the same one whenever it is asked for.

    Raises:
        FileNotFoundError: there is no such file.
    """
    path = Path(os.path.expanduser(name)).resolve() if name.endswith(".py") else None
    if path is not None and not path.is_file():
        raise FileNotFoundError(f"no such file: {name}")
    key = f"{name} in {Path.cwd()}" if path is None else str(path)
    return _PROJECTS.setdefault(key, Project(name, path))


class Project:
    """One module or file of a user, with all modules that it imports from its own folders.

    Its own folders are the current one, as for `python -m`, or the file's, as for `python file.py`; the one
    above its package, for relative imports; and those that its code adds to `sys.path`.
    """

    def __init__(self, name: str, path: Path | None) -> None:
        self._name, self._path = name, path
        folder = Path.cwd() if path is None else path.parent
        self._presumed = folder / f"{name.replace('.', '/')}.py"  # of a module, where it is no library
        self.modules: dict[str, ModuleType] = {}
        self.package, self.root = ("", None) if path is None else _package(folder)
        self.folders = [str(folder)] if self.root is None else [str(folder), str(self.root)]
        self._search = [self.folders[0], *sys.path, *self.folders[1:]]
        self._active = False
        # A function's globals hold the `__import__` that its import statements call.
        self.builtins = vars(builtins) | {"__import__": self._import}

    def load(self) -> ModuleType:
        """The module; its code has run, once, as a module's and not as a script's (`import_guard`)."""
        with self.active():
            run: Callable[[], object]
            if self._path is None:
                name, run = self._name, partial(importlib.import_module, self._name)
            else:
                name = f"{self.package}.{self._path.stem}" if self.package else str(self._path)
                run = partial(self._run_file, name, self._path)
            if name not in sys.modules:
                try:
                    with guarded_import(str(self._path or self._presumed)):
                        run()
                except BaseException:
                    for modules in (self.modules, sys.modules):
                        modules.pop(name, None)
                    raise
            return sys.modules[name]

    def _run_file(self, name: str, path: Path) -> None:
        spec = spec_from_file_location(name, path, loader=_Loader(name, str(path), self))
        assert spec is not None and spec.loader is not None
        module = self.modules[name] = sys.modules[name] = module_from_spec(spec)
        spec.loader.exec_module(module)

    @contextmanager
    def active(self) -> Iterator[None]:
        """Inside, `sys.modules` and `sys.path` are this project's; afterwards as before."""
        with _TURN:
            if self._active:
                yield
                return
            outer_path, outer = list(sys.path), any(each._active for each in _PROJECTS.values())
            hidden = self._hidden()
            for name in hidden:
                del sys.modules[name]
            sys.modules.update(self.modules)
            sys.path[:] = self._search
            finder = _Finder(self, outer_path)
            sys.meta_path.insert(sys.meta_path.index(PathFinder), finder)
            self._active = True
            try:
                yield
            finally:
                self._active = False
                sys.meta_path.remove(finder)
                self._search, sys.path[:] = list(sys.path), outer_path
                self.modules |= {name: sys.modules[name] for name in finder.names if name in sys.modules}
                for name in self.modules:
                    sys.modules.pop(name, None)
                sys.modules.update(hidden)
                if not outer:
                    _share()

    def _hidden(self) -> dict[str, ModuleType]:
        """Modules of other projects, and of the calling program where this project has one of the name."""
        others = [each.modules for each in _PROJECTS.values() if each is not self]
        theirs = {name for modules in others for name in modules if sys.modules.get(name) is modules[name]}
        provided = {*_provided(self.folders[0]), self.package.partition(".")[0]}
        replaced = {name for name in provided if name in sys.modules and not _is_library(sys.modules[name])}
        return {
            name: module for name, module in sys.modules.items()
            if (name in theirs or name in self.modules or name.partition(".")[0] in replaced)
            and module is not self.modules.get(name)
        }  # fmt: skip

    def _import(self, *arguments: Any, **options: Any) -> ModuleType:
        with self.active():
            return builtins.__import__(*arguments, **options)


def _share() -> None:
    """Modules whose name one project alone uses stand in `sys.modules` at all times."""
    uses = Counter(name for each in _PROJECTS.values() for name in each.modules)
    for each in _PROJECTS.values():
        for name, module in each.modules.items():
            if uses[name] == 1:
                sys.modules.setdefault(name, module)
            elif sys.modules.get(name) is module:
                del sys.modules[name]


class _Finder(MetaPathFinder):
    """Finds what `sys.path` holds; what lies in a project's own folders is loaded as a part of it.

    Attributes:
        names: of the modules so found.
    """

    def __init__(self, owner: Project, outer_path: Sequence[str]) -> None:
        self._owner, self._outer = owner, set(outer_path)
        self.names: set[str] = set()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """As `PathFinder`; the project's package lies in its root, whatever else has its name."""
        owner, (top, _, below) = self._owner, fullname.partition(".")
        if owner.root is not None and fullname == owner.package.partition(".")[0]:
            path = [str(owner.root)]
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is None or not (top in self.names or top in owner.modules if below else self._is_own(spec)):
            return None
        self.names.add(fullname)
        if type(spec.loader) is SourceFileLoader:
            spec.loader = _Loader(fullname, spec.loader.path, owner)
        return spec

    def _is_own(self, spec: ModuleSpec) -> bool:
        """Whether a module lies in one of the project's folders, or in one that its code added."""
        places = list(spec.submodule_search_locations or [spec.origin or ""])
        added = [folder for folder in sys.path if folder not in self._outer]
        own = {os.path.abspath(folder) for folder in [*self._owner.folders, *added]}
        return any(os.path.dirname(os.path.abspath(place)) in own for place in places)


class _Loader(SourceFileLoader):
    """Runs a module whose import statements, also later ones, see the project's modules."""

    def __init__(self, name: str, path: str, owner: Project) -> None:
        super().__init__(name, path)
        self._owner = owner

    def exec_module(self, module: ModuleType) -> None:
        """As Python does."""
        module.__dict__["__builtins__"] = self._owner.builtins
        super().exec_module(module)


def _package(folder: Path) -> tuple[str, Path | None]:
    """The package of a file in this folder, and the folder above it; none where another module has its name.

    Folders with `__init__.py` are packages; without, the file's folder alone is one.
    """
    folder_of_file, parts, root = folder, [folder.name], folder.parent
    while (folder / "__init__.py").is_file() and (root / "__init__.py").is_file():
        parts, folder, root = [root.name, *parts], root, root.parent
    top = parts[0]
    taken = top in sys.stdlib_module_names or (top in sys.modules and _is_library(sys.modules[top]))
    taken = taken or any((folder_of_file / name).exists() for name in (top, f"{top}.py"))
    return ("", None) if taken or not all(map(str.isidentifier, parts)) else (".".join(parts), root)


def _provided(folder: str) -> set[str]:
    """The names of modules and packages in a folder, but for those that no project may replace."""
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return set()
    names = {entry.name.removesuffix(".py") for entry in entries if entry.name.endswith(".py")}
    names |= {entry.name for entry in entries if os.path.isfile(os.path.join(entry.path, "__init__.py"))}
    return names - sys.stdlib_module_names - {"gancross", "__main__"}


def _is_library(module: ModuleType) -> bool:
    places = [getattr(module, "__file__", None) or "", *getattr(module, "__path__", ())]
    return any(not LIBRARIES.isdisjoint(Path(place).parts) for place in places)
