"""pytest tests/gate/test_github.py"""

from pathlib import Path

from sfr_eval.gate.github import SUMMARY_BYTES, annotations, append_summary
from tests.support.gate_data import gate, row

ACTIONS = {"GITHUB_ACTIONS": "true"}


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
