"""pytest tests/report/charts/test_static_heat.py"""

from typing import Any

import pytest

from sfr_eval.report.charts.chart import Frame, HeatMap
from sfr_eval.report.charts.static_heat import short
from sfr_eval.report.figures import Figure
from tests.support.drawn import axes_of_one


def heat(*frames: tuple[tuple[float | None, ...], ...], shown: int = 0, **fields: Any) -> Any:
    names = tuple("abcdefghijklmnop"[: len(frames[0])])
    chart = HeatMap(
        title="Similarity",
        rows=names,
        columns=names,
        frames=tuple(Frame(label=f"T = {n}", cells=cells) for n, cells in enumerate(frames)),
        shown=shown,
        **fields,
    )
    return axes_of_one(Figure(title="", description="", rows=[], chart=chart))


def squares(ax: Any) -> dict[str, int]:
    """Colour -> its cells."""
    return {
        str(patch.get_facecolor()): len(patch.get_path().vertices) // 5
        for patch in ax.patches
        if patch.get_fill() and patch.get_facecolor()[3]
    }


@pytest.mark.filterwarnings("error")
def test_long_names_leave_room_for_the_cells() -> None:
    names = tuple(f"{letter * 60} of a checkpoint {letter}" for letter in "ab")
    cells = ((1.0, 0.2), (0.2, 1.0))
    frame = Frame(label="T = 1", cells=cells)
    chart = HeatMap(title="", rows=names, columns=names, frames=(frame,), shown=0)
    ax = axes_of_one(Figure(title="", description="", rows=[], chart=chart))
    assert ax.get_window_extent().width > 60
    assert all(len(tick.get_text()) == 24 for tick in ax.get_yticklabels())


def test_each_temperature_has_its_own_colour_scale() -> None:
    """At T = 0 all cells lie near .5, and still the least is dark and the most light."""
    near, far = ((0.50, 0.51), (0.51, 0.52)), ((0.0, 0.5), (0.5, 1.0))
    assert squares(heat(near, far)) == squares(heat(near, far, shown=1))
    assert sorted(squares(heat(near, far)).values()) == [1, 1, 2]


def test_rows_are_in_the_order_of_the_clustering() -> None:
    ax = heat(((1.0, 0.2, 0.9), (0.2, 1.0, 0.3), (0.9, 0.3, 1.0)), order=(0, 2, 1))
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["a", "c", "b"]
    assert [text.get_text() for text in ax.texts][:3] == ["1.00", ".90", ".20"]


def test_the_diagonal_is_framed() -> None:
    ax = heat(((1.0, 0.2), (0.2, 1.0)))
    (frame,) = [patch for patch in ax.patches if not patch.get_facecolor()[3]]
    corners = {(float(x), float(y)) for x, y in frame.get_path().vertices}
    assert {(0.0, 0.0), (1.0, 1.0), (2.0, 2.0)} <= corners
    assert (2.0, 0.0) not in corners


def test_an_undefined_cell_is_empty() -> None:
    ax = heat(((1.0, None), (None, 0.5)))
    assert sorted(text.get_text() for text in ax.texts) == [".50", "1.00"]
    assert sum(squares(ax).values()) == 2


@pytest.mark.parametrize(
    ("number", "most", "text"),
    [
        (0.412, 0.9, ".41"),
        (-0.412, 0.9, "-.41"),
        (-0.001, 0.9, ".00"),
        (12.34, 45.6, "12.3"),
        (123.4, 456.0, "123"),
        (2.6e-9, 4e-9, "3e-9"),
        (1.2e6, 3e6, "1e6"),
        (0.0, 0.0, ".00"),
    ],
)
def test_a_number_of_any_size_fits_its_cell(number: float, most: float, text: str) -> None:
    assert short(number, most=most) == text


@pytest.mark.filterwarnings("error")
def test_a_map_without_values_has_no_cells() -> None:
    assert squares(heat(((None, None), (None, None)))) == {}


def test_equal_values_have_the_middle_colour() -> None:
    (colour,) = squares(heat(((0.5, 0.5), (0.5, 0.5))))
    middle = squares(heat(((0.0, 0.51), (0.51, 1.0))))
    assert colour in middle


@pytest.mark.parametrize(("count", "written"), [(10, 100), (11, 0)])
def test_cells_have_numbers_where_they_are_large_enough(count: int, written: int) -> None:
    cells = tuple(tuple(0.01 * (i + j) for j in range(count)) for i in range(count))
    assert len(heat(cells).texts) == written
