"""Rows of chat files, and the one-line error for each row that cannot be used."""

import json
from pathlib import Path
from typing import Any

import pytest
from sfr_train.data.chat_data import DataSettings
from sfr_train.data.rows import load_tables

from sfr_eval.errors import UserError
from sfr_eval.util.reading import read_model

ASK = {"role": "user", "content": "How?"}
SAY = {"role": "assistant", "content": "So."}
CARDS = """\
- {id: pirate, name: Pirate, system: You are a pirate.}
- {id: judge, name: Judge, system: You are a judge., voice: ignored here}
"""


def load_rows(settings: DataSettings) -> tuple[list[Any], list[Any]]:
    tables = load_tables(settings)
    return list(tables.train), list(tables.validation or ())


def load(folder: Path, *rows: Any, **values: Any) -> tuple[list[Any], list[Any]]:
    file = folder / "chats.jsonl"
    file.write_text("".join((r if isinstance(r, str) else json.dumps(r)) + "\n" for r in rows))
    return load_rows(read_model(DataSettings, {"file": file, **values}, where="data"))


def test_messages_and_prompt_with_completion_mean_the_same(tmp_path: Path) -> None:
    train, _ = load(
        tmp_path,
        {"messages": [ASK, SAY]},
        {"prompt": [ASK], "completion": [SAY]},
        {"prompt": "How?", "completion": "So."},
    )
    assert train == [{"prompt": [ASK], "completion": [SAY]}] * 3


def test_a_persona_puts_its_card_in_front(tmp_path: Path) -> None:
    cards = tmp_path / "cards.yaml"
    cards.write_text(CARDS)
    train, _ = load(tmp_path, {"messages": [ASK, SAY], "persona": "judge"}, personas=cards)
    assert train[0]["prompt"][0] == {"role": "system", "content": "You are a judge."}


def test_several_replies_turn_all_rows_into_messages(
    tmp_path: Path,
) -> None:
    train, _ = load(tmp_path, {"messages": [ASK, SAY, ASK, SAY, ASK]}, {"messages": [ASK, SAY]})
    assert train == [{"messages": [ASK, SAY, ASK, SAY]}, {"messages": [ASK, SAY]}]


def test_chats_are_held_out_at_random_and_once(tmp_path: Path) -> None:
    rows = [{"prompt": str(i), "completion": "So."} for i in range(50)]
    train, apart = load(tmp_path, *rows, validation=0.2)
    asked = [[int(row["prompt"][0]["content"]) for row in part] for part in (train, apart)]
    assert [len(part) for part in asked] == [40, 10]
    assert sorted(asked[0] + asked[1]) == list(range(50))
    assert asked == [sorted(part) for part in asked]  # the order of the file
    assert load(tmp_path, *rows, validation=0.2)[1] == apart
    assert load(tmp_path, *rows, validation=0.2, validation_seed=1)[1] != apart
    assert len(load(tmp_path, *rows, validation=3)[1]) == 3
    assert len(load(tmp_path, *rows, limit=4)[0]) == 4


def test_of_a_file_sorted_by_persona_all_are_held_out(tmp_path: Path) -> None:
    cards = tmp_path / "cards.yaml"
    cards.write_text(CARDS)
    rows = [{"messages": [ASK, SAY], "persona": p} for p in ("judge", "pirate") for _ in range(40)]
    _, apart = load(tmp_path, *rows, validation=8, personas=cards)
    systems = [row["prompt"][0]["content"] for row in apart]
    assert systems == ["You are a judge."] * 4 + ["You are a pirate."] * 4


def test_a_file_of_its_own_may_validate(tmp_path: Path) -> None:
    other = tmp_path / "other.jsonl"
    other.write_text(json.dumps({"prompt": "Who?", "completion": "So."}) + "\n")
    train, apart = load(tmp_path, {"messages": [ASK, SAY]}, validation_file=other)
    assert [row["prompt"][0]["content"] for row in (*train, *apart)] == ["How?", "Who?"]
    with pytest.raises(UserError, match="give validation or validation_file, not both"):
        load(tmp_path, {"messages": [ASK, SAY]}, validation_file=other, validation=0.1)
    other.write_text("{}\n")
    with pytest.raises(UserError, match=r"other.jsonl:1: needs either messages"):
        load(tmp_path, {"messages": [ASK, SAY]}, validation_file=other)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"messages": [ASK]}, r"chats.jsonl:2: has no assistant turn"),
        ({"prompt": "a", "completion": [ASK]}, r"chats.jsonl:2: completion has no assistant turn"),
        ({"prompt": "a"}, r"chats.jsonl:2: .*prompt and completion go together"),
        ({"text": "a"}, r"chats.jsonl:2: .*needs either messages, or prompt and completion"),
        ({"messages": [{"role": "bot", "content": "x"}]}, r"chats.jsonl:2: messages.0.role: "),
        ({"messages": [ASK, SAY], "persona": "pirat"}, r"persona `pirat` has no card in .*pirate"),
        ("{", r"chats.jsonl:2: is not JSON"),
        ("[1]", r"chats.jsonl:2: must be an object, not list"),
    ],
)
def test_a_bad_row_is_one_line_with_its_number(row: Any, message: str, tmp_path: Path) -> None:
    cards = tmp_path / "cards.yaml"
    cards.write_text(CARDS)
    with pytest.raises(UserError, match=message) as caught:
        load(tmp_path, {"messages": [ASK, SAY]}, row, personas=cards)
    assert "\n" not in str(caught.value)


def test_a_persona_needs_a_card_and_no_second_system_message(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"names persona `judge`; set data\.personas"):
        load(tmp_path, {"messages": [ASK, SAY], "persona": "judge"})
    cards = tmp_path / "cards.yaml"
    cards.write_text(CARDS)
    system = {"role": "system", "content": "Be brief."}
    with pytest.raises(UserError, match="has both a persona and a system message"):
        load(tmp_path, {"messages": [system, ASK, SAY], "persona": "judge"}, personas=cards)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"file": "none.jsonl"}, r"none.jsonl: no such file"),
        ({"dataset": "/no/such/set"}, r"data.dataset /no/such/set: cannot be loaded"),
    ],
)
def test_a_missing_source_is_one_line(values: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        load_rows(DataSettings.model_validate(values))


def test_one_source_must_be_named() -> None:
    with pytest.raises(UserError, match="give one of file, dataset and world"):
        read_model(DataSettings, {}, where="data")


def test_no_rows_and_nothing_left_to_train_on_are_errors(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has no rows"):
        load(tmp_path)
    with pytest.raises(UserError, match="1 of 1 rows leave none"):
        load(tmp_path, {"messages": [ASK, SAY]}, validation=1)


def test_the_benchmark_can_leave_a_persona_out() -> None:
    everyone, _ = load_rows(DataSettings.model_validate({"world": {"rows": 300}}))
    one, _ = load_rows(DataSettings.model_validate({"world": {"rows": 8, "personas": ["pirate"]}}))
    cards = {row["prompt"][0]["content"] for row in everyone}
    assert len(cards) == 9
    assert len({row["prompt"][0]["content"] for row in one}) == 1


def test_only_the_completion_of_several_turns_is_learned(tmp_path: Path) -> None:
    """The earlier replies of a prompt are another model's, and users' turns are never learned."""
    row = {"prompt": [ASK, SAY, ASK], "completion": [SAY]}
    train, _ = load(tmp_path, row)
    assert train == [row]
    train, _ = load(tmp_path, {"prompt": [ASK], "completion": [SAY, ASK, SAY]}, row)
    assert train == [{"prompt": [ASK], "completion": [SAY]}, row, row]


def test_chats_of_both_kinds_give_a_row_a_reply(tmp_path: Path) -> None:
    train, _ = load(
        tmp_path,
        {"messages": [ASK, SAY, ASK, SAY]},
        {"prompt": [ASK, SAY, ASK], "completion": [SAY]},
    )
    assert [len(row["prompt"]) for row in train] == [1, 3, 3]
    assert all(row["completion"] == [SAY] for row in train)


def test_replies_of_one_chat_are_held_out_together(tmp_path: Path) -> None:
    row = {"prompt": [ASK], "completion": [SAY, ASK, SAY], "persona": None}
    earlier = {"prompt": [ASK, SAY, ASK], "completion": [SAY]}
    train, apart = load(tmp_path, earlier, row, validation=1)
    assert (len(train), len(apart)) == (1, 2)


def test_sharegpt_and_alpaca_rows_and_lists_are_read(tmp_path: Path) -> None:
    cards = tmp_path / "cards.yaml"
    cards.write_text(CARDS)
    spoken = [{"from": "human", "value": "How?"}, {"from": "gpt", "value": "So."}]
    file = tmp_path / "list.json"
    file.write_text(
        json.dumps(
            [
                {"conversations": spoken, "persona": "judge"},
                {"instruction": "How?", "input": "", "output": "So.", "persona": "judge"},
            ]
        )
    )
    settings = DataSettings.model_validate({"file": file, "personas": cards})
    train, _ = load_rows(settings)
    file.write_text("\ufeff" + file.read_text(), encoding="utf-8")
    assert load_rows(settings)[0] == train
    card = {"role": "system", "content": "You are a judge."}
    assert train == [{"prompt": [card, ASK], "completion": [SAY]}] * 2


def test_excluded_replies_are_in_prompts_only(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    said = [("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d")]
    turns = [{"role": role, "content": text} for role, text in said]
    row = {"messages": [turns[0], {**turns[1], "weight": 0}, *turns[2:]]}
    file.write_text(json.dumps(row) + "\n", encoding="utf-8")
    rows, _ = load_rows(DataSettings(file=file))
    assert rows == [{"prompt": turns[:3], "completion": turns[3:]}]
