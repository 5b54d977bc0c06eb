"""pytest tests/gate/test_junit.py"""

import xml.etree.ElementTree as ET

from sfr_eval.gate.junit import junit_xml
from tests.support.gate_data import gate, row


def test_junit_counts_its_cases_and_has_one_child_for_each() -> None:
    rows = [row(v) for v in ("pass", "fail", "error", "skipped")] + [row("fail", suite="mbpp")]
    root = ET.fromstring(junit_xml(gate(*rows)))
    assert root.tag == "testsuites"
    totals = ("tests", "failures", "errors", "skipped")
    assert [root.get(name) for name in totals] == ["5", "2", "1", "1"]
    persona, mbpp = root.findall("testsuite")
    assert [persona.get(name) for name in totals] == ["4", "1", "1", "1"]
    assert persona.get("timestamp") == "2026-11-26T07:00:00+00:00"
    assert mbpp.get("name") == "mbpp"
    cases = persona.findall("testcase")
    assert [[child.tag for child in case] for case in cases] == [
        [],
        ["failure"],
        ["error"],
        ["skipped"],
    ]
    assert cases[1].get("classname") == "sfr_eval.persona"
    assert cases[1].get("name") == "style_accuracy T=1"
    failure = cases[1][0]
    assert failure.get("type") == "regression"
    for fact in ("delta: -0.1", "95% interval: -0.15 to -0.05", "n: 148"):
        assert fact in str(failure.text)


def test_a_gate_without_rows_is_one_case_with_an_error() -> None:
    root = ET.fromstring(junit_xml(gate(invalid="no such file")))
    assert [root.get(name) for name in ("tests", "errors")] == ["1", "1"]
    assert "no such file" in str(root[0][0][0].text)
