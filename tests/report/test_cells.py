from sfr_eval.report.cells import cells, in_column, interval_cell
from sfr_eval.report.columns import Number
from sfr_eval.report.numbers import Interval
from tests.support.report_data import estimate


def test_a_cell_has_its_number_its_facts_and_its_replies() -> None:
    (cell,) = cells([estimate("length", 12.0, 1.0, persona="monk")], replies=["#replies-1?"])
    assert (cell.text, cell.value, cell.low, cell.high) == ("12.0 ± 1.0", 12.0, 11.0, 13.0)
    assert (cell.metric, cell.persona, cell.replies) == ("length", "monk", "#replies-1?")
    assert cell.why == "12; 95 % interval 11 to 13, 5 queries, k = 2"
    assert cell.width == len("± 1.0")


def test_what_is_undefined_says_why_and_leads_nowhere() -> None:
    missing, undefined = cells([None, estimate("length", None)], replies=["#a", "#b"])
    assert (missing.text, missing.why, missing.replies) == ("-", "not measured", "")
    assert undefined.why == "no reply with text"


def test_decimals_of_several_metrics_get_room_to_line_up() -> None:
    numbers = Number(value="37"), Number(value="0.125"), Number(value="1.5"), Number(value="-")
    column = in_column([interval_cell(Interval(None), number) for number in numbers])
    assert [cell.pad for cell in column] == [".000", "", "00", ".000"]


def test_a_column_without_decimals_needs_no_room() -> None:
    column = in_column([interval_cell(Interval(None), Number(value="37"))])
    assert column[0].pad == ""
