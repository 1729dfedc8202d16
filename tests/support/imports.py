"""Which heavy packages a fresh Python imports on the way to an answer."""

from __future__ import annotations

import subprocess
import sys

from processes import environment

HEAVY = {"torch", "torchvision", "numpy", "scipy", "scipy.stats", "sklearn", "matplotlib", "pandas"}


def heavy_imports(program: str, **variables: str) -> tuple[set[str], str]:
    """The heavy packages that a program has imported at its end, and what it has printed.

    Args:
        program: may exit with code 0.
        variables: of its environment.
    """
    observed = (
        f"import sys\ntry: exec({program!r})\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        f"print(*{HEAVY!r} & set(sys.modules), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", observed], check=False, capture_output=True, encoding="utf-8",
        env=environment(**variables),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return set(done.stderr.splitlines()[-1].split()), done.stdout


def heavy_imports_of_command(*arguments: str) -> tuple[set[str], str]:
    """The same of `gancross *arguments`."""
    return heavy_imports(f"from gancross.cli.main import main\nmain({list(arguments)!r})")
