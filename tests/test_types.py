"""pytest tests/test_types.py"""

import pickle
from dataclasses import FrozenInstanceError, replace

import pytest

from sfr_eval.types import Sample, Value

VALUE = Value(suite="s", temperature=0.5, query="q", persona="p", value=None, reason="none")
SAMPLE = Sample(
    sample_id="a", suite="s", query="q", persona="p", temperature=1.0, index=0, seed=7,
    status="ok", text="\ud800 text", prompt_tokens=3, completion_tokens=2,
)  # fmt: skip


@pytest.mark.parametrize("one", [VALUE, SAMPLE, replace(VALUE, standard_error=0.25)])
def test_what_goes_to_another_process_comes_back_equal(one: Value | Sample) -> None:
    back = pickle.loads(pickle.dumps(one))
    assert back == one
    assert type(back) is type(one)
    with pytest.raises(FrozenInstanceError):
        back.suite = "other"
