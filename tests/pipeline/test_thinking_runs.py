"""pytest tests/pipeline/test_thinking_runs.py: thinking, from templates to numbers."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sfr_eval.comparison.runs import open_runs
from sfr_eval.config import load_run_config
from sfr_eval.errors import UserError
from sfr_eval.pipeline.preflight import preflight
from sfr_eval.store.manifest import Manifest
from sfr_eval.store.run_folder import RunFolder
from sfr_eval.thinking import ThinkTags
from tests.support.command_line import exit_code
from tests.support.fake_server import Reply, completion, serving
from tests.support.thinking import TAGS, sample

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
        assert exit_code(monkeypatch, *RUN, "--base-url", server.url, "--output", "plain") == 0
    with serving(thinking_aloud) as server, serving(judge) as judging:
        thinking = [*RUN, "--base-url", server.url, "--output", "raw"]
        assert exit_code(monkeypatch, *thinking) == 0
        assert "thinking is measured as part of the answer" in Path("raw/report.html").read_text()
        asked = [*RUN, "--base-url", server.url, "--output", "tagged", "--judge", judging.url]
        assert exit_code(monkeypatch, *asked, "--think-tags", "<think>,</think>") == 0
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
    assert exit_code(monkeypatch, *again, *tags) == 2
    assert "leave out --metrics" in capfd.readouterr().err
    assert estimates(Path("raw")) == raw
    Path("raw/results.json").unlink()
    assert exit_code(monkeypatch, *again, *tags) == 0
    assert estimates(Path("raw")) == plain
    assert exit_code(monkeypatch, *again) == 0  # remembered
    assert estimates(Path("raw")) == plain
    capfd.readouterr()
    assert exit_code(monkeypatch, "score", "tagged", "--think-tags", "none") == 2
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
        assert exit_code(monkeypatch, *arguments, "--output", "out") == 0
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
    assert exit_code(monkeypatch, "score", plain, *verb, "plain", *families) == 0
    tags = ["--think-tags", "<think>,</think>"]
    for _ in range(2):  # the same command again finds its own folder
        assert exit_code(monkeypatch, "score", thinking, *verb, "out", *families, *tags) == 0
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
