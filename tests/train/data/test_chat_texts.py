"""Chat templates that take all memory or time do neither in a trainer."""

import os
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import datasets
import pytest
from sfr_train.base_model import end_of_turn
from sfr_train.data import chat_texts
from sfr_train.data.chat_texts import Refused, Turns, rendering_ended, texts_of
from sfr_train.data.template_parts import check_template
from sfr_train.data.tokens import Tokenization, row_tokens, tokenized
from sfr_train.plan.rows import row_statistics
from trl.chat_template_utils import get_training_chat_template

from sfr_eval.errors import UserError
from tests.train.data.test_tokens import ASK, CHATS, PROMPTS, SAY, with_template

ENDLESS = "{% for i in range(99999) %}{% for i in range(99999) %}{% endfor %}{% endfor %}"
POWER = "{{ (messages|length) ** (9 ** 9) }}"  # one call, within which no signal is heard
HUGE = "{{ 'x' * 3000000000 }}"
TRAPS = {
    ENDLESS: r"its chat template takes more than 2 seconds",
    POWER: r"its chat template takes more than 2 seconds",
    HUGE: "its chat template takes more than 1 GiB of memory",
    "{{ 'x' * (9000000 // 1) }}": "its chat template writes 9,000,",
    "{{ '\\ud800' }}": "its chat template writes half of a surrogate pair",
}


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("sfr_eval.models.rendering._SECONDS", 2.0)
    monkeypatch.setattr("sfr_eval.models.rendering._SECONDS_EACH", 0.0)
    with rendering_ended():
        yield
    assert os.getpid() not in chat_texts._OPEN


def whole_chats(tokenizer: Any) -> None:
    template = tokenizer.chat_template
    trap = template[: template.index(TAIL)]
    tokenizer.chat_template = template[len(trap) :]
    marks = trap + get_training_chat_template(tokenizer)
    how = plain(tokenizer, chat_template=marks, assistant_only=True)
    tokenized(datasets.Dataset.from_list(CHATS), how, what="train")


def plain(tokenizer: Any, **changes: Any) -> Tokenization:
    settings = {"chat_template": None, "completion_only": True, "assistant_only": False}
    return Tokenization(tokenizer=tokenizer, limit=None, **{**settings, **changes})


TAIL = "{%- if tools %}"  # how the template begins that the trap stands before
USES: dict[str, Callable[[Any], object]] = {
    "rows together": lambda t: tokenized(
        datasets.Dataset.from_list(PROMPTS[:2]), plain(t), what="train"
    ),
    "one row": lambda t: row_tokens({**PROMPTS[0], "tools": "[]"}, plain(t), number=0),
    "whole chats": whole_chats,
    "a plan": lambda t: row_statistics(PROMPTS[:2], plain(t), targets=None),
    "parts": lambda t: check_template(t, parts={"tools": "a.jsonl:1"}, options=(), name="m"),
    "the end of a turn": end_of_turn,
}


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("trap", [ENDLESS, HUGE])
def test_a_hostile_template_ends_in_a_line(use: str, trap: str, tokenizer: Any) -> None:
    ours = with_template(tokenizer, "qwen3")
    ours.chat_template = trap + ours.chat_template
    with pytest.raises(UserError, match=TRAPS[trap]) as error:
        USES[use](ours)
    assert str(error.value).startswith("model ")
    assert str(error.value).endswith("set training.chat_template_path")


@pytest.mark.parametrize("trap", TRAPS)
def test_a_trap_for_a_later_row_is_refused(trap: str, tokenizer: Any) -> None:
    ours = with_template(tokenizer, "qwen3")
    ours.chat_template = f"{{% if messages|length > 2 %}}{trap}{{% endif %}}{ours.chat_template}"
    fine = datasets.Dataset.from_list([PROMPTS[0]] * 3)
    assert len(tokenized(fine, plain(ours), what="train")[0]) == 3
    rows = datasets.Dataset.from_list([PROMPTS[0]] * 70 + [PROMPTS[1]])
    with pytest.raises(UserError, match=TRAPS[trap]):
        tokenized(rows, plain(ours), what="train")


def test_an_error_of_any_type_is_a_refusal_of_the_row(tokenizer: Any) -> None:
    ours = with_template(tokenizer, "qwen3")
    rows = datasets.Dataset.from_list([PROMPTS[0]] * 3 + [PROMPTS[1]])
    for trap in ("{{ 1 // 0 }}", "{{ messages[9].x.y }}", "{{ 'a' + 1 }}", "{{ {}['a'].b }}"):
        ours.chat_template = f"{{% if messages|length > 2 %}}{trap}{{% endif %}}{TAIL}{{% endif %}}"
        with pytest.raises(UserError, match=r"refuses a chat \(row 4 of those to train on\)"):
            tokenized(rows, plain(ours), what="train")


def test_a_template_that_was_changed_is_read_anew(tokenizer: Any) -> None:
    ours = with_template(tokenizer, "qwen3")
    before = texts_of(ours, [Turns(turns=[ASK, SAY])])
    ours.chat_template = "{{ messages[0].content }}"
    assert texts_of(ours, [Turns(turns=[ASK, SAY])]) == [ASK["content"]] != before
    assert texts_of(ours, [Turns(turns=[ASK])], template="{{ bos }}!") == ["!"]
    with pytest.raises(Refused, match="No"):
        texts_of(ours, [Turns(turns=[ASK])], template="{{ raise_exception('No') }}")


def test_each_process_asks_a_process_of_its_own(tokenizer: Any) -> None:
    """As `datasets` has it, with several processes."""
    ours = with_template(tokenizer, "qwen3")
    rows = datasets.Dataset.from_list(PROMPTS[:2] * 4)
    alone, _ = tokenized(rows, plain(ours), what="train")
    render = partial(_first, how=plain(ours))
    spread = rows.map(render, num_proc=2, remove_columns=rows.column_names)
    assert list(spread["input_ids"]) == list(alone["input_ids"])


def _first(row: Any, *, how: Tokenization) -> dict[str, Any]:
    return {"input_ids": row_tokens(row, how, number=0)[0].tolist()}
