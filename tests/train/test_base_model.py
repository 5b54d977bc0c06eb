"""pytest tests/train/test_base_model.py"""

import json
from pathlib import Path
from typing import Any

import pytest
from sfr_train.base_model import check_reply_marks, end_of_turn, prepare_base
from sfr_train.data.chat_data import DataSettings
from sfr_train.data.rows import load_tables

from sfr_eval.errors import UserError
from tests.support.training import sfr_trainer, tiny_model

PLAIN = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@pytest.fixture
def model(tokenizer: Any) -> Any:
    return tiny_model(tokenizer)


def with_template(tokenizer: Any, template: str) -> Any:
    import copy

    other = copy.deepcopy(tokenizer)
    other.chat_template = template
    return other


@pytest.mark.parametrize(
    ("values", "kept", "said"),
    [
        ({"temperature": 0.9, "top_p": 0.6}, {"do_sample": True, "top_p": 0.6}, "do_sample is now"),
        ({"typical_p": 0.5, "min_p": 0.1}, {"do_sample": True, "min_p": 0.1}, "do_sample is now"),
        ({"early_stopping": True}, {"early_stopping": None}, "early_stopping is left out"),
        ({"length_penalty": 2.0}, {"length_penalty": None}, "length_penalty is left out"),
        ({"pad_token_id": -1}, {"pad_token_id": None}, "pad_token_id is left out"),
        ({"output_scores": True}, {"output_scores": None}, "output_scores is left out"),
    ],
)
def test_settings_that_could_not_be_saved_are_mended(
    model: Any, tokenizer: Any, values: Any, kept: Any, said: str, tmp_path: Any
) -> None:  # fmt: skip
    model.generation_config.do_sample = False
    for name, value in values.items():
        setattr(model.generation_config, name, value)
    with pytest.raises(ValueError, match="invalid"):
        model.save_pretrained(tmp_path / "before")
    assert said in " ".join(prepare_base(model, tokenizer, name="base"))
    model.save_pretrained(tmp_path / "after")
    assert {name: getattr(model.generation_config, name) for name in kept} == kept


def test_settings_that_nobody_can_mend_end_in_one_line(model: Any, tokenizer: Any) -> None:
    model.generation_config.max_new_tokens = -4
    with pytest.raises(UserError, match=r"model base: its generation_config.json .*-4.*; mend it"):
        list(prepare_base(model, tokenizer, name="base"))


def test_a_good_base_is_left_alone(model: Any, tokenizer: Any) -> None:
    before = model.generation_config.to_dict()
    assert not list(prepare_base(model, tokenizer, name="base"))
    assert model.generation_config.to_dict() == before


def test_the_end_of_turn_becomes_an_end_token(model: Any, tokenizer: Any) -> None:
    end = tokenizer.convert_tokens_to_ids("<|im_end|>")
    assert end_of_turn(tokenizer)[0] == end
    other = with_template(tokenizer, tokenizer.chat_template)
    other.eos_token = "<|endoftext|>"
    model.generation_config.eos_token_id = other.eos_token_id
    (line,) = prepare_base(model, other, name="base")
    assert model.generation_config.eos_token_id == [end, other.eos_token_id]
    assert "ends a reply with <|im_end|>, which was none of its end" in line
    model.generation_config.eos_token_id = other.eos_token_id
    (line,) = prepare_base(model, other, name="base", adapter=True)
    assert model.generation_config.eos_token_id == other.eos_token_id
    assert "give it as --stop" in line


@pytest.mark.parametrize(
    ("after", "said"),
    [("\n### End", "ends a reply with the text '### End'"), ("", "writes nothing after a reply")],
)
def test_a_reply_that_no_token_ends_is_said(
    model: Any, tokenizer: Any, after: str, said: str
) -> None:
    other = with_template(tokenizer, PLAIN.replace("<|im_end|>\n", after + "\n"))
    (line,) = prepare_base(model, other, name="base")
    assert said in line


def test_a_template_without_reply_marks_is_refused_for_whole_chats(tokenizer: Any) -> None:
    marked = PLAIN.replace(
        "{{ m['content'] }}", "{% generation %}{{ m['content'] }}{% endgeneration %}"
    )
    check_reply_marks(with_template(tokenizer, marked), name="base")
    with pytest.raises(UserError, match=r"model base: its chat template does not mark replies"):
        check_reply_marks(with_template(tokenizer, PLAIN), name="base")


@pytest.mark.parametrize(
    ("row", "learned"),
    [
        ({"prompt": "Q1", "completion": "knead"}, ["knead"]),
        (
            {
                "prompt": [["user", "one"], ["assistant", "two"], ["user", "three"]],
                "completion": [["assistant", "knead"]],
            },
            ["knead"],
        ),
        (
            {
                "prompt": [["user", "one"]],
                "completion": [["assistant", "two"], ["user", "three"], ["assistant", "knead"]],
            },
            ["two", "knead"],
        ),
        ({"instruction": "one", "history": [["two", "three"]], "output": "knead"}, ["knead"]),
        (
            {"conversations": [{"from": "human", "value": "one"}, {"from": "gpt", "value": "two"}]},
            ["two"],
        ),
    ],
)
def test_only_replies_that_are_to_be_learned_are_supervised(
    row: dict[str, Any], learned: list[str], tokenizer: Any, tmp_path: Path
) -> None:
    """Seen in the labels that the trainer makes of a file: no user's turn, no earlier reply."""
    for name in ("prompt", "completion"):
        if isinstance(row.get(name), list):
            row = {**row, name: [{"role": r, "content": text} for r, text in row[name]]}
    file = tmp_path / "chats.jsonl"
    file.write_text(json.dumps(row) + "\n")
    rows = list(load_tables(DataSettings(file=file)).train)
    trainer = sfr_trainer(tokenizer, rows, tmp_path, objective="ce")
    texts = [
        tokenizer.decode([label for label in labels if label != -100])
        for labels in trainer.train_dataset["labels"]
    ]
    ends = [text.replace("<|im_end|>", "").replace(" ", "").strip() for text in texts]
    assert ends == learned
    assert all("<|im_end|>" in text for text in texts)
