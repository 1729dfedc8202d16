"""The machine and the versions that a benchmark's record names, and how it is written."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from gancross.machine.files import write_atomically


def machine() -> dict[str, str | int | None]:
    """Processor, number of cores, and operating system."""
    return {"cpu": cpu_model(), "cores": os.cpu_count(), "system": platform.system()}


def versions(*libraries: str) -> dict[str, str]:
    """Versions of Python and of the installed libraries."""
    return {"python": platform.python_version()} | {name: version(name) for name in libraries}


def write_record(path: Path, content: Mapping[str, Any], *libraries: str) -> None:
    """Writes a record with the machine, the versions and the date, wholly or not at all."""
    document = {
        **content, "machine": machine(), "versions": versions(*libraries),
        "date": datetime.now(UTC).date().isoformat(),
    }  # fmt: skip
    write_atomically(path, (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode())


def cpu_model() -> str:
    """The processor's name from Linux, elsewhere from Python."""
    listing = Path("/proc/cpuinfo")
    if listing.exists():
        for line in listing.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
