from sfr_eval.report.whisker import whisker
from tests.support.report_data import estimate


def test_a_share_is_drawn_on_its_whole_scale() -> None:
    drawing = whisker(estimate("oracle_valid", 0.5, 0.1), reference=estimate("oracle_valid", 0.9))
    assert drawing is not None
    assert (drawing.left, drawing.right) == (0, 1)
    assert (drawing.low, drawing.value, drawing.high) == (40, 50, 60)
    assert (drawing.width, drawing.reference) == (20, 90)


def test_a_scale_without_an_end_ends_at_a_round_number() -> None:
    drawing = whisker(estimate("length", 90.0, 10.0))
    assert drawing is not None
    assert (drawing.left, round(drawing.right, 9)) == (0, 100)
    assert drawing.reference is None


def test_an_interval_does_not_leave_the_scale() -> None:
    drawing = whisker(estimate("oracle_valid", 0.95, 0.1))
    assert drawing is not None
    assert drawing.high == 100


def test_a_length_is_not_below_nothing() -> None:
    drawing = whisker(estimate("length", 11.0, 11.1))
    assert drawing is not None
    assert (drawing.left, drawing.low) == (0, 0)


def test_nothing_is_drawn_of_nothing() -> None:
    assert whisker(estimate("length", None)) is None
    assert whisker(estimate("length", 0.0, None)) is None
