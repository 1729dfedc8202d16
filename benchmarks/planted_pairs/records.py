"""The record of one pair, a JSON object on one line: all that the counts need.

`comparison` is as in a result's `referees`; `g` and `detectability` are [value, low, high] by contestant;
`seconds` of processor time do not include planting.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from gancross.checkpoint.contestant import Contestant
from gancross.data.sets import DataSet, FiniteReals
from gancross.evaluator.codec.encoding import encode
from gancross.evaluator.crosstest import run_crosstest
from gancross.evaluator.estimates import Estimate, Missing
from gancross.evaluator.protocol import Protocol
from gancross.evaluator.referee import run_referees
from gancross.evaluator.refereeing import with_referees
from gancross.evaluator.referees.budget import MEASURED, shipped
from gancross.evaluator.referees.options import RefereeOptions
from gancross.evaluator.referees.protocol import RefereeProtocol
from gancross.evaluator.referees.records import Referees
from gancross.evaluator.result.types import Result

Line = dict[str, Any]
RULES = ("paper", "discriminator", "generator")
DIGITS_KEPT = 6  # significant ones of a figure
SHORTENED = 10  # a tenth of the steps


@dataclass(frozen=True, kw_only=True, eq=False)
class PairOptions(RefereeOptions):
    """Referees with the steps of the budget divided by a number; κ stays that of the budget."""

    divisor: int = 1

    def protocol(self, shape: tuple[int, ...]) -> RefereeProtocol:
        """The referee protocol for samples of a shape."""
        whole = super().protocol(shape)
        return replace(whole, steps=max(1, round(whole.steps / self.divisor)))

    def setting(self, shape: tuple[int, ...]) -> str:
        """A hash of the referee protocol and of the κ that ship for it; lines of others do not count."""
        protocol = self.protocol(shape)
        alike = [
            measurement for measurement in shipped()
            if (measurement.version, measurement.budget) == (protocol.version, MEASURED)
            and measurement.shape[1:] == shape[1:]
        ]  # fmt: skip
        return hashlib.sha256(repr((protocol, alike)).encode()).hexdigest()[:12]


@dataclass(frozen=True, kw_only=True)
class Call:
    """What a pair is judged by.

    Attributes:
        training: reals for the null control; None where there are none.
        seed: of the samples' order, of halves and referees.
    """

    reals: DataSet
    training: torch.Tensor | None
    options: PairOptions
    seed: int
    num_samples: int


def judged(contestants: Sequence[Contestant], call: Call) -> Result:
    """The whole result of two contestants; own discriminators judge where both have one."""
    alone = any(contestant.discriminator is None for contestant in contestants)
    protocol = Protocol(num_samples=call.num_samples, seed=call.seed, controls=not alone)
    if alone:
        train = None if call.training is None else FiniteReals(array=call.training)
        return run_referees(contestants, call.reals, protocol, call.options, train=train, device="cpu")
    result = run_crosstest(contestants, call.reals, protocol, device="cpu")
    training = Missing("no training reals") if call.training is None else call.training
    return with_referees(
        result, contestants, call.reals, protocol, call.options, training=training, device="cpu"
    )


def record(head: Mapping[str, Any], contestants: Sequence[Contestant], call: Call) -> Line:
    """Judges a pair and writes down what came of it.

    Args:
        head: which pair it is, with `nearer`, the contestant that is nearer to the data if either is known
            to be, and `fidelity` by contestant.
    """
    started = time.process_time()
    result = judged(contestants, call)
    assert isinstance(result.referees, Referees)
    verdicts = {rule: result.pairs[0].verdict.of(rule) for rule in RULES}
    named = {rule: verdict.winner for rule, verdict in verdicts.items()}
    if any(contestant.discriminator is None for contestant in contestants):
        named = {"generator": named["generator"]}
    return {
        **head,
        "setting": call.options.setting(call.reals.shape),
        "steps": result.referees.protocol.options.steps,
        "num_training": result.referees.protocol.num_training,
        "named": named | _nearer_by_fidelity(head["fidelity"]),
        "reason": verdicts["generator"].reason,
        **_figures(result.referees),
        "checks": _checks(result.referees),
        "seconds": round(time.process_time() - started, 1),
    }


def _figures(referees: Referees) -> Line:
    (comparison,) = referees.comparisons
    by_name = referees.contestants
    return {
        "answer": comparison.answer,
        "comparison": _rounded(encode(comparison)),
        "detectability": {name: _limits(entry.detectability) for name, entry in by_name.items()},
        "g": {name: [_limits(rung.g) for rung in entry.rungs] for name, entry in by_name.items()},
    }


def _checks(referees: Referees) -> Line:
    """Whether each check fails, None where it was not made; dominance with what it saw."""
    controls = referees.controls
    return {
        "null": None if isinstance(controls.null, Missing) else controls.null.fails,
        "power": None if isinstance(controls.power, Missing) else controls.power.fails,
        "budget": controls.budget.fails,
        "kappa": controls.budget.kappa,
        "dominance": [_rounded(encode(check)) for check in controls.dominance],
    }


def _nearer_by_fidelity(fidelity: Mapping[str, Mapping[str, float]]) -> dict[str, str | None]:
    """By rule, the contestant with the lower distance; nobody where they are equal."""
    if not fidelity:
        return {}
    (a, of_a), (b, of_b) = fidelity.items()
    return {
        rule: None if of_a[rule] == of_b[rule] else (a if of_a[rule] < of_b[rule] else b) for rule in of_a
    }


def _limits(estimate: Estimate) -> list[float]:
    return [_rounded(value) for value in (estimate.value, estimate.low, estimate.high)]


def _rounded(value: Any) -> Any:
    """Every float in a JSON value with six significant digits."""
    if isinstance(value, float):
        return float(f"{value:.{DIGITS_KEPT}g}")
    if isinstance(value, dict):
        return {key: _rounded(entry) for key, entry in value.items()}
    return [_rounded(entry) for entry in value] if isinstance(value, list) else value


def lines(path: Path) -> Iterator[Line]:
    """The records of a file; one that was cut off when a process was killed is left out."""
    for text in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            yield json.loads(text)
        except ValueError:
            continue


def append(path: Path, line: Line) -> None:
    """Adds a record as one write, so that several processes may share the file.

    It begins with its line break: a line that was cut off spoils no other.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write("\n" + json.dumps(line, ensure_ascii=False))
