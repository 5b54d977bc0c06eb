"""pytest tests/judges/test_trial_items.py"""

import pytest

from sfr_eval.judges.rubric import load_judge
from sfr_eval.judges.trial_items import LabelRow, labelled_items

FLU = load_judge("flu")


def test_labels_must_be_about_a_judged_axis() -> None:
    row = LabelRow(question="Q", reply="A", axis="flu", good=True)
    assert [i.good for i in labelled_items([row], [FLU], file="f")] == [True]
    for rows in ([], [row.model_copy(update={"axis": "rel"})]):
        with pytest.raises(ValueError, match="--labels f: no row is about flu"):
            labelled_items(rows, [FLU], file="f")
