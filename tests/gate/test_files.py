"""pytest tests/gate/test_files.py"""

import json
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

from sfr_eval.gate.files import show_gate, write_gate
from sfr_eval.gate.github import annotations
from sfr_eval.gate.junit import junit_xml
from sfr_eval.gate.markdown import markdown
from tests.support.gate_data import gate, row

HOSTILE = "</failure> <script>alert(1)</script> | `x` %\r\n::error::y \x00\x1b[31m \ud83d"


def test_hostile_names_stay_text_everywhere() -> None:
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
    (annotation,) = annotations(found, {"GITHUB_ACTIONS": "true"})
    assert "\n" not in annotation
    assert "\r" not in annotation
    assert "\\x0d%0A" in annotation
    assert "%25" in annotation
    head = annotation.removeprefix("::error title=").partition("::")[0]
    assert ":" not in head
    assert "," not in head


def test_check_json_has_the_documented_fields(tmp_path: Path) -> None:
    output, junit = tmp_path / "deep" / "check.json", tmp_path / "other" / "junit.xml"
    write_gate(gate(row("fail")), output=output, junit=junit, environment={})
    found = json.loads(output.read_text())
    assert found["schema_version"] == 2
    assert {"verdict", "exit_code", "baseline", "candidate"} <= set(found)
    assert {"file", "name", "fingerprint"} == set(found["candidate"])
    documented = "suite metric temperature baseline candidate delta low high tolerance n"
    documented += " minimum_detectable call words verdict reason"
    assert set(documented.split()) <= set(found["rows"][0])
    assert junit.exists()


def test_every_warning_stands_before_the_verdict() -> None:
    many = tuple(f"{'a long reason ' * 20}{number}" for number in range(9))
    lines = show_gate(replace(gate(row("fail")), warnings=many), as_json=False, environment={})
    assert lines == [*(f"warning: {line}" for line in many), lines[-1]]
    assert lines[-1].startswith("check: failed")
