"""`gancross` with 256 MiB of address space beyond what imports have taken: scarce.py gancross-arguments…"""

from __future__ import annotations

import resource
import sys
from pathlib import Path

import torch._dynamo  # noqa: F401, which an optimizer imports at its first step

from gancross.cli.main import main
from gancross.evaluator import crosstest  # noqa: F401
from gancross.trainer import loop  # noqa: F401

if __name__ == "__main__":
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + (256 << 20),) * 2)
    main(sys.argv[1:])
