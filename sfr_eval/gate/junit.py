"""JUnit XML of a gate, as GitLab, Jenkins and GitHub's test reporters read it.

The root is testsuites, with a testsuite for each suite and a testcase for each row. A testcase has
at most one child, since Jenkins keeps only one: failure (the gate failed here), error (could not be
computed) or skipped (too little data, unsupported).
"""

import xml.etree.ElementTree as ET
from collections.abc import Sequence

from sfr_eval.gate.outcome import GateResult, GateRow, RowVerdict
from sfr_eval.util.untrusted import clean

_CHILDREN = {"fail": "failure", "error": "error", "unverified": "error", "skipped": "skipped"}
_COUNTS = {"fail": "failures", "error": "errors", "skipped": "skipped"}


def junit_xml(gate: GateResult) -> bytes:
    """Return the document. A gate without rows (bad input, an incomplete run) has one case,
    `check`, with an error."""
    root = ET.Element("testsuites", name="sfr-eval check")
    for suite in dict.fromkeys(row.suite for row in gate.rows):
        rows = [row for row in gate.rows if row.suite == suite]
        parent = _suite(root, suite, [row.verdict for row in rows], gate)
        for row in rows:
            _case(parent, row, gate)
    if not gate.rows:
        parent = _suite(root, "sfr-eval", ["error"], gate)
        case = ET.SubElement(parent, "testcase", classname="sfr_eval", name="check", time="0.000")
        child = ET.SubElement(case, "error", message=clean(gate.line), type=gate.verdict)
        child.text = clean(gate.line)
    _set_counts(root, [row.verdict for row in gate.rows] or ["error"], gate)
    ET.indent(root)
    document: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


def _suite(
    parent: ET.Element, name: str, verdicts: Sequence[RowVerdict], gate: GateResult
) -> ET.Element:
    suite = ET.SubElement(parent, "testsuite", name=clean(name), timestamp=gate.timestamp)
    _set_counts(suite, verdicts, gate)
    return suite


def _set_counts(element: ET.Element, verdicts: Sequence[RowVerdict], gate: GateResult) -> None:
    element.set("tests", str(len(verdicts)))
    for verdict, name in _COUNTS.items():
        counted = {child for child, kind in _CHILDREN.items() if kind == _CHILDREN[verdict]}
        element.set(name, str(sum(other in counted for other in verdicts)))
    element.set("time", f"{gate.seconds:.3f}")


def _case(parent: ET.Element, row: GateRow, gate: GateResult) -> None:
    place = {"classname": clean(f"sfr_eval.{row.suite}"), "name": clean(row.name)}
    case = ET.SubElement(parent, "testcase", place, time="0.000")
    kind = _CHILDREN.get(row.verdict)
    if kind is not None:
        child = ET.SubElement(case, kind, message=clean(row.line))
        if kind != "skipped":
            child.set("type", row.mode)
        child.text = clean(_body(row, gate))


def _body(row: GateRow, gate: GateResult) -> str:
    facts = {
        "baseline": row.baseline,
        "candidate": row.candidate,
        "delta": row.delta,
        "95% interval": None if row.low is None else f"{row.low:.6g} to {row.high:.6g}",
        "tolerance": row.tolerance,
        "p, adjusted": row.p_adjusted,
        "n": row.n,
        "smallest detectable": row.minimum_detectable,
        "baseline run": gate.baseline.name,
        "candidate run": gate.candidate.name,
    }
    lines = [row.line]
    for name, value in facts.items():
        if value is not None:
            lines.append(f"{name}: {value:.6g}" if isinstance(value, float) else f"{name}: {value}")
    return "\n".join(lines)
