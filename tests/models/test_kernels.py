"""pytest tests/models/test_kernels.py; tests/models/test_shapes.py has those of checkpoints"""

import pytest

from sfr_eval.errors import UserError
from sfr_eval.models.kernels import refuse_kernels


def test_names_that_the_library_has_itself_pass() -> None:
    config = {"_attn_implementation": "sdpa", "text_config": {"attn_implementation": "eager"}}
    refuse_kernels({**config, "hidden_size": 4}, where="x", only_plain=True)
    refuse_kernels({"_attn_implementation": "flash_attention_2"}, where="x")


def test_what_may_be_fetched_is_refused() -> None:
    with pytest.raises(UserError, match="x: _attn_implementation: 'flash_attention_2' may be"):
        refuse_kernels({"_attn_implementation": "flash_attention_2"}, where="x", only_plain=True)
    with pytest.raises(UserError, match="'a/b' may be code from the Hub"):
        refuse_kernels({"vision": {"_attn_implementation": "a/b"}}, where="x")
