from sfr_eval.report.against_tables import against
from sfr_eval.store.against import Against, AgainstRow
from tests.report.test_scoreboard import suite


def test_primary_and_headline_rows_come_before_the_others() -> None:
    rows = (
        AgainstRow(
            metric="embed_distance",
            temperature=1.0,
            role="variety",
            first=0.4,
            second=0.3,
            delta=-0.1,
            low=-0.15,
            high=-0.05,
            n=16,
            words="less varied",
        ),
        AgainstRow(metric="length", temperature=1.0, first=30.0, second=36.25, delta=6.25, n=16),
        AgainstRow(metric="ead_3", temperature=1.0, first=0.5, second=0.5, delta=0.0, n=16),
        AgainstRow(metric="length", temperature=0.5, delta=1.0),
    )
    one = Against(kind="base model", name="base", temperature=1.0, rows=rows)
    (table,) = against(suite(against={"persona": (one,)}), box="replies-1")
    assert table.counts.startswith("better in 0 of 1 primary rows, worse in 1")
    assert [row.name for row in table.rows] == ["embed_distance", "length"]
    assert [row.name for row in table.others] == ["ead_3"]
    first = table.rows[0]
    assert [cell.text for cell in first.cells] == ["0.40", "0.30", "-0.10 ± 0.05"]
    assert first.further == ("1", "16", "less varied")
    assert [cell.value for cell in table.rows[1].cells] == [30.0, 36.25, 6.25]
    assert [cell.replies for cell in first.cells] == ["", "#replies-1?temperature=1", ""]


def test_a_comparison_without_rows_has_no_table() -> None:
    assert (
        against(
            suite(against={"persona": (Against(kind="references", name="people"),)}),
            box="replies-1",
        )
        == []
    )
