"""pytest tests/report/test_similarity.py"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sfr_eval.report.charts.chart import HeatMap
from sfr_eval.report.similarity import clustered, similarity
from sfr_eval.store.results import Similarity, SuiteResults

Cells = tuple[tuple[float | None, ...], ...]
BLOCKS: Cells = (
    (0.9, 0.2, 0.8, 0.1),
    (0.2, 0.9, 0.1, 0.7),
    (0.8, 0.1, 0.9, 0.2),
    (0.1, 0.7, 0.2, 0.9),
)


def suite(cells: Mapping[float, Cells], names: Mapping[str, str] | None = None) -> SuiteResults:
    ids = tuple("abcd")
    fields: dict[str, Any] = {"estimates": {}, "truth": {}, "notes": {}}
    return SuiteResults(
        id="persona",
        title="Test",
        personas=names or {id: id.upper() for id in ids},
        temperatures=tuple(cells),
        samples=2,
        similarity={t: Similarity(personas=ids, matrix=matrix) for t, matrix in cells.items()},
        **fields,
    )


def chart(of: SuiteResults) -> HeatMap:
    (figure,) = similarity(of)
    assert isinstance(figure.chart, HeatMap)
    return figure.chart


def test_personas_that_sound_alike_stand_together() -> None:
    order = clustered(BLOCKS)
    assert sorted(order) == [0, 1, 2, 3]
    assert {frozenset(order[:2]), frozenset(order[2:])} == {frozenset({0, 2}), frozenset({1, 3})}


def test_the_order_is_that_of_the_middle_temperature() -> None:
    flat: Cells = tuple(tuple(0.5 for _ in range(4)) for _ in range(4))
    drawn = chart(suite({0.2: flat, 1.0: BLOCKS, 1.6: flat}))
    assert drawn.order == clustered(BLOCKS)
    assert drawn.frames[drawn.shown].label == "T = 1"
    assert [frame.temperature for frame in drawn.frames] == [0.2, 1.0, 1.6]


def test_temperatures_with_other_personas_are_left_out() -> None:
    """The one that comes first is still T = 1, though it moved up."""
    three = Similarity(personas=("a", "b", "c"), matrix=tuple(row[:3] for row in BLOCKS[:3]))
    of = suite({0.2: BLOCKS, 1.0: BLOCKS})
    drawn = chart(replace(of, similarity={**of.similarity, 0.2: three}))
    assert [frame.label for frame in drawn.frames] == ["T = 1"]
    assert drawn.shown == 0


def test_a_cell_leads_to_the_replies_of_its_persona() -> None:
    drawn = chart(suite({1.0: BLOCKS}))
    assert drawn.row_replies[2] == {"persona": "c"}
    assert drawn.rows[2] == "C"


def test_values_are_those_of_the_results() -> None:
    third: Cells = tuple(tuple(1 / (3 + i + j) for j in range(4)) for i in range(4))
    assert chart(suite({1.0: third})).frames[0].cells == third


def test_undefined_cells_count_as_least_alike() -> None:
    holes: Cells = ((0.9, None, 0.8), (None, 0.9, 0.3), (0.8, 0.3, 0.9))
    assert clustered(holes) in {(1, 0, 2), (1, 2, 0), (0, 2, 1), (2, 0, 1)}
    nothing: Cells = tuple(tuple(None for _ in range(4)) for _ in range(4))
    assert similarity(suite({1.0: nothing})) == []
    assert clustered(((1.0, 0.5), (0.5, 1.0))) == ()
