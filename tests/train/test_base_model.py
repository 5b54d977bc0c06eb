"""pytest tests/train/test_base_model.py"""

from typing import Any

import pytest
from sfr_train.base_model import check_reply_marks, end_of_turn, prepare_base

from sfr_eval.errors import UserError
from tests.support.training import tiny_model

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
    model: Any, tokenizer: Any, values: Any, kept: Any, said: str, tmp_path: Any,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    model.generation_config.do_sample = False
    for name, value in values.items():
        setattr(model.generation_config, name, value)
    with pytest.raises(ValueError, match="invalid"):
        model.save_pretrained(tmp_path / "before")
    prepare_base(model, tokenizer, name="base")
    assert said in capsys.readouterr().err
    model.save_pretrained(tmp_path / "after")
    assert {name: getattr(model.generation_config, name) for name in kept} == kept


def test_settings_that_nobody_can_mend_end_in_one_line(model: Any, tokenizer: Any) -> None:
    model.generation_config.max_new_tokens = -4
    with pytest.raises(UserError, match=r"model base: its generation_config.json .*-4.*; mend it"):
        prepare_base(model, tokenizer, name="base")


def test_a_good_base_is_left_alone(
    model: Any, tokenizer: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    before = model.generation_config.to_dict()
    prepare_base(model, tokenizer, name="base")
    assert model.generation_config.to_dict() == before
    assert not capsys.readouterr().err


def test_the_end_of_turn_becomes_an_end_token(
    model: Any, tokenizer: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    end = tokenizer.convert_tokens_to_ids("<|im_end|>")
    assert end_of_turn(tokenizer)[0] == end
    other = with_template(tokenizer, tokenizer.chat_template)
    other.eos_token = "<|endoftext|>"
    model.generation_config.eos_token_id = other.eos_token_id
    prepare_base(model, other, name="base")
    assert model.generation_config.eos_token_id == [end, other.eos_token_id]
    assert "ends a reply with <|im_end|>, which was none of its end" in capsys.readouterr().err
    model.generation_config.eos_token_id = other.eos_token_id
    prepare_base(model, other, name="base", adapter=True)
    assert model.generation_config.eos_token_id == other.eos_token_id
    assert "give it as --stop" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("after", "said"),
    [("\n### End", "ends a reply with the text '### End'"), ("", "writes nothing after a reply")],
)
def test_a_reply_that_no_token_ends_is_said(
    model: Any, tokenizer: Any, after: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    other = with_template(tokenizer, PLAIN.replace("<|im_end|>\n", after + "\n"))
    prepare_base(model, other, name="base")
    assert said in capsys.readouterr().err


def test_a_template_without_reply_marks_is_refused_for_whole_chats(tokenizer: Any) -> None:
    marked = PLAIN.replace(
        "{{ m['content'] }}", "{% generation %}{{ m['content'] }}{% endgeneration %}"
    )
    check_reply_marks(with_template(tokenizer, marked), name="base")
    with pytest.raises(UserError, match=r"model base: its chat template does not mark replies"):
        check_reply_marks(with_template(tokenizer, PLAIN), name="base")
