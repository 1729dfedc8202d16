"""A result as JUnit XML, for the dashboards of continuous integration.

What fails says that a figure is not to be relied on; which model is better never fails a build:

    verdict of a pair                passed: a winner; skipped, with the reason: no winner
    judge is not blind               failed: more than half of uniform noise called real
    judge gives more than one answer failed: everything, real and generated, called the same
    batch-norm modes agree           failed: a rate moves by more than 0.05 between the modes
    all samples were there           failed: a contestant without generator has fewer than asked for

A check whose figures do not exist is skipped with their reason. All flags stand in `system-out`. That every
score is finite is no test, since there is no result otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal
from xml.etree import ElementTree

from gancross.evaluator.result.result import Result
from gancross.report.charts.chart_data import cells, judges
from gancross.report.command import command
from gancross.report.text import formatting as words

Plain = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Case:
    """One test case; `detail` is the reason of a failure or of a skipped case, else what was found."""

    group: str
    name: str
    outcome: Literal["passed", "failure", "skipped"]
    detail: str


def junit_report(result: Result) -> str:
    """The checks of a result as the text of an XML file, one test suite."""
    document = result.document
    found = list(cases(document))
    counts = {
        "tests": len(found),
        "failures": sum(case.outcome == "failure" for case in found),
        "errors": 0,
        "skipped": sum(case.outcome == "skipped" for case in found),
    }
    provenance = document["provenance"]
    seconds, started = provenance.get("seconds"), provenance.get("started")
    time = f"{seconds:.3f}" if isinstance(seconds, int | float) else "0"
    numbers = {key: str(count) for key, count in counts.items()} | {"time": time}
    root = ElementTree.Element("testsuites", {"name": "gancross", **numbers})
    stamp = {"timestamp": words.clean(started)} if isinstance(started, str) else {}
    suite = ElementTree.SubElement(root, "testsuite", {"name": "gancross.crosstest", **numbers, **stamp})
    properties = ElementTree.SubElement(suite, "properties")
    for name, value in facts(document):
        pair = {"name": words.clean(name), "value": words.clean(value)}
        ElementTree.SubElement(properties, "property", pair)
    for case in found:
        _add(suite, case)
    ElementTree.SubElement(suite, "system-out").text = words.clean("\n".join(document["flags"]))
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def cases(document: Plain) -> Iterator[Case]:
    """The checks, see the head of this file."""
    for pair in document["pairs"]:
        for rule, title in words.RULES.items():
            verdict = pair[rule]
            yield Case(
                group="verdict", name=f"{title}: {pair['a']} against {pair['b']}",
                outcome="passed" if verdict["winner"] is not None else "skipped",
                detail=f"{words.outcome(verdict)}: {verdict['reason']}",
            )  # fmt: skip
    for judge in judges(document):
        yield _blind(document, judge)
        yield _constant(document, judge)
        yield _modes(document["batch_norm"][judge], judge)
    for contestant in document["confusion"]:
        yield _complete(document, contestant)


def facts(document: Plain) -> list[tuple[str, str]]:
    """The protocol, who took part, and the command, as properties."""
    protocol = document["protocol"]
    found = [(f"data.{key}", words.plain(value)) for key, value in protocol["data"].items()]
    found += [(key, words.plain(value)) for key, value in protocol.items() if key != "data"]
    for one in document["contestants"]:
        found.append((f"contestant.{one['name']}.sha256", words.plain(one["sha256"])))
    return [*found, ("command", command(document))]


def _blind(document: Plain, judge: str) -> Case:
    name = f"'{judge}' is not blind"
    if document["controls"] is None:
        return _skipped("judge", name, document.get("controls_reason", "no controls"))
    control = document["controls"]["judges"][judge]
    if control["blind"] is None:
        return _skipped("judge", name, control.get("noise_reason", "uniform noise was not judged"))
    detail = f"calls {words.rate(control['noise'])} of uniform noise real"
    return Case(group="judge", name=name, outcome="failure" if control["blind"] else "passed", detail=detail)


def _constant(document: Plain, judge: str) -> Case:
    name = f"'{judge}' gives more than one answer"
    entry = document["confusion"][judge]
    if entry["fn"] is None:
        return _skipped("judge", name, entry.get("fn_reason", "no decisions"))
    rates = {1 - entry["fn"]["rate"]}
    rates |= {cell["fp"]["rate"] for cell in document["cross"] if cell["judge"] == judge and cell["fp"]}
    constant = rates in ({0.0}, {1.0})
    detail = f"calls everything {'real' if rates == {1.0} else 'fake'}" if constant else "decides"
    return Case(group="judge", name=name, outcome="failure" if constant else "passed", detail=detail)


def _modes(entry: Plain, judge: str) -> Case:
    name = f"batch-norm modes of '{judge}' agree"
    if entry["modes"] is None:
        return _skipped("judge", name, entry.get("modes_reason", "not compared"))
    detail = f"a rate moves by {entry['largest_move']:.4f} between running averages and batch statistics"
    return Case(group="judge", name=name, outcome="failure" if entry["flagged"] else "passed", detail=detail)


def _complete(document: Plain, name: str) -> Case:
    asked = document["protocol"]["num_fake"]
    found = cells(document)
    judge = judges(document)[0]
    n = sum(document["histograms"][judge]["generators"][name])
    rate = found[judge, name]["fp"]
    n = n if rate is None else rate["n"]
    return Case(
        group="samples", name=f"all samples of '{name}' were there",
        outcome="passed" if n >= asked else "failure", detail=f"{n:,} of {asked:,} samples",
    )  # fmt: skip


def _skipped(group: str, name: str, reason: str) -> Case:
    return Case(group=group, name=name, outcome="skipped", detail=reason)


def _add(suite: ElementTree.Element, case: Case) -> None:
    attributes = {"classname": f"gancross.{case.group}", "name": words.clean(case.name), "time": "0"}
    element = ElementTree.SubElement(suite, "testcase", attributes)
    detail = words.clean(case.detail)
    if case.outcome == "passed":
        ElementTree.SubElement(element, "system-out").text = detail
        return
    ElementTree.SubElement(element, case.outcome, {"message": detail})
