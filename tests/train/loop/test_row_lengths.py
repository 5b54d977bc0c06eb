"""pytest tests/train/loop/test_row_lengths.py"""

from types import SimpleNamespace
from typing import Any

import pytest
from sfr_train.loop.row_lengths import Cut, check_lengths, count_cut, report_cut

from sfr_eval.errors import UserError

ROWS = [
    [-100, -100, 1, 2],  # ends at 4
    [-100, 1, 2, 3, 4, 5],
    [-100, -100, -100, -100, 1],  # nothing left of 4
    [-100, -100],  # nothing to learn at all
]


def test_rows_that_a_limit_cuts_and_empties() -> None:
    assert count_cut(ROWS, 4) == Cut(rows=4, cut=2, unfinished=2, empty=2, longest=6)
    assert count_cut(ROWS, 4, keep_end=True) == Cut(rows=4, cut=2, unfinished=0, empty=1, longest=6)
    assert count_cut(ROWS, None) == Cut(rows=4, cut=0, unfinished=0, empty=1, longest=6)


def test_what_is_lost_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    report_cut(count_cut(ROWS, 4), 4, what="train")
    first, second = capsys.readouterr().err.splitlines()
    assert first == (
        "training.max_length: 2 of 4 rows are longer than 4 tokens and cut, 2 of them before the "
        "end of the reply; the longest has 6"
    )
    assert second == "data: 2 of 4 rows have no token left to learn: dropped"
    report_cut(count_cut(ROWS[:1], 4), 4, what="train")
    report_cut(count_cut(ROWS, 4), 4, what="train", quiet=True)
    assert not capsys.readouterr().err


def test_nothing_left_to_train_on_is_one_line() -> None:
    with pytest.raises(UserError, match=r"max_length: 1 tokens leave none of 3 rows .*has 6\)"):
        report_cut(count_cut(ROWS[:3], 1), 1, what="train")
    with pytest.raises(UserError, match=r"no row has a token to train on"):
        report_cut(count_cut(ROWS[3:], 4), 4, what="train")
    report_cut(count_cut(ROWS[:3], 1), 1, what="eval")


def test_packing_cuts_only_in_one_style(capsys: pytest.CaptureFixture[str]) -> None:
    import datasets

    rows = datasets.Dataset.from_list([{"labels": row} for row in ROWS[:3]])
    arguments: Any = SimpleNamespace(
        max_length=4, packing_strategy="wrapped", truncation_mode="keep_start", process_index=0
    )
    check_lengths(rows, arguments, packing=True, what="train")
    assert not capsys.readouterr().err
    arguments.packing_strategy = "bfd"
    check_lengths(rows, arguments, packing=True, what="train")
    assert "2 of 3 rows are longer" in capsys.readouterr().err
