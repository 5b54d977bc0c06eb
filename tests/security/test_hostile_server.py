"""pytest tests/security/test_hostile_server.py: answers that no model has written."""

import gzip
import json
from contextlib import closing
from typing import Any

import pytest

from sfr_eval.endpoints import bounded
from sfr_eval.endpoints import fleet as fleet_module
from sfr_eval.endpoints.address import reach, subject_address
from sfr_eval.endpoints.answer import Answer
from sfr_eval.endpoints.fleet import Fleet
from sfr_eval.errors import UserError
from tests.support.fake_server import FakeServer, Reply, completion, serving

ASK = {"messages": [{"role": "user", "content": "x"}], "max_tokens": 5}


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleet_module, "_FIRST_PAUSE", 0.005)
    monkeypatch.setattr(fleet_module, "TRIES", 2)


def answer_of(reply: Reply) -> Answer:
    def answer(body: dict[str, Any], headers: Any) -> Reply:
        return reply

    with serving(answer) as server, closing(Fleet((server.url,), key="k", model="m")) as fleet:
        return fleet.run(fleet.ask(ASK))


def packed(reply: Reply) -> Reply:
    content = gzip.compress(json.dumps(reply.body).encode())
    return Reply(body=content, headers={"Content-Encoding": "gzip"})


def test_an_answer_that_is_a_bomb_is_a_failed_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bounded, "MAX_PACKED_BYTES", 2_000)
    bomb = gzip.compress(b" " * 4_000_000)
    assert 2_000 < len(bomb) < 5_000  # far below what a plain answer may have
    found = answer_of(Reply(body=bomb, headers={"Content-Encoding": "gzip"}))
    assert found.outcome == "failed"
    assert "longer than any model's" in found.error


def test_an_answer_without_end_is_a_failed_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded, "MAX_BYTES", 100_000)
    found = answer_of(completion("x" * 200_000))
    assert found.outcome == "failed"
    assert "longer than any model's" in found.error


def test_long_answers_and_packed_ones_are_whole() -> None:
    text = " ".join(f"word{i}" for i in range(20_000))
    for reply in (completion(text), packed(completion(text))):
        assert answer_of(reply).text == text


def test_a_list_of_models_without_end_is_no_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded, "MAX_BYTES", 10_000)
    server = FakeServer(lambda *_: completion("x"), models=["m" * 20_000])
    server.start()
    try:
        with pytest.raises(UserError, match="no server answers there"):
            reach(subject_address("fake", (server.url,)), key="EMPTY")
    finally:
        server.stop()


def test_the_names_that_a_server_lists_are_cut() -> None:
    with (
        serving(lambda *_: completion("x"), models=["m" * 5_000, "n"]) as server,
        pytest.raises(UserError) as error,
    ):
        reach(subject_address("fake", (server.url,)), key="EMPTY")
    assert len(str(error.value)) < 600


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 1_000_000,
        b'{"choices": ' + b"9" * 10_000 + b"}",
        b"\xff\xfe",
        json.dumps({"choices": [{"message": {"content": [["list"]]}}]}).encode(),
        json.dumps({"choices": [{"message": {"content": "x"}, "finish_reason": {}}]}).encode(),
        json.dumps({"choices": {"0": 1}}).encode(),
        b"null",
    ],
    ids=["deep", "long number", "no text", "list", "odd reason", "odd choices", "null"],
)
def test_whatever_comes_back_is_one_failed_request(body: bytes) -> None:
    found = answer_of(Reply(body=body))
    assert found.outcome == "failed"
    assert "\n" not in found.error
