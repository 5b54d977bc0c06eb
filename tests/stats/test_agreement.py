"""pytest tests/stats/test_agreement.py"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfr_eval.stats.agreement import krippendorff_alpha

_ = None
# Krippendorff (2011), "Computing Krippendorff's alpha-reliability", example C: four observers,
# twelve units. Published there: nominal 0.743, ordinal 0.815, interval 0.849.
OBSERVERS = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, _, _, _],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, _, 3],
    [_, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, _],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, _],
]
UNITS = [list(unit) for unit in zip(*OBSERVERS, strict=True)]


@pytest.mark.parametrize(
    ("level", "alpha"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)]
)
def test_the_published_example(level: str, alpha: float) -> None:
    assert krippendorff_alpha(UNITS, level=level) == pytest.approx(alpha, abs=5e-4)  # type: ignore[arg-type]


def test_by_hand() -> None:
    # Two raters, units (1, 1) and (1, 2): o(1,2) = o(2,1) = 1, totals n1 = 3, n2 = 1, n = 4.
    # Observed 1 + 1 = 2, expected 2 * 3 * 1 = 6; alpha = 1 - 3 * 2 / 6 = 0.
    assert krippendorff_alpha([[1, 1], [1, 2]]) == pytest.approx(0)
    assert krippendorff_alpha([[1, 1], [2, 2]]) == pytest.approx(1)
    assert krippendorff_alpha([[1, 2], [2, 1]]) == pytest.approx(-0.5)


@pytest.mark.parametrize("units", [[], [[1]], [[1, None]], [[3, 3], [3, 3]]])
def test_undefined_is_none_and_not_full_agreement(units: list[list[float | None]]) -> None:
    assert krippendorff_alpha(units) is None


def test_agrees_with_nltk() -> None:
    from nltk.metrics.agreement import AnnotationTask
    from nltk.metrics.distance import interval_distance

    units = [[1, 2, 2], [5, 4, 5], [3, 3, 1], [2, 2, 2], [4, 5, 1]]
    data = [(f"c{c}", f"i{i}", v) for i, unit in enumerate(units) for c, v in enumerate(unit)]
    theirs = AnnotationTask(data=data, distance=interval_distance).alpha()
    assert krippendorff_alpha(units) == pytest.approx(theirs)


ratings = st.lists(
    st.lists(st.sampled_from([1.0, 2.0, 3.0, 4.0, 5.0, None]), min_size=1, max_size=4), max_size=8
)


@settings(deadline=None)
@given(units=ratings, seed=st.randoms())
def test_order_of_raters_and_units_plays_no_part(
    units: list[list[float | None]], seed: object
) -> None:
    alpha = krippendorff_alpha(units, level="ordinal")
    mixed = [list(reversed(unit)) for unit in units]
    seed.shuffle(mixed)  # type: ignore[attr-defined]
    other = krippendorff_alpha(mixed, level="ordinal")
    assert other == (None if alpha is None else pytest.approx(alpha))
    assert alpha is None or alpha <= 1 + 1e-12


@settings(deadline=None)
@given(units=ratings)
def test_interval_alpha_keeps_under_another_unit_and_zero(units: list[list[float | None]]) -> None:
    other = [[None if value is None else 3 * value - 7 for value in unit] for unit in units]
    alpha, changed = krippendorff_alpha(units), krippendorff_alpha(other)
    assert changed == (None if alpha is None else pytest.approx(alpha))
