import pytest

from sfr_eval.report.row_counts import row_counts
from sfr_eval.store.against import Against, AgainstRow


def row(metric: str, delta: float, words: str, role: str | None = "variety") -> AgainstRow:
    return AgainstRow(metric=metric, delta=delta, words=words, role=role)


def counts(*rows: AgainstRow) -> str:
    return row_counts(Against(rows=rows))


def test_primary_rows_are_counted_by_what_is_called() -> None:
    assert counts(
        row("embed_distance", -0.2, "less varied"),
        row("oracle_valid", 0.1, "better", "quality"),
        row("style_accuracy", 0.01, "inconclusive: needs 12 questions, has 8", "style"),
        row("length", 5.0, "exploratory", None),
    ) == ("better in 1 of 3 primary rows, worse in 1, equal in 0, inconclusive in 1")


def test_less_of_what_should_be_low_is_better() -> None:
    assert counts(row("rouge_l_homogenization", -0.2, "more varied")).startswith("better in 1 of 1")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("no difference beyond 0.05", "equal in 1, inconclusive in 0"),
        ("no loss of form", "equal in 1, inconclusive in 0"),
        ("not compared", "inconclusive in 0, not compared in 1"),
    ],
)
def test_rows_that_are_not_called_have_counts_of_their_own(words: str, said: str) -> None:
    assert counts(row("word_order", -0.1, words)).endswith(said)


def test_without_primary_rows_nothing_is_said() -> None:
    assert counts(row("length", 1.0, "exploratory", None)) == ""
