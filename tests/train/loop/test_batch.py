"""Names of states that do not depend on the batch."""

import torch
from sfr_train.loop.batch import text_hashes


def hashes(ids: list[list[int]], **others: list[list[int]]) -> torch.Tensor:
    columns = {name: torch.tensor(value) for name, value in others.items()}
    return text_hashes({"input_ids": torch.tensor(ids), "labels": torch.tensor(ids), **columns})


ALONE = hashes([[5, 6, 9]], attention_mask=[[1, 1, 1]])[0]


def test_a_state_is_named_by_its_text_and_not_by_its_place() -> None:
    right = hashes([[5, 6, 7, 8], [5, 6, 9, 0]], attention_mask=[[1, 1, 1, 1], [1, 1, 1, 0]])
    left = hashes([[0, 0, 5, 6, 9]], attention_mask=[[0, 0, 1, 1, 1]])
    packed = hashes([[4, 3, 5, 6, 9, 1]], position_ids=[[0, 1, 0, 1, 2, 0]])
    assert torch.equal(right[1, :3], ALONE)
    assert torch.equal(left[0, 2:], ALONE)
    assert torch.equal(packed[0, 2:5], ALONE)
    assert torch.equal(right[0, :2], right[1, :2])  # the same text so far
    assert right[0, 2] != right[1, 2]


def test_order_and_length_count() -> None:
    other = hashes([[6, 5, 9]], attention_mask=[[1, 1, 1]])[0]
    assert not (other == ALONE).any()
    repeated = hashes([[7] * 50], attention_mask=[[1] * 50])[0]
    assert len(repeated.unique()) == 50
