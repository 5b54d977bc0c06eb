"""pytest tests/metrics/test_over_k.py"""

from sfr_eval.metrics.code import METRICS
from sfr_eval.metrics.over_k import largest_k, results_over_k
from sfr_eval.types import Cell
from tests.metrics.conftest import make_sample
from tests.metrics.test_answers import context_of

CURVES = {
    (1.0, "a", ""): (3, lambda k: k / 10),
    (1.0, "b", ""): (2, lambda k: k / 20),
    (1.0, "c", ""): (0, lambda k: 1.0),
}


def test_every_k_rests_on_the_same_prompts() -> None:
    context = context_of([make_sample("a", "", 0, "x")])
    results = list(
        results_over_k(
            context,
            METRICS["pass_at_k"],
            CURVES,
            version="1",
            ceiling=float,
            signature={"form": "x"},
            reason="none counts",
            notes={"said": "once"},
        )
    )
    assert [result.metric for result in results] == ["pass_at_1", "pass_at_2"]
    assert [row.value for row in results[1].values] == [0.2, 0.1, None]
    assert results[1].values[2].reason == "none counts"
    assert [dict(result.notes) for result in results] == [{"said": "once"}, {}]
    assert [result.signature["k"] for result in results] == [1, 2]


def test_the_largest_k_leaves_out_prompts_without_replies() -> None:
    assert largest_k(CURVES, 1.0) == 2
    none: dict[Cell, tuple[int, None]] = {}
    assert largest_k(none, 1.0) == 0  # type: ignore[arg-type]
