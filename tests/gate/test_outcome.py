"""pytest tests/gate/test_outcome.py"""

import pytest

from tests.support.gate_data import gate, row


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
