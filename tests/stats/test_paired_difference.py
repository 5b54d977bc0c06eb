from sfr_eval.stats.paired_difference import paired_differences
from sfr_eval.types import MetricResult, Value


def result(values: dict[str, float | None], *, temperature: float = 1.0) -> MetricResult:
    rows = [
        Value(suite="toy", temperature=temperature, query=query, value=value)
        for query, value in values.items()
    ]
    return MetricResult(
        metric="embed_distance",
        version="1",
        unit="prompt",
        higher_is_better=True,
        signature={},
        values=rows,
        range=(0, 1),
    )


def test_by_hand() -> None:
    run, reference = result({"a": 0.5, "b": 0.25, "c": None}), result({"a": 0.25, "b": 0.5})
    (row,) = paired_differences([run], [reference])
    assert (row.value, row.n, row.temperature) == (0.0, 2, 1.0)
    assert row.low is not None
    assert row.low < -0.25  # a difference may be negative, whatever the metric's range


def test_no_common_metric_or_query_gives_nothing() -> None:
    assert list(paired_differences([result({"a": 1.0})], [])) == []
    assert list(paired_differences([result({"a": 1.0})], [result({"b": 1.0})])) == []


def test_what_makes_a_query_hard_cancels() -> None:
    hard = {str(query): query / 20 for query in range(16)}
    (row,) = paired_differences(
        [result({q: value + 0.1 for q, value in hard.items()}, temperature=0.7)], [result(hard)]
    )
    assert row.low is not None
    assert row.high is not None
    assert row.high - row.low < 1e-9
    assert row.temperature == 0.7
