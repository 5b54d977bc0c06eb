"""pytest tests/metrics/test_hivemind.py: against the definition, pair by pair"""

from itertools import combinations

import numpy as np
import pytest

from sfr_eval.embeddings.encoder import Encoder
from sfr_eval.metrics import hivemind
from sfr_eval.types import MetricResult
from tests.metrics.conftest import MakeContext

LONG = "Time is a river. " * 12
REPLIES: dict[tuple[str, str], list[str | None]] = {
    ("alike", ""): ["Time is a river.", "Time is like a river.", "Time is a flowing river."],
    ("apart", ""): ["Time is a river.", "Buy two eggs.", "The court adjourned at noon."],
    ("late", ""): [LONG + "Eggs.", LONG + "The court adjourned at noon, and all went home."],
    ("one", ""): ["Time is a river.", None],
}


@pytest.fixture
def results(context: MakeContext) -> dict[str, MetricResult]:
    return {result.metric: result for result in hivemind.compute(context(REPLIES))}


def test_the_mean_is_over_all_pairs_of_whole_replies(
    results: dict[str, MetricResult], encoder: Encoder
) -> None:
    values = {value.query: value.value for value in results["reply_cosine"].values}
    for (query, _), replies in list(REPLIES.items())[:3]:
        rows = encoder.encode([reply.strip() for reply in replies if reply])
        pairs = [float(a @ b) for a, b in combinations(rows, 2)]
        assert values[query] == pytest.approx(np.mean(pairs), abs=1e-5)
    assert values["late"] != pytest.approx(1.0, abs=1e-5)  # it differs beyond the common window


def test_a_prompt_counts_above_the_published_cut(results: dict[str, MetricResult]) -> None:
    above = results["reply_cosine_above_80"]
    assert [value.value for value in above.values] == [1.0, 0.0, 1.0, None]
    assert above.values[-1].reason == "fewer than 2 replies with text"
    assert above.signature["above"] == 0.8
    assert above.outcomes
