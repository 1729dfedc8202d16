"""A result as JUnit XML, for the dashboards of continuous integration.

What fails says that a figure is not to be relied on; whom a verdict names never fails a build:

    verdict of a pair                passed: somebody is named; skipped, with the reason: nobody
    judge is not blind               failed: more than half of uniform noise called real
    judge gives more than one answer failed: everything, real and generated, called the same
    batch-norm modes agree           failed: a rate moves by more than 0.05 between the modes
    all samples were there           failed: a contestant without generator has fewer than asked for
    checks of referees               failed: one that withholds a name, see `referee_checks`

A check whose figures do not exist is skipped with their reason. All flags stand in `system-out`. That every
score is finite is no test, since there is no result otherwise.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal
from xml.etree import ElementTree

from gancross.evaluator.estimates import Missing
from gancross.evaluator.referees.records import Referees
from gancross.evaluator.result.types import Result
from gancross.report import formatting
from gancross.report.command import command
from gancross.report.text.crowds import crowded, in_the_record
from gancross.report.text.referee_checks import FAILED, NOT_MADE, PASSED, checks

Outcome = Literal["passed", "failure", "skipped"]


@dataclass(frozen=True, kw_only=True)
class Case:
    """One test case; `detail` is the reason of a failure or of a skipped case, else the figures."""

    group: str
    name: str
    outcome: Outcome
    detail: str


def junit_report(result: Result) -> str:
    """The checks of a result as the text of an XML file, one test suite."""
    suite_cases = list(cases(result))
    outcomes = Counter(case.outcome for case in suite_cases)
    seconds, started = result.provenance.seconds, result.provenance.started
    numbers = {
        "tests": str(len(suite_cases)), "failures": str(outcomes["failure"]), "errors": "0",
        "skipped": str(outcomes["skipped"]), "time": "0" if seconds is None else f"{seconds:.3f}",
    }  # fmt: skip
    root = ElementTree.Element("testsuites", {"name": "gancross", **numbers})
    stamp = {} if started is None else {"timestamp": formatting.clean(started)}
    suite = ElementTree.SubElement(root, "testsuite", {"name": "gancross.crosstest", **numbers, **stamp})
    properties = ElementTree.SubElement(suite, "properties")
    for name, value in facts(result):
        pair = {"name": formatting.clean(name), "value": formatting.clean(value)}
        ElementTree.SubElement(properties, "property", pair)
    for case in suite_cases:
        _add(suite, case)
    ElementTree.SubElement(suite, "system-out").text = formatting.clean("\n".join(result.flags))
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def cases(result: Result) -> Iterator[Case]:
    """The checks, see the head of this file."""
    if crowded(result):
        yield Case(
            group="verdict", name="verdicts of the pairs", outcome="skipped",
            detail=in_the_record(result, "verdicts"),
        )  # fmt: skip
    for pair in () if crowded(result) else result.pairs:
        for rule, verdict in formatting.verdicts(result, pair):
            yield Case(
                group="verdict", name=f"{rule.title}: {pair.a} against {pair.b}",
                outcome="passed" if verdict.winner is not None else "skipped",
                detail=f"{formatting.outcome(pair, rule, verdict)}: {verdict.reason}",
            )  # fmt: skip
    for judge in result.judges:
        yield _blind(result, judge)
        yield _constant(result, judge)
        yield _modes(result, judge)
    for name in result.names:
        yield _complete(result, name)
    if not isinstance(result.referees, Missing):
        yield from _referees(result.referees)


def facts(result: Result) -> list[tuple[str, str]]:
    """The protocol, who took part, and the command, as properties."""
    entries = [(f"data.{key}", text) for key, text in formatting.facts(result.protocol.data)]
    entries += formatting.protocol_facts(result)
    for contestant in result.contestants:
        entries.append((f"contestant.{contestant.name}.sha256", formatting.plain(contestant.sha256)))
    return [*entries, ("command", command(result))]


def _blind(result: Result, judge: str) -> Case:
    name = f"'{judge}' is not blind"
    if isinstance(result.controls, Missing):
        return _skipped(name, result.controls.reason)
    rates = result.controls.judges[judge]
    if isinstance(rates.noise, Missing) or rates.blind is None:
        reason = rates.noise.reason if isinstance(rates.noise, Missing) else "uniform noise was not judged"
        return _skipped(name, reason)
    return _checked(name, rates.blind, f"calls {formatting.figure(rates.noise)} of uniform noise real")


def _constant(result: Result, judge: str) -> Case:
    name = f"'{judge}' gives more than one answer"
    matrix = result.confusion[judge]
    if isinstance(matrix, Missing):
        return _skipped(name, matrix.reason)
    cells = [cell.fp for cell in result.cross if cell.judge == judge]
    rates = {1 - matrix.fn.rate, *(fp.rate for fp in cells if not isinstance(fp, Missing))}
    constant = rates in ({0.0}, {1.0})
    detail = f"calls everything {'real' if rates == {1.0} else 'fake'}" if constant else "decides"
    return _checked(name, constant, detail)


def _modes(result: Result, judge: str) -> Case:
    name = f"batch-norm modes of '{judge}' agree"
    moves = result.batch_norm[judge]
    if isinstance(moves, Missing):
        return _skipped(name, moves.reason)
    move = formatting.number(moves.largest_move)
    detail = f"a rate moves by {move} between running averages and batch statistics"
    return _checked(name, moves.flagged, detail)


def _complete(result: Result, name: str) -> Case:
    expected = result.protocol.options.num_samples
    if result.judges:
        n = sum(result.histograms[result.judges[0]].generators[name])
    else:
        n = 0 if isinstance(result.referees, Missing) else result.referees.contestants[name].num_samples
    detail = f"{n:,} of {expected:,} samples"
    return _checked(f"all samples of '{name}' were there", n < expected, detail, group="samples")


def _referees(referees: Referees) -> Iterator[Case]:
    outcomes: dict[str, Outcome] = {PASSED: "passed", FAILED: "failure", NOT_MADE: "skipped"}
    contestants = iter(referees.controls.dominance)
    for check in checks(referees):
        of = next(contestants, None) if check.title == "Dominance" else None
        name = f"{check.title} of referees" + ("" if of is None else f" of '{of.contestant}'")
        yield Case(group="referees", name=name, outcome=outcomes[check.outcome], detail=check.finding)


def _checked(name: str, failed: bool, detail: str, *, group: str = "judge") -> Case:
    return Case(group=group, name=name, outcome="failure" if failed else "passed", detail=detail)


def _skipped(name: str, reason: str) -> Case:
    return Case(group="judge", name=name, outcome="skipped", detail=reason)


def _add(suite: ElementTree.Element, case: Case) -> None:
    attributes = {"classname": f"gancross.{case.group}", "name": formatting.clean(case.name), "time": "0"}
    element = ElementTree.SubElement(suite, "testcase", attributes)
    detail = formatting.clean(case.detail)
    if case.outcome == "passed":
        ElementTree.SubElement(element, "system-out").text = detail
        return
    ElementTree.SubElement(element, case.outcome, {"message": detail})
