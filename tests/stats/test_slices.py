"""pytest tests/stats/test_slices.py"""

from sfr_eval.stats.slices import slice_estimates
from sfr_eval.types import MetricResult, Value


def test_slices_are_over_their_own_queries() -> None:
    values = [Value(suite="s", temperature=1.0, query=str(q), value=float(q % 2)) for q in range(8)]
    result = MetricResult(
        metric="pass_at_1", version="1", unit="prompt", higher_is_better=True, signature={},
        values=values, ceiling=1.0,
    )  # fmt: skip
    facets = {str(q): {"difficulty": "odd" if q % 2 else "even"} for q in range(7)}
    rows = {(r.by, r.group): r for r in slice_estimates(result, 4, facets)}
    assert list(rows) == [("difficulty", "even"), ("difficulty", "odd")]
    assert (rows["difficulty", "odd"].value, rows["difficulty", "odd"].n) == (1.0, 3)
    assert (rows["difficulty", "even"].value, rows["difficulty", "even"].n) == (0.0, 4)
