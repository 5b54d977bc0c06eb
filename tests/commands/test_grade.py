"""pytest tests/commands/test_grade.py: what `grade` prints and with which exit code."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from sfr_eval import cli

TEST = {"test_list": ["assert f(1) == 2"]}
RIGHT = "def f(x): return x + 1"


@pytest.fixture
def grade(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> Any:
    """Grades rows with `--json`. Returns exit code, summary and stderr."""

    def run(*rows: dict[str, Any]) -> tuple[int, dict[str, Any], str]:
        file = tmp_path / "p.jsonl"
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
        monkeypatch.setattr(sys, "argv", ["sfr-eval", "grade", str(file), "--json"])
        code = 0
        try:
            cli.main()
        except SystemExit as end:
            code = int(end.code or 0)
        captured = capfd.readouterr()
        return code, json.loads(captured.out or "{}"), captured.err

    return run


def test_failed_programs_and_missing_packages_are_no_error(grade: Any) -> None:
    lacking = {"code": "import sympy\nprint(2)", "tests": [["1", "2"]]}
    code, summary, err = grade(
        {"id": "a", "code": RIGHT, **TEST},
        {"id": "b", "code": "import sympy\n" + RIGHT, **TEST},
        {"id": "c", **lacking},
    )
    assert code == 0
    assert summary["statuses"] == {"passed": 1, "runtime_error": 2}
    assert summary["missing_packages"] == {"sympy": 2}
    assert "2 programs failed since the sandbox lacks a package: sympy 2" in err


def test_programs_that_are_not_scored_end_with_code_three(grade: Any) -> None:
    never = {"test_list": ["if False:\n    assert f(1) == 2"]}
    code, summary, err = grade(
        {"id": "a", "code": RIGHT, **TEST}, {"id": "b", "code": RIGHT, **never}
    )
    assert code == 3
    assert summary["statuses"] == {"passed": 1, "not_scored": 1}
    assert err.splitlines()[-1].startswith("sfr-eval: programs not scored: 1; `detail` in")


def test_a_row_without_tests_ends_with_code_two(grade: Any) -> None:
    code, summary, err = grade({"id": "a", "code": "garbage(", "test_list": []})
    assert (code, summary) == (2, {})
    message = "id 'a' has no tests; give it tests that a wrong program fails, or remove the row"
    assert err.splitlines()[-1].endswith(f"p.jsonl:1: {message}")
