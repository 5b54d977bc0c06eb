"""pytest tests/test_thinking.py: what of a reply is its answer."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfr_eval.config import load_run_config
from sfr_eval.errors import UserError
from sfr_eval.store.manifest import Manifest
from sfr_eval.thinking import (
    KNOWN,
    ThinkTags,
    answer_text,
    answers,
    ends_inside,
    parse_think_tags,
    template_tags,
    thoughts,
    undeclared_tags,
)
from tests.support.thinking import TAGS, sample

OPENED = ThinkTags(open="<think>", close="</think>", opened=True)
PLAIN = st.text(alphabet=st.characters(exclude_characters="<>/", codec="utf-8"))


@pytest.mark.parametrize(
    ("text", "answer", "whole"),
    [
        ("<think>hm</think>\n\nYes.", "Yes.", True),
        ("<think>\n\n</think>\n\nYes.\n", "Yes.\n", True),  # its end is its own
        ("hm</think>Yes.", "Yes.", True),  # the prompt had opened it, or the tag was swallowed
        ("<think>a</think><think>b</think> Yes.", "Yes.", True),
        ("<think>so <think> nested </think> more</think>Yes.", "Yes.", True),
        ("<think>hm", "", False),
        ("Yes. <think>or no", "Yes. ", False),
        ("<think>a</think>Yes. <think>or no", "Yes. ", False),
        ("<think>a</think>", "", True),  # thought to the end, and said nothing
        ("Yes.", "Yes.", True),
        ("  Yes. ", "  Yes. ", True),  # nothing to strip: not a character is changed
        ("", "", True),
        ("I think> so", "I think> so", True),
        ("<THINK>a</THINK>Yes.", "<THINK>a</THINK>Yes.", True),  # by name, not by likeness
    ],
)
def test_the_answer_of_a_reply(text: str, answer: str, whole: bool) -> None:
    found = answer_text(text, TAGS)
    assert (found.text, found.whole) == (answer, whole)
    assert text[found.start :].startswith(answer)


def test_after_an_opening_prompt_endless_thinking_has_no_answer() -> None:
    assert answer_text("let me see, the user", OPENED).text == ""
    assert not answer_text("let me see, the user", OPENED).whole
    assert answer_text("let me see</think>Yes.", OPENED).text == "Yes."


@given(PLAIN, PLAIN, st.sampled_from(KNOWN))
def test_any_thinking_leaves_any_answer_as_it_is(
    thinking: str, answer: str, pair: tuple[str, str]
) -> None:
    tags = ThinkTags(open=pair[0], close=pair[1])
    found = answer_text(f"{tags.open}{thinking}{tags.close}\n\n{answer}", tags)
    assert (found.text, found.whole) == (answer.lstrip(), True)
    if not {tags.open, tags.close} & {answer} and tags.open not in answer:
        assert answer_text(answer, tags).text == answer


@given(st.text())
def test_an_answer_has_no_thinking_left_in_it(text: str) -> None:
    found = answer_text(text, TAGS)
    assert answer_text(found.text, TAGS).text in (found.text, found.text.lstrip())


def test_statuses_and_rows() -> None:
    rows = [
        sample("<think>a</think>Yes.", id="1"),
        sample("<think>a", id="2"),
        sample("<think>a", status="truncated", id="3"),
        sample("", status="error", id="4"),
        sample("Yes.", id="5"),
    ]
    read = answers(rows, TAGS)
    assert [(row.status, row.text) for row in read] == [
        ("ok", "Yes."),
        ("truncated", ""),
        ("truncated", ""),
        ("error", ""),
        ("ok", "Yes."),
    ]
    assert rows[0].text == "<think>a</think>Yes."  # the row itself keeps all
    assert read[4] is rows[4]
    assert answers(rows, None) is rows
    assert thoughts(rows, TAGS) == {"1": "<think>a</think>"}
    assert thoughts(rows, None) == {}


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("none", None),
        ("<think>,</think>", TAGS),
        (" <think> , </think> ", TAGS),
        ("<think>,</think>,opened", OPENED),
        ("[THINK],[/THINK]", ThinkTags(open="[THINK]", close="[/THINK]")),
    ],
)
def test_tags_are_declared_as_a_pair(text: str, tags: ThinkTags | None) -> None:
    assert parse_think_tags(text) == tags
    if tags is not None:
        assert parse_think_tags(tags.name) == tags


@pytest.mark.parametrize("text", ["", "<think>", ",", "a,a", "a,b,c", "a,b,opened,d", "auto", "a,"])
def test_anything_else_is_one_line(text: str) -> None:
    with pytest.raises(UserError, match="--think-tags: "):
        parse_think_tags(text)


def test_the_setting_is_checked_before_anything_is_drawn() -> None:
    settings = {"model": "world", "suite": "persona"}
    with pytest.raises(UserError, match="think-tags"):
        load_run_config({**settings, "think_tags": "<think>"}, environment={})
    as_list = load_run_config({**settings, "think_tags": ["<t>", "</t>"]}, environment={})
    assert as_list.score.think_tags == "<t>,</t>"
    assert load_run_config(settings, environment={}).score.think_tags == "auto"


def test_templates_name_their_tags() -> None:
    qwen3 = "{%- if '</think>' in content %}{%- set r = content.split('</think>')[0] %}{% endif %}"
    assert template_tags(qwen3) == ThinkTags(open="<think>", close="</think>", source="template")
    assert template_tags("{{ '[THINK]' }}") is not None
    assert template_tags("{{ messages }}") is None
    assert ends_inside("<|assistant|><think>\n", TAGS)
    assert not ends_inside("<|assistant|><think>\n\n</think>\n\n", TAGS)
    assert not ends_inside("<|assistant|>", TAGS)


def test_the_manifest_keeps_them() -> None:
    stored = json.loads(json.dumps(Manifest(thinking=OPENED).stored()))
    assert Manifest.model_validate(stored).thinking == OPENED
    assert Manifest.model_validate({"thinking": None}).thinking is None
    assert Manifest.model_validate({}).thinking is None  # a run of an earlier version


def test_undeclared_tags_are_noticed() -> None:
    rows = [sample("<think>a</think>b"), sample("a</think>b"), sample("plain"), sample("plain")]
    assert undeclared_tags(rows) == (0.5, TAGS)
    assert undeclared_tags(rows[2:]) is None
    assert undeclared_tags([]) is None


HARMONY = 'analysisThe user says "hm". Short.assistantfinalYes, of course.'


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        (HARMONY, "analysis,assistantfinal"),
        ("analysisWe need more", "analysis,assistantfinal"),  # cut before the answer
        (
            "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>Y",
            "<|channel|>analysis<|message|>,<|channel|>final<|message|>",
        ),
        ("<thinking>hm</thinking>Yes.", "<thinking>,</thinking>"),
        ("\n<reasoning>\nhm</reasoning>Yes.", "<reasoning>,</reasoning>"),
        ("<thought>hm", "<thought>,</thought>"),
        ("<|begin_of_thought|>hm<|end_of_thought|>Y", "<|begin_of_thought|>,<|end_of_thought|>"),
        ("\u25c1think\u25b7hm\u25c1/think\u25b7Yes.", "\u25c1think\u25b7,\u25c1/think\u25b7"),
        (
            "Here is my thought process: hm Here is my response: Yes.",
            "Here is my thought process:,Here is my response:",
        ),
    ],
)
def test_thinking_in_forms_that_no_template_declares_is_named(text: str, tags: str) -> None:
    found = undeclared_tags([sample(text), sample("Yes.")])
    assert found is not None
    assert found[0] == 0.5
    assert found[1].name == tags
    declared = parse_think_tags(tags)
    assert declared is not None
    answer = answer_text(text, declared)
    assert answer.text in {"Yes, of course.", "Yes.", "Y", ""}


@pytest.mark.parametrize(
    "text",
    [
        "analysis of the data shows",
        "analysis",
        "Analysis: it is so.",
        "The <thinking> tag opens thoughts.",
        "Analysts say so.",
        "",
    ],
)
def test_words_are_not_taken_for_thinking(text: str) -> None:
    assert undeclared_tags([sample(text)]) is None


def test_a_program_is_looked_for_behind_every_form_of_thinking() -> None:
    from sfr_eval.suites.problems.extract import chat_code

    draft, right = "```python\ndef f(): wrong\n```", "def f(): return 1"
    for first, last in (("analysis", "assistantfinal"), *KNOWN, ("<thinking>", "</thinking>")):
        opening = f"{first}We try" if first == "analysis" else f"{first} We try"
        assert chat_code(f"{opening}\n{draft}\n{last}{right}", name="f") == right
    assert chat_code(f"print('</thinking>')\n{right}", name="f").endswith(right)
