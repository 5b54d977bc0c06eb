"""pytest tests/pipeline/test_generations.py"""

from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sfr_eval.errors import UserError
from sfr_eval.pipeline.generations import measure_generations
from sfr_eval.settings import ScoreSettings

LEXICAL = ScoreSettings(metrics=("lexical", "text"))
GREETINGS = [["Hello there!", "Hi.", "Hi."], ["Blue.", "Red.", "Green."], ["x", "x", "x"]]


def values(replies: list[list[str]]) -> dict[str, float | None]:
    results = measure_generations(replies, settings=LEXICAL)
    return {row.metric: row.value for row in results.estimates}


def test_duplicates_are_counted_within_each_list() -> None:
    pairs = [[a == b for a, b in combinations(group, 2)] for group in GREETINGS]
    shares = [sum(group) / len(group) for group in pairs]
    assert values(GREETINGS)["duplicate_rate"] == pytest.approx(sum(shares) / 3)


def test_intervals_are_over_prompts() -> None:
    (row,) = (
        row
        for row in measure_generations(GREETINGS, settings=LEXICAL).estimates
        if row.metric == "length"
    )
    assert (row.n, row.k) == (3, 3)
    assert row.low is not None
    assert row.value is not None
    assert row.low < row.value


def test_whether_a_plain_text_was_cut_is_not_known() -> None:
    assert "truncation_rate" not in values(GREETINGS)


def test_the_order_of_prompts_and_replies_is_free() -> None:
    turned = [group[::-1] for group in GREETINGS[::-1]]
    for metric, value in values(turned).items():
        assert value == pytest.approx(values(GREETINGS)[metric]), metric


def test_columns_of_a_table_are_lists_of_replies() -> None:
    column = pd.Series(
        [np.array(group, dtype=object) for group in GREETINGS], index=["c", "a", "b"]
    )
    same: Any = column
    assert values(same) == values(GREETINGS)


@pytest.mark.parametrize(
    ("replies", "message"),
    [
        ([], "the list is empty"),
        ("abc", "str is not a list of replies"),
        (5, "int is not a list of replies"),
        ([["a"], None], r"replies\[1\] is not a list of texts \(NoneType\)"),
        ({"hi": ["a"]}, r"prompts=list\(replies\)"),
        (["a", "b"], r"replies\[0\] is a text, not a list of texts"),
        ([["a"], [1]], r"replies\[1\]\[0\] is not a text \(int\)"),
        ([[], []], "every list is empty"),
    ],
)
def test_another_shape_is_refused(replies: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        measure_generations(replies, settings=LEXICAL)


def test_each_list_needs_its_prompt() -> None:
    with pytest.raises(UserError, match="1 prompts for 2 lists of replies"):
        measure_generations([["a"], ["b"]], prompts=["x"], settings=LEXICAL)


def test_without_prompts_nothing_is_said_of_relevance() -> None:
    metrics = {row.metric for row in measure_generations(GREETINGS).estimates}
    assert "embed_distance" in metrics
    assert "query_accuracy" not in metrics
    asked = measure_generations(GREETINGS, prompts=["greet", "colour", "letter"])
    assert "query_accuracy" in {row.metric for row in asked.estimates}
