"""A row of the index."""

from pathlib import Path

from sfr_eval.run_index.row import IndexRow, RunStatus


def test_a_row_without_numbers_has_no_score() -> None:
    row = IndexRow(folder=Path("x"), place="x", name="x")
    assert row.scores == ()
    assert row.temperature is None
    assert row.score("variety") is None


def test_whole_are_runs_with_all_planned_replies() -> None:
    cases: list[tuple[RunStatus, int, bool]] = [
        ("complete", 6, True),
        ("partial", 6, True),  # all that a limit asked for
        ("partial", 5, False),
        ("running", 6, False),
    ]
    for status, done, whole in cases:
        row = IndexRow(folder=Path("x"), place="x", name="x", status=status, done=done, planned=6)
        assert row.whole is whole
