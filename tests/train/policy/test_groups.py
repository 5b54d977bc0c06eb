"""Rows are grouped by their prompt, whatever their order; ranks are in test_trainer.py."""

import numpy as np
import pytest
from sfr_train.policy.groups import gather_rows, prompt_key, reply_text


def test_rows_of_a_prompt_are_one_group_wherever_they_stand() -> None:
    rows = np.arange(10, dtype=np.float32).reshape(5, 2)
    gathered = gather_rows(["a", "b", "a", "b", "a"], rows)
    assert [group.tolist() for group in gathered.groups()] == [[0, 2, 4], [1, 3]]
    assert gathered.own == slice(0, 5)
    assert np.array_equal(gathered.rows, rows)


def test_prompts_and_rows_must_be_equally_many() -> None:
    with pytest.raises(ValueError, match="1 prompts for 2 replies"):
        gather_rows(["a"], np.zeros((2, 3), dtype=np.float32))


def test_prompts_differ_by_content_and_role() -> None:
    user, system = ([{"role": role, "content": "x"}] for role in ("user", "system"))
    assert prompt_key(user) == prompt_key([{"content": "x", "role": "user"}])
    assert len({prompt_key(prompt) for prompt in (user, system, "x", [])}) == 4


def test_the_text_of_a_reply_is_that_of_its_last_turn() -> None:
    turns = [{"role": "assistant", "content": None}, {"role": "assistant", "content": "so"}]
    assert reply_text("so") == reply_text(turns) == "so"
    assert reply_text([]) == reply_text(turns[:1]) == ""
