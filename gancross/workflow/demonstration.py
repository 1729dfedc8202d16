"""The demonstration: an unregularized and a regularized GAN on the digits, as a packaged benchmark."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import Path

from gancross.workflow.benchmark import Benchmarked, Progress, run_benchmark
from gancross.workflow.execution import Execution
from gancross.workflow.spec import Spec, parse_spec

LOG_EVERY = 20


def demo_spec() -> Spec:
    """The benchmark that ships with the package."""
    return parse_spec(tomllib.loads(files("gancross.workflow").joinpath("demo.toml").read_text("utf-8")))


def demonstrate(out: Path, *, progress: Progress | None = None) -> Benchmarked:
    """Trains both GANs side by side on the CPU, one thread each, and cross-tests them; called again, goes on.

    Raises:
        GancrossError: as `run_benchmark`.
    """
    execution = Execution(device="cpu", log_every=LOG_EVERY)
    return run_benchmark(demo_spec(), out, execution=execution, progress=progress)
