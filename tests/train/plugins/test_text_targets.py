"""Samples of a batch, found by their tokens."""

import pytest
import torch
from sfr_train.plugins.text_targets import TextIndex, samples_of, training_rows

from sfr_eval.errors import UserError


def test_padding_is_no_part_of_a_sample() -> None:
    ids = torch.tensor([[5, 6, 7, 0], [0, 0, 8, 9]])
    mask = torch.tensor([[1, 1, 1, 0], [0, 0, 1, 1]])
    batch = {"input_ids": ids, "attention_mask": mask}
    assert list(samples_of(batch)) == [(0, 0, 3), (1, 2, 4)]


def test_a_packed_row_has_a_sample_at_each_position_zero() -> None:
    ids = torch.tensor([[5, 6, 7, 8, 9]])
    batch = {"input_ids": ids, "position_ids": torch.tensor([[0, 1, 0, 1, 2]])}
    assert list(samples_of(batch)) == [(0, 0, 2), (0, 2, 5)]


def test_packed_rows_are_taken_apart_and_found_again() -> None:
    import datasets

    packed = datasets.Dataset.from_list([{"input_ids": [5, 6, 7, 8, 9], "seq_lengths": [2, 3]}])
    rows = training_rows(packed)
    assert rows["input_ids"][:] == [[5, 6], [7, 8, 9]]
    assert rows["labels"][:] == [[5, 6], [7, 8, 9]]
    index = TextIndex(rows)
    assert index.find(torch.tensor([7, 8, 9])) == 1
    assert index.find([7, 8]) is None


def test_rows_are_taken_apart_without_a_list_of_all() -> None:
    """Many rows, some in the last block of their own; the format of the data set does not count."""
    import datasets

    values = [{"input_ids": [n, n + 1, 2], "labels": [-100, n + 1, 2]} for n in range(150)]
    rows = training_rows(datasets.Dataset.from_list(values).with_format("torch"))
    assert rows[149] == values[149]
    index = TextIndex(rows)
    assert [index.find(torch.tensor(row["input_ids"])) for row in values] == list(range(150))


def test_rows_without_tokens_are_refused() -> None:
    import datasets

    with pytest.raises(UserError, match="give tokenized rows"):
        training_rows(datasets.Dataset.from_list([{"text": "a"}]))
