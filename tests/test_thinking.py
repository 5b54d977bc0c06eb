"""pytest tests/test_thinking.py: what of a reply is its answer, from the row to every number."""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfr_eval import cli
from sfr_eval.comparison.runs import open_runs
from sfr_eval.config import load_run_config
from sfr_eval.errors import UserError
from sfr_eval.pipeline.preflight import preflight
from sfr_eval.store.manifest import Manifest
from sfr_eval.store.run_folder import RunFolder
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
from sfr_eval.types import Sample
from tests.support.fake_server import Reply, completion, serving

TAGS = ThinkTags(open="<think>", close="</think>")
OPENED = ThinkTags(open="<think>", close="</think>", opened=True)
PLAIN = st.text(alphabet=st.characters(exclude_characters="<>/", codec="utf-8"))


def sample(text: str, *, status: str = "ok", id: str = "s") -> Sample:
    return Sample(
        sample_id=id,
        suite="persona",
        query="q",
        persona="p",
        temperature=1.0,
        index=0,
        seed=1,
        status=status,  # type: ignore[arg-type]
        text=text,
        prompt_tokens=1,
        completion_tokens=1,
    )


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


# What a checkpoint's own template says

THINKING = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content.split('</think>')[-1] }}"
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n"
)


def tags_of(folder: Path, **settings: Any) -> ThinkTags | None:
    given = {"model": str(folder), "suite": "persona", "limit": 1, "engine": "transformers"}
    ready = preflight(load_run_config({**given, **settings}, environment={}))
    return ready.subject.think_tags(ready.plan)


def test_auto_reads_the_checkpoints_template(checkpoint: Path, tmp_path: Path) -> None:
    assert tags_of(checkpoint) is None  # it names none
    template = tmp_path / "t.jinja"
    template.write_text(THINKING + "{% endif %}")
    found = tags_of(checkpoint, chat_template=template)
    assert found == ThinkTags(open="<think>", close="</think>", source="template")
    template.write_text(THINKING + "<think>\n{% endif %}")
    found = tags_of(checkpoint, chat_template=template)
    assert found is not None
    assert found.opened  # its prompt ends inside of the thinking
    assert tags_of(checkpoint, chat_template=template, think_tags="none") is None
    other = tags_of(checkpoint, chat_template=template, think_tags="<t>,</t>")
    assert other == ThinkTags(open="<t>", close="</t>")


def test_tags_that_are_left_out_of_texts_are_refused(checkpoint: Path) -> None:
    """Decoding drops special tokens, so that thinking would run into the answer unmarked."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    tokenizer.add_special_tokens({"extra_special_tokens": ["<think>", "</think>"]})
    tokenizer.chat_template = THINKING + "{% endif %}"
    tokenizer.save_pretrained(checkpoint)
    with pytest.raises(UserError, match="think-tag </think> is a special token"):
        tags_of(checkpoint)
    assert tags_of(checkpoint, think_tags="none") is None


# From the server to the numbers

RUN = ["run", "--model", "fake", "--suite", "persona", "--limit", "2", "--samples", "3"]
RUN += ["--temperatures", "1.0", "--personas", "pirate,butler", "--set", "metrics=[text,lexical]"]
BOILERPLATE = "<think>\nOkay, the user wants an answer. Let me think about it.\n</think>\n\n"


def command(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["sfr-eval", *arguments])
    try:
        cli.main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def words(seed: int) -> str:
    return " ".join(f"w{seed // 7**i % 7}" for i in range(12))


def thinking_aloud(body: Mapping[str, Any], headers: Mapping[str, str]) -> Reply:
    return completion(BOILERPLATE + words(body["seed"]))


def terse(body: Mapping[str, Any], headers: Mapping[str, str]) -> Reply:
    return completion(words(body["seed"]))


def estimates(folder: Path) -> dict[tuple[str, str], float | None]:
    rows = json.loads((folder / "results.json").read_text())["estimates"]
    return {(row["metric"], row["persona"]): row["value"] for row in rows}


def test_a_thinking_model_is_measured_by_its_answers_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    judged: list[str] = []

    def judge(body: Mapping[str, Any], headers: Mapping[str, str]) -> Reply:
        judged.append(json.dumps(body["messages"]))
        return completion('{"score": 4}')

    with serving(terse) as server:
        assert command(monkeypatch, *RUN, "--base-url", server.url, "--output", "plain") == 0
    with serving(thinking_aloud) as server, serving(judge) as judging:
        thinking = [*RUN, "--base-url", server.url, "--output", "raw"]
        assert command(monkeypatch, *thinking) == 0
        assert "thinking is measured as part of the answer" in Path("raw/report.html").read_text()
        asked = [*RUN, "--base-url", server.url, "--output", "tagged", "--judge", judging.url]
        assert command(monkeypatch, *asked, "--think-tags", "<think>,</think>") == 0
    plain, raw, tagged = (estimates(Path(name)) for name in ("plain", "raw", "tagged"))
    assert {key: tagged[key] for key in plain} == plain
    assert raw["self_bleu_4", ""] > plain["self_bleu_4", ""] + 0.2  # what the tags are for
    assert len(judged) == 2 * 2 * 3 * 3
    assert not any("Okay, the user" in asked for asked in judged)
    assert Manifest.load(Path("tagged")).thinking == TAGS
    rows = RunFolder(Path("tagged")).sealed_samples()
    assert all(row.text.startswith(BOILERPLATE) for row in rows)  # the row keeps what was said
    (compared,) = open_runs(["tagged"])
    assert all(row.text == words(row.seed) for row in compared.samples)
    page = Path("tagged/report.html").read_text()
    assert "100% of the replies begin with thinking" in page
    assert "Okay, the user" not in page

    # The tags may be declared afterwards, for all metrics at once or for none.
    capfd.readouterr()
    again = ["score", "raw", "--metrics", "text,lexical"]
    tags = ["--think-tags", "<think>,</think>"]
    assert command(monkeypatch, *again, *tags) == 2
    assert "leave out --metrics" in capfd.readouterr().err
    assert estimates(Path("raw")) == raw
    Path("raw/results.json").unlink()
    assert command(monkeypatch, *again, *tags) == 0
    assert estimates(Path("raw")) == plain
    assert command(monkeypatch, *again) == 0  # remembered
    assert estimates(Path("raw")) == plain
    capfd.readouterr()
    assert command(monkeypatch, "score", "tagged", "--think-tags", "none") == 2
    assert "were judged under another setting" in capfd.readouterr().err


def test_endless_thinking_is_truncated_with_an_empty_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    def answer(body: Mapping[str, Any], headers: Mapping[str, str]) -> Reply:
        if body["seed"] % 2:
            return completion("<think>Okay, the user wants", finish="length")
        return thinking_aloud(body, headers)

    with serving(answer) as server:
        arguments = [*RUN, "--base-url", server.url, "--think-tags", "<think>,</think>"]
        assert command(monkeypatch, *arguments, "--output", "out") == 0
    stored = RunFolder(Path("out")).sealed_samples()
    endless = sum(row.text.startswith("<think>Okay, the user wants") for row in stored)
    assert 0 < endless < len(stored)
    (counts,) = json.loads(Path("out/results.json").read_text())["counts"]
    assert (counts["truncated"], counts["empty"]) == (endless, endless)
    assert counts["ok"] == len(stored) - endless
    page = Path("out/report.html").read_text()
    assert "never end their thinking" in page
    assert "Okay, the user" not in page


def test_text_made_elsewhere_may_have_tags_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    from sfr_eval.suites.suite import load_suite

    queries = list(load_suite("persona").queries)[:2]

    def write(name: str, before: str) -> str:
        rows = [
            {"query": query, "persona": "pirate", "text": before + words(seed * 977)}
            for query in queries
            for seed in range(1, 4)
        ]
        Path(name).write_text("".join(json.dumps(row) + "\n" for row in rows))
        return name

    verb = ["--suite", "persona", "--output"]
    plain, thinking = write("plain.jsonl", ""), write("thinking.jsonl", BOILERPLATE)
    families: Sequence[str] = ["--metrics", "text,lexical"]
    assert command(monkeypatch, "score", plain, *verb, "plain", *families) == 0
    tags = ["--think-tags", "<think>,</think>"]
    for _ in range(2):  # the same command again finds its own folder
        assert command(monkeypatch, "score", thinking, *verb, "out", *families, *tags) == 0
        assert estimates(Path("out")) == estimates(Path("plain"))


def test_a_program_in_the_thinking_is_not_graded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sfr_eval.metrics.context import Context
    from sfr_eval.pipeline.measure import measure
    from sfr_eval.settings import CodeSettings, ScoreSettings
    from sfr_eval.suites.suite import load_suite

    suite = load_suite("mbpp", code=CodeSettings(data="small"))
    query = next(iter(suite.queries))
    fence = "```python\ndef f():\n    return {}\n```\n"
    text = f"<think>{fence.format(1)}</think>{fence.format(2)}"
    endless = f"<think>\n{fence.format(3)}"
    rows = [
        replace(sample(each, id=str(number)), suite=suite.id, query=query, persona="", index=number)
        for number, each in enumerate((text, endless))
    ]
    programs: list[list[str]] = []

    def compute(context: Context) -> list[Any]:
        assert context.grading is not None
        programs.append([context.grading.program(row) for row in context.samples])
        return []

    monkeypatch.setattr("sfr_eval.metrics.code.compute", compute)
    for thinking in (None, TAGS):
        with RunFolder(tmp_path / "run") as folder:
            measure(
                rows,
                [suite],
                folder=folder,
                manifest=Manifest(thinking=thinking),
                settings=ScoreSettings(metrics=("code",)),
                cache=tmp_path,
            )
    untagged, tagged = programs
    assert "return 3" in untagged[1]
    assert tagged == ["def f():\n    return 2", ""]


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
