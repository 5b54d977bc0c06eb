"""pytest tests/metrics/test_ngrams.py"""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sfr_eval.metrics.ngrams import stable_order


@given(st.lists(st.integers(0, 2**40), max_size=30))
def test_stable_order_is_a_stable_argsort(keys: list[int]) -> None:
    for scale in (1, 2**22):  # the second does not fit beside its place
        numbers = np.array(keys, dtype=np.int64) * scale
        order, ordered = stable_order(numbers)
        np.testing.assert_array_equal(order, np.argsort(numbers, kind="stable"))
        np.testing.assert_array_equal(ordered, np.sort(numbers))
