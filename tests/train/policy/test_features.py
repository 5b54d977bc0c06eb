"""Features of replies: states of a frozen copy against the model's own, and batches."""

from typing import Any

import numpy as np
import pytest
import torch
from sfr_train.policy.features import EncoderFeatures, ModelFeatures

from sfr_eval.errors import UserError
from tests.support.training import tiny_model

PROMPT = [{"role": "user", "content": "how do I bake bread?"}]
REPLIES = ["With patience.", "In a hot oven, for an hour or so, and then it cools.", ""]


@pytest.mark.parametrize("pooling", ["last", "mean"])
def test_features_are_the_states_of_each_reply_alone(pooling: str, tokenizer: Any) -> None:
    model = tiny_model(tokenizer).eval()
    features = ModelFeatures(model, tokenizer, depths=(0.5, 1.0), pooling=pooling)
    rows = features([PROMPT] * 3, REPLIES)
    head = tokenizer.apply_chat_template(PROMPT, tokenize=False, add_generation_prompt=True)
    before = len(tokenizer(head)["input_ids"])
    for reply, row in zip(REPLIES, rows, strict=True):
        ids = tokenizer(head + reply, return_tensors="pt")["input_ids"]
        states = model(ids, output_hidden_states=True).hidden_states
        joined = torch.cat([states[1][0], states[2][0]], dim=1).detach()
        start = min(before, ids.shape[1] - 1)
        expected = joined[-1] if pooling == "last" else joined[start:].mean(dim=0)
        assert row == pytest.approx((expected / expected.norm()).numpy(), abs=1e-5)


def test_the_copy_stays_where_the_model_started(tokenizer: Any) -> None:
    model = tiny_model(tokenizer)
    features = ModelFeatures(model, tokenizer, depths=(0.5,), pooling="last")
    before = features([PROMPT], REPLIES[:1])
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1.0)
    assert np.array_equal(features([PROMPT], REPLIES[:1]), before)
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_a_model_sharded_by_zero3_cannot_be_copied(tokenizer: Any) -> None:
    model = tiny_model(tokenizer)
    next(model.parameters()).ds_id = 1  # as DeepSpeed marks a parameter that it has sharded
    with pytest.raises(UserError, match=r"set objective\.features=encoder"):
        ModelFeatures(model, tokenizer, depths=(0.5,), pooling="last")


def test_the_encoder_gives_unit_rows_that_know_meaning() -> None:
    rows = EncoderFeatures(None)([PROMPT] * 3, ["A cat sleeps.", "The cat naps.", "Taxes rise."])
    assert np.linalg.norm(rows, axis=1) == pytest.approx([1.0] * 3, abs=1e-5)
    assert rows[0] @ rows[1] > rows[0] @ rows[2] + 0.3
