"""JUnit XML: it counts what it holds, fails figures rather than losers, and holds only what XML can."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from report_documents import HOSTILE, KINDS, documents

from gancross.report.text.junit import junit_report


@pytest.mark.parametrize("kind", KINDS)
def test_junit_counts_what_it_holds(kind: str) -> None:
    root = ElementTree.fromstring(junit_report(documents()[kind]))
    (suite,) = root
    cases = suite.findall("testcase")
    assert root.tag == "testsuites" and suite.tag == "testsuite"
    assert int(suite.attrib["tests"]) == len(cases)
    assert int(suite.attrib["failures"]) == len(suite.findall("testcase/failure"))
    assert int(suite.attrib["skipped"]) == len(suite.findall("testcase/skipped"))
    assert [child.tag for child in suite] == ["properties", *["testcase"] * len(cases), "system-out"]
    assert all(set(case.attrib) == {"classname", "name", "time"} for case in cases)
    names = [(case.attrib["classname"], case.attrib["name"]) for case in cases]
    assert len(names) == len(set(names))
    assert all(entry.attrib["message"] for case in cases for entry in case if entry.tag != "system-out")
    properties = {
        element.attrib["name"]: element.attrib["value"] for element in suite.findall("properties/property")
    }
    assert properties["data.sha256"] == documents()[kind].protocol.data.sha256
    assert float(suite.attrib["time"]) >= 0 and re.match(r"\d{4}-\d\d-\d\dT", suite.attrib["timestamp"])


def outcomes(kind: str) -> dict[str, str]:
    cases = ElementTree.fromstring(junit_report(documents()[kind])).findall("*/testcase")
    return {case.attrib["name"]: case[0].tag for case in cases}


def test_junit_fails_figures_not_losers() -> None:
    two = outcomes("two")
    assert two["The paper's rule: plain against regularized"] == "system-out"
    assert "failure" not in {tag for name, tag in two.items() if "rule" in name}
    constant = outcomes("constant")
    assert constant["'always' gives more than one answer"] == "failure"
    assert constant["'never' gives more than one answer"] == "failure"
    assert constant["'always' is not blind"] == "failure" and constant["'never' is not blind"] == "system-out"
    critics = outcomes("critics")
    assert critics["The paper's rule: one against other"] == "skipped"
    assert critics["'one' is not blind"] == "skipped"
    assert outcomes("not compared")["'with' is not blind"] == "skipped"
    assert outcomes("not compared")["batch-norm modes of 'with' agree"] == "skipped"
    assert outcomes("samples")["all samples of 'folder' were there"] == "failure"
    assert outcomes("four")["all samples of 'mute' were there"] == "system-out"


def test_junit_holds_only_what_xml_can() -> None:
    text = junit_report(documents()["hostile"])
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f]", text) and "<script>" not in text
    assert any(HOSTILE in case.attrib["name"] for case in ElementTree.fromstring(text).findall("*/testcase"))
