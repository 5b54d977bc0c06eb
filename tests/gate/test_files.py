"""pytest tests/gate/test_files.py"""

import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from sfr_eval.gate.files import write_gate
from sfr_eval.gate.github import SUMMARY_BYTES, annotations, append_summary
from sfr_eval.gate.junit import junit_xml
from sfr_eval.gate.markdown import markdown
from sfr_eval.gate.outcome import GateResult, GateRow, Side, conclude

HOSTILE = "</failure> <script>alert(1)</script> | `x` %\r\n::error::y \x00\x1b[31m \ud83d"
ACTIONS = {"GITHUB_ACTIONS": "true"}


def row(verdict: str = "pass", *, suite: str = "persona", **fields: Any) -> GateRow:
    return GateRow(
        **{
            "suite": suite,
            "metric": "style_accuracy",
            "slice": "",
            "temperature": 1.0,
            "mode": "regression",
            "direction": "higher",
            "baseline": 0.8,
            "candidate": 0.7,
            "delta": -0.1,
            "low": -0.15,
            "high": -0.05,
            "tolerance": 0.02,
            "alpha": 0.05,
            "p_value": 0.001,
            "p_corrected": 0.002,
            "n": 148,
            "unequal": 0,
            "minimum_detectable": 0.04,
            "verdict": verdict,
            "reason": "because",
            **fields,
        }
    )


def gate(*rows: GateRow, **fields: Any) -> GateResult:
    side = Side(file="file", name="model", fingerprint="f")
    return conclude(
        rows,
        **{
            "baseline": side,
            "candidate": side,
            "strict": False,
            "fail_exit_code": 1,
            "timestamp": "2026-11-26T07:00:00+00:00",
            "seconds": 1.5,
            **fields,
        },
    )


@pytest.mark.parametrize(
    ("verdicts", "strict", "verdict", "code"),
    [
        (("pass", "pass"), False, "passed", 0),
        (("pass", "fail"), False, "failed", 1),
        (("pass", "skipped"), False, "passed", 0),
        (("pass", "skipped"), True, "failed", 1),
        (("pass", "error"), False, "incomplete", 3),
        (("fail", "error"), False, "failed", 1),
        (("skipped", "skipped"), False, "incomplete", 3),
        (("skipped", "error"), True, "failed", 1),
        ((), False, "incomplete", 3),
    ],
)
def test_rows_decide_the_gate(
    verdicts: tuple[str, ...], strict: bool, verdict: str, code: int
) -> None:
    found = gate(*map(row, verdicts), strict=strict)
    assert (found.verdict, found.exit_code) == (verdict, code)
    assert found.line.startswith(f"check: {verdict}")


def test_bad_input_comes_before_everything() -> None:
    assert gate(row("fail"), invalid="x", incomplete="y").exit_code == 2
    assert gate(row("fail"), incomplete="y").exit_code == 3


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


def test_hostile_names_stay_text_everywhere(tmp_path: Path) -> None:
    bad = row("fail", suite=HOSTILE, reason=HOSTILE, slice=HOSTILE)
    found = gate(bad)
    document = junit_xml(found)
    root = ET.fromstring(document)
    assert "script" not in {element.tag for element in root.iter()}
    assert "alert(1)" in str(root.find(".//failure").text)  # type: ignore[union-attr]
    text = markdown(found)
    assert "<script" not in text
    line = next(line for line in text.splitlines() if line.startswith("| ❌"))
    assert line.replace("\\|", "").count("|") == 12  # of 11 cells
    (annotation,) = annotations(found, ACTIONS)
    assert "\n" not in annotation
    assert "\r" not in annotation
    assert "\\x0d%0A" in annotation
    assert "%25" in annotation
    head = annotation.removeprefix("::error title=").partition("::")[0]
    assert ":" not in head
    assert "," not in head


def test_at_most_ten_annotations_of_a_kind_and_only_on_github() -> None:
    rows = [row("fail", suite=f"s{i}") for i in range(14)] + [row("skipped")]
    assert annotations(gate(*rows), {}) == []
    assert annotations(gate(*rows), {"GITHUB_ACTIONS": "false"}) == []
    found = annotations(gate(*rows), ACTIONS)
    errors = [line for line in found if line.startswith("::error")]
    assert len(errors) == 10
    assert errors[-1].endswith("and 5 more suites")
    assert sum(line.startswith("::warning") for line in found) == 1
    two = annotations(gate(row("fail"), row("fail")), ACTIONS)
    assert len(two) == 1  # one line for a suite
    assert annotations(gate(row()), ACTIONS) == []
    assert annotations(gate(invalid="x"), ACTIONS) == [
        "::error title=sfr-eval check::check: invalid: x"
    ]


def test_the_summary_is_appended_and_cut_to_what_github_takes(tmp_path: Path) -> None:
    file = tmp_path / "summary.md"
    file.write_text("# before\n")
    environment = {"GITHUB_STEP_SUMMARY": str(file)}
    rows = [row("pass", reason="x" * 200) for _ in range(6_000)] + [row("fail")]
    assert append_summary(gate(*rows), environment) == file
    text = file.read_text()
    assert text.startswith("# before\n")
    assert len(text.encode()) <= SUMMARY_BYTES
    assert len(text.encode()) > 0.95 * SUMMARY_BYTES
    assert text.count("❌ fail") == 1  # what failed comes first
    assert "more rows are in check.json" in text
    assert append_summary(gate(row()), environment) is None  # full: left whole
    assert file.read_text() == text
    assert append_summary(gate(row()), {}) is None


def test_check_json_has_the_documented_fields(tmp_path: Path) -> None:
    output, junit = tmp_path / "deep" / "check.json", tmp_path / "other" / "junit.xml"
    write_gate(gate(row("fail")), output=output, junit=junit, environment={})
    found = json.loads(output.read_text())
    assert found["schema_version"] == 1
    assert {"verdict", "exit_code", "baseline", "candidate"} <= set(found)
    assert {"file", "name", "fingerprint"} == set(found["candidate"])
    documented = "suite metric temperature baseline candidate delta low high tolerance n"
    assert {*documented.split(), "minimum_detectable", "verdict", "reason"} <= set(found["rows"][0])
    assert junit.exists()
