"""The tokens and labels of chats are those of TRL's SFTTrainer."""

from pathlib import Path
from typing import Any

import datasets
import pytest
import transformers
from sfr_train.data.chat_data import DataSettings
from sfr_train.data.rows import load_tables
from sfr_train.data.tokens import Tokenization, is_chats, row_tokens, tokenized
from trl import SFTTrainer

from sfr_eval.errors import UserError
from tests.support.training import settings, tiny_model

ASK, SAY = {"role": "user", "content": "How long?"}, {"role": "assistant", "content": "So."}
THOUGHT = {**SAY, "reasoning_content": "It is warm."}
RULE = {"role": "system", "content": "Be brief."}
TOOL = {"type": "function", "function": {"name": "oven", "parameters": {"type": "object"}}}
CALL = {"type": "function", "function": {"name": "oven", "arguments": {"heat": 200, "fan": {}}}}
PROMPTS = [
    {"prompt": [ASK], "completion": [SAY]},
    {
        "prompt": [RULE, ASK, SAY, ASK],
        "completion": [{"role": "assistant", "content": "Ten. " * 30}],
    },
    {"prompt": [ASK], "completion": [THOUGHT]},
]
CHATS = [{"messages": [RULE, ASK, SAY, ASK, SAY]}, {"messages": [ASK, SAY]}]


def with_template(tokenizer: Any, name: str) -> Any:
    import trl

    path = Path(trl.__file__).parent / "chat_templates" / f"{name}.jinja"
    copy = transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer.backend_tokenizer)
    copy.add_special_tokens({"eos_token": "<|im_end|>", "pad_token": "<|im_end|>"})
    copy.chat_template = path.read_text(encoding="utf-8")
    return copy


def of_trl(tokenizer: Any, rows: Any, folder: Path, **arguments: Any) -> list[Any]:
    trainer = SFTTrainer(
        model=tiny_model(tokenizer),
        args=settings(folder, completion_only_loss=True, **arguments),
        train_dataset=datasets.Dataset.from_list(rows),
        processing_class=tokenizer,
    )
    table = trainer.train_dataset
    return [dict(zip(("input_ids", "labels"), pair, strict=True))
            for pair in zip(table["input_ids"], table["labels"], strict=True)]  # fmt: skip


@pytest.mark.parametrize("template", ["qwen2_5", "qwen3"])
@pytest.mark.parametrize(
    ("limit", "mode"), [(None, "keep_start"), (40, "keep_start"), (30, "keep_end")]
)
def test_prompts_and_completions_are_tokens_as_in_trl(
    template: str, limit: int | None, mode: str, tokenizer: Any, tmp_path: Path
) -> None:
    ours = with_template(tokenizer, template)
    rows = PROMPTS if template == "qwen3" else PROMPTS[:2]
    theirs = of_trl(ours, rows, tmp_path, max_length=limit, truncation_mode=mode)
    how = Tokenization(
        tokenizer=ours,
        chat_template=None,
        completion_only=True,
        assistant_only=False,
        limit=limit,
        keep_end=mode == "keep_end",
        cut=limit is not None,
    )
    table, cut = tokenized(datasets.Dataset.from_list(rows), how, what="train")
    assert list(table) == theirs
    assert cut.rows == len(rows)
    assert (cut.cut > 0) == (limit is not None)


@pytest.mark.parametrize("template", ["qwen2_5", "qwen3"])
def test_whole_chats_are_tokens_as_in_trl(template: str, tokenizer: Any, tmp_path: Path) -> None:
    from trl.chat_template_utils import get_training_chat_template

    ours = with_template(tokenizer, template)
    theirs = of_trl(ours, CHATS, tmp_path, assistant_only_loss=True, max_length=None)
    how = Tokenization(
        tokenizer=ours,
        chat_template=get_training_chat_template(ours),
        completion_only=True,
        assistant_only=True,
        limit=None,
    )
    table, _ = tokenized(datasets.Dataset.from_list(CHATS), how, what="train")
    assert list(table) == theirs


def test_tools_and_options_reach_the_template(tokenizer: Any, tmp_path: Path) -> None:
    import json

    answer = {"role": "tool", "content": "200 degrees"}
    call = {"role": "assistant", "content": None, "tool_calls": [CALL]}
    file = tmp_path / "chats.jsonl"
    rows = [{"messages": [ASK, call, answer, SAY], "tools": [TOOL]}, {"messages": [ASK, SAY]}]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    options = {"enable_thinking": False}
    table = load_tables(DataSettings(file=file, template=options)).train
    ours = with_template(tokenizer, "qwen3")
    plain = {"tokenizer": ours, "chat_template": None, "limit": None, "completion_only": True}
    how = Tokenization(**plain, assistant_only=False)
    texts = [[], []]
    for number, values in enumerate(table):
        turns = values["messages"]
        row = {"prompt": turns[:-1], "completion": turns[-1:], **values}
        ids, labels = row_tokens(row, how, number=number)
        texts[0].append(ours.decode(ids))
        texts[1].append(ours.decode(labels[labels != -100]))
    assert '"name": "oven", "parameters"' in texts[0][0]
    assert '"arguments": {"heat": 200, "fan": {}}' in texts[0][0]
    assert "200 degrees" in texts[0][0]
    assert "oven" not in texts[0][1]
    assert "<think>" not in "".join(texts[1])  # the empty block belongs to the prompt


def test_a_refused_chat_is_named(tokenizer: Any) -> None:
    ours = with_template(tokenizer, "qwen3")
    ours.chat_template = "{{ raise_exception('No system role') }}"
    how = Tokenization(
        tokenizer=ours, chat_template=None, completion_only=True, assistant_only=False, limit=None
    )
    with pytest.raises(UserError, match=r"refuses a chat \(row 1 of those .*: No system role"):
        tokenized(datasets.Dataset.from_list(PROMPTS[:2]), how, what="train")


def test_the_refused_chat_of_several_is_named(tokenizer: Any) -> None:
    ours = with_template(tokenizer, "qwen2_5")
    refusal = "{% if messages|length > 2 %}{{ raise_exception('Too long') }}{% endif %}"
    ours.chat_template = refusal + ours.chat_template
    rows = [PROMPTS[0]] * 70 + [PROMPTS[1]]
    how = Tokenization(
        tokenizer=ours, chat_template=None, completion_only=True, assistant_only=False, limit=None
    )
    with pytest.raises(UserError, match=r"refuses a chat \(row 71 of those .*: Too long"):
        tokenized(datasets.Dataset.from_list(rows), how, what="train")


def test_a_row_with_options_keeps_its_own_among_others(tokenizer: Any) -> None:
    ours = with_template(tokenizer, "qwen3")
    options = [{"enable_thinking": False}, {"enable_thinking": True}]
    rows = [{**PROMPTS[0], "chat_template_kwargs": option} for option in options]
    how = Tokenization(
        tokenizer=ours, chat_template=None, completion_only=True, assistant_only=False, limit=None
    )
    table, _ = tokenized(datasets.Dataset.from_list(rows), how, what="train")
    for number, row in enumerate(rows):
        ids, labels = row_tokens(row, how, number=number)
        assert table[number] == {"input_ids": ids.tolist(), "labels": labels.tolist()}
    assert table[0]["labels"] != table[1]["labels"]


@pytest.mark.parametrize("completion_only", [True, False])
def test_many_chats_are_tokens_as_one_by_one(completion_only: bool, tokenizer: Any) -> None:
    ours = with_template(tokenizer, "qwen2_5")
    ask = [{"role": "user", "content": "how " * (n % 7) + "long?\n" * (n % 3)} for n in range(150)]
    rows = [{"prompt": [RULE, turn][n % 2 :], "completion": [SAY]} for n, turn in enumerate(ask)]
    how = Tokenization(
        tokenizer=ours,
        chat_template=None,
        completion_only=completion_only,
        assistant_only=False,
        limit=None,
    )
    table, _ = tokenized(datasets.Dataset.from_list(rows), how, what="train")
    for number, row in enumerate(rows):
        ids, labels = row_tokens(row, how, number=number)
        assert table[number] == {"input_ids": ids.tolist(), "labels": labels.tolist()}


def test_only_chats_are_ours() -> None:
    assert is_chats(datasets.Dataset.from_list(PROMPTS))
    assert is_chats(datasets.Dataset.from_list(CHATS))
    for row in ({"text": "a"}, {"prompt": "a", "completion": "b"}, {"input_ids": [1]}):
        assert not is_chats(datasets.Dataset.from_list([row]))
    assert not is_chats(datasets.Dataset.from_list([]))
