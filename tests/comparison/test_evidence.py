"""pytest tests/comparison/test_evidence.py"""

import math

import pytest

from sfr_eval.comparison.evidence import PairedEvidence
from sfr_eval.comparison.pairing import Paired


def evidence(first: list[float], second: list[float]) -> PairedEvidence:
    paired = Paired(
        queries=tuple(map(str, range(len(first)))),
        first=tuple(first),
        second=tuple(second),
        prompts=1,
        unpaired=0,
        unequal=0,
    )
    return PairedEvidence(paired=paired, step=0.0)


def test_the_delta_is_the_mean_of_the_differences() -> None:
    """Differences 1, 2, 3: mean 2, standard error 1 / sqrt(3), t quantile of 2 degrees 4.303."""
    values = evidence([0.0, 0.0, 3.0], [1.0, 2.0, 6.0])
    assert (values.n, values.first, values.second, values.delta) == (3, 1.0, 3.0, 2.0)
    assert values.interval is not None
    assert values.interval.low == pytest.approx(2 - 4.302653 / math.sqrt(3))


def test_without_a_query_everything_is_undefined() -> None:
    values = evidence([], [])
    assert (values.n, values.first, values.second, values.delta) == (0, None, None, None)
    assert values.smallest_visible(alpha=0.05) is None
