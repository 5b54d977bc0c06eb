"""pytest tests/samplers/test_openai.py"""

import json
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sfr_eval import cli
from sfr_eval.config import load_run_config
from sfr_eval.endpoints.address import subject_address
from sfr_eval.errors import UserError
from sfr_eval.pipeline.preflight import preflight
from sfr_eval.samplers.openai import OpenAISampler, request_body
from sfr_eval.types import Message, Prompt, Request, Sample, Sampling
from tests.support.fake_server import Answerer, FakeServer, Reply, completion, refusal_of, serving

PROMPT = Prompt(
    suite="persona",
    query="q1",
    persona="pirate",
    messages=(Message("system", "Be a pirate."), Message("user", "Hello?")),
)


def requests(count: int, **sampling: Any) -> list[Request]:
    fields = Sampling(**{"temperature": 0.7, "max_tokens": 9, **sampling})
    return [
        Request(sample_id=f"id{i}", prompt=PROMPT, sampling=fields, index=i, seed=2**62 + i)
        for i in range(count)
    ]


@contextmanager
def sampler_at(answer: Answerer, **settings: Any) -> Iterator[tuple[OpenAISampler, FakeServer]]:
    with serving(answer) as server:
        address = subject_address("fake", (server.url,))
        with closing(OpenAISampler(address, key="EMPTY", **settings)) as sampler:
            yield sampler, server


def draw(answer: Answerer, asked: list[Request]) -> tuple[list[Sample], list[dict[str, Any]]]:
    with sampler_at(answer) as (sampler, server):
        return list(sampler.sample(asked)), server.bodies


def test_every_sampling_field_arrives() -> None:
    sampling = {
        "temperature": 0.3,
        "top_p": 0.9,
        "top_k": 7,
        "min_p": 0.1,
        "presence_penalty": 0.2,
        "frequency_penalty": 0.4,
        "repetition_penalty": 1.1,
        "max_tokens": 12,
        "stop": ("END",),
    }
    _, (body,) = draw(lambda *_: completion("x"), requests(1, **sampling))
    assert {name: body[name] for name in sampling} == {**sampling, "stop": ["END"]}
    assert (body["model"], body["seed"], body["n"]) == ("fake", 2**62, 1)
    assert [message["role"] for message in body["messages"]] == ["system", "user"]


def test_values_for_the_template_are_sent_as_they_are() -> None:
    given = {"enable_thinking": False, "level": "low"}
    with serving(lambda *_: completion("x")) as server:
        address = subject_address("fake", (server.url,))
        with closing(OpenAISampler(address, key="EMPTY", template_variables=given)) as sampler:
            list(sampler.sample(requests(1)))
        assert server.bodies[0]["chat_template_kwargs"] == given
        with closing(OpenAISampler(address, key="EMPTY")) as sampler:
            list(sampler.sample(requests(1)))
        assert "chat_template_kwargs" not in server.bodies[1]


def test_off_values_are_sent_too() -> None:
    _, (body,) = draw(lambda *_: completion("x"), requests(1))
    assert (body["top_p"], body["top_k"], body["min_p"], body["repetition_penalty"]) == (1, 0, 0, 1)
    assert "stop" not in body


def test_each_request_has_its_own_seed_and_exactly_one_row() -> None:
    def answer(body: dict[str, Any], headers: Mapping[str, str]) -> Reply:
        return completion(str(body["seed"]))

    rows, bodies = draw(answer, requests(40))
    assert sorted(row.sample_id for row in rows) == sorted(f"id{i}" for i in range(40))
    assert len({row.text for row in rows}) == 40
    assert all(row.text == str(row.seed) for row in rows)
    assert len({body["seed"] for body in bodies}) == 40


def parts(*content: dict[str, str]) -> Reply:
    """A completion whose content is a list of parts."""
    reply = completion("")
    reply.body["choices"][0]["message"]["content"] = list(content)
    return reply


@pytest.mark.parametrize(
    ("reply", "status", "text"),
    [
        (completion("fine"), "ok", "fine"),
        (completion("cu", finish="length"), "truncated", "cu"),
        (completion("bad", finish="content_filter"), "refused", ""),
        (completion(None, refusal="no"), "refused", ""),
        (completion("x", finish="tool_calls"), "error", ""),
        (completion("x", finish=None), "ok", "x"),
        (completion("x", finish="whim"), "ok", "x"),
        (completion("x", finish="whim", usage=(9, 9)), "truncated", "x"),  # as long as max_tokens
        (completion("x", finish="eos_token"), "ok", "x"),
        (completion("x", finish="MAX_TOKENS"), "truncated", "x"),
        (completion(None, finish="MAX_TOKENS"), "truncated", ""),
        (completion(None), "no_content", ""),
        (parts({"type": "text", "text": "a"}, {"type": "text", "text": "b"}), "ok", "ab"),
        (parts({"type": "refusal", "refusal": "no"}), "refused", ""),
        (Reply(body={"odd": 1}), "error", ""),
        (refusal_of("only 1 is supported", param="temperature"), "unsupported", ""),
    ],
)
def test_an_answer_becomes_a_row_of_its_status(reply: Reply, status: str, text: str) -> None:
    (row,), _ = draw(lambda *_: reply, requests(1))
    assert (row.status, row.text) == (status, text)
    assert bool(row.error) == (status in ("error", "no_content", "unsupported"))


def test_an_unknown_finish_reason_is_named_once(capfd: pytest.CaptureFixture[str]) -> None:
    rows, _ = draw(lambda *_: completion("x", finish="whim"), requests(5))
    assert [row.status for row in rows] == ["ok"] * 5
    assert capfd.readouterr().err.count("unknown finish_reason (`whim`)") == 1


def test_a_filter_that_is_on_is_never_dropped() -> None:
    def answer(body: dict[str, Any], headers: Mapping[str, str]) -> Reply:
        return refusal_of("unknown top_k") if "top_k" in body else completion("x")

    (off,), _ = draw(answer, requests(1))
    assert off.status == "ok"
    (on,), _ = draw(answer, requests(1, top_k=5))
    assert on.status == "unsupported"


def test_the_system_message_is_merged_only_when_asked() -> None:
    merged = request_body(requests(1)[0], merge=True)["messages"]
    assert merged == [{"role": "user", "content": "Be a pirate.\n\nHello?"}]
    alone = replace(requests(1)[0], prompt=replace(PROMPT, messages=PROMPT.messages[1:]))
    assert request_body(alone, merge=True)["messages"] == [{"role": "user", "content": "Hello?"}]


def test_describe_tells_servers_tokens_and_cost() -> None:
    from sfr_eval.endpoints.limits import Prices

    with sampler_at(lambda *_: completion("x"), prices=Prices(prompt=10_000, completion=0)) as (
        sampler,
        server,
    ):
        list(sampler.sample(requests(3)))
        facts = sampler.describe()
    assert facts["engine"] == "openai"
    assert facts["servers"] == [server.url]
    assert (facts["prompt_tokens"], facts["completion_tokens"]) == (300, 15)
    assert facts["cost"] == pytest.approx(3.0)


WORLD = ["--suite", "persona", "--samples", "2", "--limit", "2", "--personas", "pirate,butler"]
WORLD += ["--set", "metrics=[text]", "--output", "out"]


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["sfr-eval", "run", *arguments])
    try:
        cli.main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def test_a_run_on_two_servers_resumes_and_shows_unsupported_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    fail = True

    def answer(body: dict[str, Any], headers: Mapping[str, str]) -> Reply:
        if body["temperature"] == 0.2:
            return refusal_of("Only the default (1) value is supported", param="temperature")
        if fail and body["seed"] % 4 == 0:
            return Reply(body={"odd": 1})
        return completion(f"reply {body['seed']}")

    with serving(answer) as one, serving(answer) as two:
        arguments = ["--model", "fake", "--base-url", one.url, "--base-url", two.url, *WORLD]
        arguments += ["--temperatures", "0.2,1.0"]
        assert run(monkeypatch, *arguments) == 3
        assert one.count
        assert two.count
        manifest = json.loads(Path("out/manifest.json").read_text())
        assert manifest["sampler"]["servers"] == [one.url, two.url]
        assert manifest["determinism"] == "statistical"
        fail = False
        before = one.count + two.count
        capfd.readouterr()
        assert run(monkeypatch, *arguments) == 0
        drawn_again = one.count + two.count - before
    assert 0 < drawn_again < 8  # the failed ones, and none of the unsupported
    out = capfd.readouterr().out
    assert "8 requests are unsupported" in out
    results = json.loads(Path("out/results.json").read_text())
    cold = next(row for row in results["counts"] if row["temperature"] == 0.2)
    assert (cold["total"], cold["unsupported"], cold["error"]) == (8, 8, 0)
    length = {r["temperature"]: r["value"] for r in results["estimates"] if r["metric"] == "length"}
    assert length[0.2] is None
    assert "T = 0.2 is unsupported" in Path("out/report.html").read_text()


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        (completion(None), "8 replies have no text: no content"),
        (refusal_of("unknown field: seed"), "--seed-bits 0"),
        (completion(None, refusal="no"), "no reply has a text"),
        (Reply(status=401, body={"error": {"message": "bad key"}}), "(HTTP 401: bad key)"),
    ],
)
def test_a_run_without_any_reply_is_no_success(
    reply: Reply,
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    with serving(lambda *_: reply) as server:
        arguments = ["--model", "fake", "--base-url", server.url, *WORLD, "--temperatures", "1.0"]
        assert run(monkeypatch, *arguments, "--concurrency", "1") == 3
    captured = capfd.readouterr()
    assert says in captured.err


def test_replies_without_content_are_no_replies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    def answer(body: dict[str, Any], headers: Mapping[str, str]) -> Reply:
        return completion(None if body["seed"] % 2 else f"reply {body['seed']}")

    with serving(answer) as server:
        arguments = ["--model", "fake", "--base-url", server.url, *WORLD, "--temperatures", "1.0"]
        assert run(monkeypatch, *arguments) == 0
        count = server.count
        assert run(monkeypatch, *arguments) == 0
        assert server.count == count  # they are not drawn again
    assert "replies have no text: no content" in capfd.readouterr().out
    results = json.loads(Path("out/results.json").read_text())
    (counts,) = results["counts"]
    assert counts["no_content"] > 0
    assert counts["no_content"] + counts["ok"] == counts["total"] == 8
    assert counts["empty"] == 0
    assert "ended without any content" in Path("out/report.html").read_text()


def test_the_size_of_seeds_belongs_to_the_identity() -> None:
    def identity(**settings: Any) -> Mapping[str, Any]:
        fields = {"model": "m", "suite": ("persona",), "limit": 1, **settings}
        return preflight(load_run_config(fields, environment={})).plan.identity

    assert "seed_bits" not in identity(base_url=("http://a/v1",))
    assert identity(base_url=("http://a/v1",), seed_bits=31)["seed_bits"] == 31
    with pytest.raises(UserError, match="--seed-bits: belongs to servers"):
        identity(model="world", seed_bits=31)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--base-url", "http://127.0.0.1:1/v1"], "no server answers there"),
        (["--base-url", "host:8000"], "--base-url: not a URL"),
        (["--base-url", "http://h/v1", "--engine", "vllm"], "belongs to --engine openai"),
        (["--base-url", "http://h/v1", "--chat-template", "x.jinja"], "a server applies its own"),
        (["--base-url", "http://h/v1", "--max-cost", "1"], "--max-cost: needs --prices"),
        (["--base-url", "http://h/v1", "--prices", "1"], "--prices"),
        (["--base-url", "http://h/v1", "--sampling", "model"], "use --sampling neutral"),
        (
            ["--base-url", "http://h/v1", "--chat-template-kwargs", "on"],
            "is not a JSON object like",
        ),
        (["--base-url", "http://h/v1", "--chat-template-kwargs", "[1]"], "is not a JSON object"),
        (["--base-url", "http://h/v1", "--prompt-format", "completion"], "give the checkpoint its"),
        (["--base-url", "http://h/v1", "--template-date", "2026-05-05"], "the server's clock"),
        (["--base-url", "http://h/v1", "--template-date", "May"], "is not a day like 2026-01-01"),
    ],
)
def test_bad_input_is_one_line_and_leaves_no_folder(
    arguments: list[str],
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(monkeypatch, "--model", "fake", *arguments, *WORLD) == 2
    lines = [x for x in capfd.readouterr().err.splitlines() if not x.startswith("fake: ")]
    assert len(lines) == 1
    assert says in lines[0]
    assert list(tmp_path.iterdir()) == []


def test_another_model_or_first_server_is_another_plan() -> None:
    def digest(model: str, *urls: str, values: str | None = None) -> str:
        settings = {"model": model, "suite": ("persona",), "base_url": urls, "limit": 1}
        settings |= {"chat_template_kwargs": values}
        return preflight(load_run_config(settings, environment={})).plan.digest

    first = digest("m", "http://a/v1")
    assert digest("m", "http://a/v1", "http://b/v1") == first
    assert len({first, digest("n", "http://a/v1"), digest("m", "http://b/v1")}) == 3
    thinking = [digest("m", "http://a/v1", values=json) for json in ('{"a": 1}', '{"a": 2}')]
    assert len({first, *thinking}) == 3


def test_a_server_without_the_model_is_one_line() -> None:
    with (
        serving(lambda *_: completion("x"), models=["other"]) as server,
        pytest.raises(UserError, match="does not serve `fake`; known: other"),
    ):
        OpenAISampler(subject_address("fake", (server.url,)), key="EMPTY")


def test_each_reply_is_on_disk_while_the_next_is_awaited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    on_disk: list[int] = []

    def rows() -> int:
        return sum(file.read_bytes().count(b"\n") for file in tmp_path.rglob("samples/*.jsonl"))

    def answer(body: dict[str, Any], headers: Mapping[str, str]) -> Reply:
        asked = len(on_disk)
        for _ in range(100):  # the row is written while this request is on its way
            if rows() >= asked:
                break
            time.sleep(0.05)
        on_disk.append(rows())
        return completion("Arr.")

    with serving(answer) as server:
        address = ["--base-url", server.url, "--concurrency", "1"]
        assert run(monkeypatch, "--model", "fake", *address, *WORLD) == 0
    assert on_disk == list(range(len(on_disk)))
    assert len(on_disk) > 2
