"""The machine and the versions that a benchmark's record names."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path


def machine() -> dict[str, str | int | None]:
    """Processor, number of cores, and operating system."""
    return {"cpu": cpu_model(), "cores": os.cpu_count(), "system": platform.system()}


def versions(*libraries: str) -> dict[str, str]:
    """Versions of Python and of the installed libraries."""
    return {"python": platform.python_version()} | {name: version(name) for name in libraries}


def cpu_model() -> str:
    """The processor's name from Linux, elsewhere from Python."""
    listing = Path("/proc/cpuinfo")
    if listing.exists():
        for line in listing.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
