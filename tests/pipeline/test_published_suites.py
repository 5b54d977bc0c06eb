"""pytest tests/pipeline/test_published_suites.py

Published suites end to end, against a server that answers by rule: what is sent, and what comes of
it."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import sfr_eval.api as se
from tests.pipeline.conftest import Command
from tests.suites.problems.test_evalplus import CHEATS, MBPP, RIGHT
from tests.support.fake_server import Reply, completion, serving

COLOURS = ("Red.", "Green.", "Blue.", "Deep violet.")
OFF = {"top_p": 1, "presence_penalty": 0, "frequency_penalty": 0, "min_p": 0}


def byte(body: Mapping[str, Any]) -> int:
    return hashlib.sha256(str(body["seed"]).encode()).digest()[0]


def test_noveltybench_is_asked_by_its_protocol_and_comes_back_scored(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: Command,
) -> None:
    monkeypatch.chdir(tmp_path)
    bodies = []

    def answer(body: Mapping[str, Any], _headers: Mapping[str, str]) -> Reply:
        bodies.append(body)
        return completion(COLOURS[byte(body) % 4])

    with serving(answer) as server:
        arguments = ["--model", "fake", "--base-url", server.url, "--output", "run", "--limit", "2"]
        assert command("run", "--suite", "noveltybench", *arguments, "--metrics", "text") == 0
    assert len(bodies) == 20
    assert set(Counter(body["messages"][0]["content"] for body in bodies).values()) == {10}
    assert len({body["seed"] for body in bodies}) == 20
    for body in bodies:
        assert [message["role"] for message in body["messages"]] == ["user"]
        assert body["temperature"] == 1
        assert body.get("max_tokens", body.get("max_completion_tokens")) == 512
        assert "stop" not in body or not body["stop"]
        assert {name: body.get(name, off) for name, off in OFF.items()} == OFF

    assert command("export", "run", "--format", "noveltybench", "--output", "out") == 0
    rows = [json.loads(line) for line in Path("out/generations.jsonl").read_text().splitlines()]
    assert [row["id"] for row in rows] == ["curated-0", "curated-1"]
    for row in rows:  # the benchmark's own scripts, whose classifier says that colours differ
        row["partition"] = [COLOURS.index(text) for text in row["generations"]]
        opens = [row["partition"].index(own) == i for i, own in enumerate(row["partition"])]
        row["generation_scores"] = [7 * first for first in opens]
    Path("out/scores.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert command("score", "out/scores.jsonl", "--metrics", "novelty", "--output", "again") == 0
    values = se.load("again").scores("distinct_10")
    assert values.value.tolist() == [len(set(row["generations"])) for row in rows]
    assert se.load("again").scores("utility_10").value.between(1, 7).all()


def test_infinity_chat_is_asked_by_its_protocol(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: Command,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("queries.jsonl").write_text(json.dumps({"query": "Write a metaphor about time."}))
    bodies = []

    def answer(body: Mapping[str, Any], _headers: Mapping[str, str]) -> Reply:
        bodies.append(body)
        return completion(COLOURS[byte(body) % 4])

    arguments = ["--suite", "infinity-chat", "--data", "queries.jsonl", "--output", "run"]
    with serving(answer) as server:
        url = ["--model", "fake", "--base-url", server.url]
        assert command("run", *url, *arguments, "--metrics", "text,hivemind") == 0
    assert len(bodies) == len({body["seed"] for body in bodies}) == 50
    assert {(body["temperature"], body["top_p"]) for body in bodies} == {(1.0, 0.9)}
    results = se.load("run").results
    share = results[results.metric == "reply_cosine_above_80"].iloc[0]
    cosine = results[results.metric == "reply_cosine"].iloc[0]
    assert share.value == float(cosine.value > 0.8)


def test_a_program_that_knows_the_shown_assert_fails_mbpp_plus(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: Command,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("rows.jsonl").write_text(
        "".join(json.dumps({**MBPP, "task_id": f"Mbpp/900{n}"}) + "\n" for n in (1, 2))
    )

    def answer(body: Mapping[str, Any], _headers: Mapping[str, str]) -> Reply:
        program = (RIGHT if byte(body) % 2 else CHEATS)["mbpp-plus"]
        return completion(f"Sure.\n```python\n{program}\n```")

    arguments = ["--suite", "mbpp-plus", "--data", "rows.jsonl", "--metrics", "code,text"]
    arguments += ["--samples", "6", "--temperatures", "0.8", "--unsafe-code", "--output", "run"]
    with serving(answer) as server:
        assert command("run", "--model", "fake", "--base-url", server.url, *arguments) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "mbpp-plus: all tests, 2 problems, the prompt shows one of the asserts" in printed
    assert "all tests, 2 problems" in Path("run/report.html").read_text(encoding="utf-8")
    run = se.load("run")
    right = run.samples.text.str.contains("sum").mean()
    assert 0 < right < 1
    passed = run.results[run.results.metric == "pass_at_1"].value.iloc[0]
    assert passed == pytest.approx(right)
