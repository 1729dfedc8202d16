"""Networks of the user's own in a benchmark: whether their code may run, where it lies, what it builds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from gancross.checkpoint.own_networks import NetworkPair
from gancross.errors import UsageError
from gancross.evaluator.contestants.pairs import load_pair
from gancross.workflow.spec import PlannedRun, Spec


def check_trust(spec: Spec, *, trust_code: bool) -> None:
    """Checks that code which the benchmark names may run, and that there is some if it may.

    Raises:
        UsageError: it may not, or there is none.
    """
    codes = sorted({run.networks for run in spec.runs if run.networks is not None})
    if codes and not trust_code:
        raise UsageError(
            f"networks = '{codes[0]}' runs Python code on this machine with all your rights: add --trust-code"
            " if you trust it"
        )
    if trust_code and not codes:
        raise UsageError("--trust-code needs networks = 'module:pair' in the benchmark")


def with_absolute_code(run: PlannedRun) -> PlannedRun:
    """The run with the whole path of its networks' file: a worker of a cluster has another current folder."""
    file, _, function = (run.networks or "").rpartition(":")
    if not file.endswith(".py"):
        return run
    return replace(run, networks=f"{Path(file).expanduser().absolute()}:{function}")


def own_pair(run: PlannedRun) -> NetworkPair | None:
    """The networks that the run's code builds; None where they are the recipe's."""
    if run.networks is None:
        return None
    place = f"networks = '{run.networks}'"
    return load_pair(run.networks, run.recipe, seed=run.recipe.seed, place=place)
