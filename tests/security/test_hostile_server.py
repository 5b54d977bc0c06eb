"""pytest tests/security/test_hostile_server.py: answers that no model has written."""

import gzip
import json
import random
import threading
import time
import tracemalloc
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any

import pytest

from sfr_eval.endpoints import bounded
from sfr_eval.endpoints import fleet as fleet_module
from sfr_eval.endpoints.address import reach, subject_address
from sfr_eval.endpoints.answer import Answer
from sfr_eval.endpoints.fleet import Fleet, ServersLost
from sfr_eval.errors import UserError
from sfr_eval.samplers.openai import row
from sfr_eval.store.rows import to_table, unstorable
from sfr_eval.types import Message, Prompt, Request, Sampling
from tests.support.fake_server import FakeServer, Reply, completion, serving
from tests.support.hostile_server import BEHAVIOURS, FINE, Behaviour, allowance, answer

ASK = {
    "messages": [{"role": "user", "content": "x"}],
    "max_tokens": 5,
    "temperature": 1.0,
    "seed": 7,
}
REQUEST = Request(
    sample_id="a" * 32,
    prompt=Prompt(suite="s", query="q", persona="", messages=(Message("user", "x"),)),
    sampling=Sampling(temperature=1.0),
    index=0,
    seed=1,
)


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleet_module, "_FIRST_PAUSE", 0.005)
    monkeypatch.setattr(fleet_module, "TRIES", 2)


@contextmanager
def asking(reply: Reply, **settings: Any) -> Iterator[Fleet]:
    def respond(body: dict[str, Any], headers: Mapping[str, str]) -> Reply:
        return reply

    settings = {"key": "k", "model": "m", "patience_seconds": 0.2, **settings}
    with serving(respond) as server, closing(Fleet((server.url,), **settings)) as fleet:
        yield fleet


def answer_of(reply: Reply, **settings: Any) -> Answer:
    with asking(reply, **settings) as fleet:
        return fleet.run(fleet.ask(ASK))


def is_storable(result: Answer) -> bool:
    sample = row(REQUEST, result)
    return not unstorable(sample) and to_table([sample]).num_rows == 1 and len(result.error) <= 500


@pytest.mark.parametrize("behaviour", BEHAVIOURS.values(), ids=BEHAVIOURS)
def test_each_behaviour_ends_as_it_should(behaviour: Behaviour) -> None:
    began = time.monotonic()
    result = answer_of(behaviour.reply)
    assert result.outcome == behaviour.outcome
    assert behaviour.says in (result.text if behaviour.outcome == "answered" else result.error)
    assert "\n" not in result.error
    assert is_storable(result)
    assert time.monotonic() - began < 20  # most take milliseconds; the machine may be busy


@pytest.mark.parametrize("fault", ["hang", "drip", "slow head"])
def test_what_never_ends_ends_at_the_time_limit(fault: str) -> None:
    result = answer_of(Reply(fault=fault), timeout_seconds=0.5)
    assert (result.outcome, result.error[:23]) == ("failed", "no answer within 0.5 s;")


def test_an_endless_answer_ends_at_its_limit() -> None:
    assert "longer than any model's" in answer_of(Reply(fault="endless")).error


@pytest.mark.parametrize("fault", ["drip", "slow head"])
def test_a_list_of_models_that_never_ends_is_none(
    fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sfr_eval.endpoints.address._CHECK_SECONDS", 0.2)
    with (
        serving(lambda *_: completion("x"), models=Reply(fault=fault)) as server,
        pytest.raises(UserError, match="no server answers there"),
    ):
        reach(subject_address("fake", (server.url,)), key="EMPTY")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_another_server_is_not_followed(status: int) -> None:
    with serving(lambda *_: completion("theirs")) as other:
        redirect = Reply(status=status, headers={"Location": f"{other.url}/chat/completions"})
        result = answer_of(redirect)
        assert (result.outcome, other.count) == ("failed", 0)
        assert f"redirects to {other.url}" in result.error


@pytest.mark.parametrize(
    ("location", "outcome"),
    [
        ("/v1/elsewhere", "answered"),
        ("//example.org/v1", "failed"),
        ("https://127.0.0.1/v1", "failed"),
        ("http://[::1", "failed"),
        ("http://\u00df.example/", "failed"),
        ("file:///etc/passwd", "failed"),
        ("http://a@127.0.0.1:1/v1", "failed"),
        ("x" * 30_000, "answered"),
    ],
)
def test_a_redirect_stays_on_its_server(location: str, outcome: str) -> None:
    def respond(body: dict[str, Any], headers: Mapping[str, str]) -> Reply:
        return completion("x") if server.count % 2 == 0 else redirect

    redirect = Reply(status=307, headers={"Location": location})
    with (
        serving(respond) as server,
        closing(Fleet((server.url,), key="k", model="m")) as fleet,
    ):
        assert fleet.run(fleet.ask(ASK)).outcome == outcome
        assert all(body["messages"] == ASK["messages"] for body in server.bodies)


def test_a_redirect_that_drops_the_prompt_is_not_followed() -> None:
    result = answer_of(Reply(status=302, headers={"Location": "/v1/chat/completions"}))
    assert (result.outcome, "redirects to /v1" in result.error) == ("failed", True)


def test_a_server_that_only_redirects_ends_the_run_in_one_line() -> None:
    with (
        asking(Reply(status=307, headers={"Location": "http://example.org/v1"})) as fleet,
        pytest.raises(ServersLost, match=r"redirects to http://example\.org/v1") as error,
    ):
        list(fleet.map(lambda _: fleet.ask(ASK), range(100)))
    assert "\n" not in str(error.value)


def test_a_redirected_list_of_models_is_an_error() -> None:
    redirect = Reply(status=301, headers={"Location": "http://example.org/v1/models"})
    with (
        serving(lambda *_: completion("x"), models=redirect) as server,
        pytest.raises(UserError, match=r"redirects to http://example\.org"),
    ):
        reach(subject_address("fake", (server.url,)), key="EMPTY")


def test_no_packing_is_asked_for_and_no_cookie_returned() -> None:
    cookie = Reply(body=FINE, headers={"Set-Cookie": "a=b; Path=/"})
    with serving(lambda *_: cookie) as server:
        with closing(Fleet((server.url,), key="k", model="m")) as fleet:
            for _ in range(2):
                fleet.run(fleet.ask(ASK))
        assert {headers["accept-encoding"] for headers in server.headers} == {"identity"}
        assert not any("cookie" in headers for headers in server.headers)


def test_long_answers_at_once_take_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded, "MAX_BYTES", 3 * 2**20)
    monkeypatch.setattr(bounded, "LONG_BYTES", 2**18)
    bomb = gzip.compress(b" " * 4 * 2**20)
    reply = Reply(body=bomb, headers={"Content-Encoding": "gzip"})
    with asking(reply, concurrency=32) as fleet:
        tracemalloc.start()
        results = list(fleet.map(lambda _: fleet.ask(ASK), range(32)))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert {result.outcome for result in results} == {"failed"}
    assert peak < 40e6  # 32 of them would be 100


def test_a_pause_is_said_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(fleet_module, "_SPOKEN_PAUSE", 0.05)
    with asking(allowance("200ms"), concurrency=4) as fleet:
        results = list(fleet.map(lambda _: fleet.ask(ASK), range(12)))
    assert {result.outcome for result in results} == {"answered"}
    assert capsys.readouterr().err.count("asks for a pause") == 1


def test_an_allowance_beyond_all_patience_is_not_waited_for() -> None:
    with asking(allowance("365d")) as fleet:
        began = time.monotonic()
        results = list(fleet.map(lambda _: fleet.ask(ASK), range(50)))
    assert {result.outcome for result in results} == {"answered"}
    assert time.monotonic() - began < 30


def test_results_come_out_while_a_server_pauses() -> None:
    replies = [Reply(body=FINE), allowance("900ms")]
    lock = threading.Lock()

    def respond(body: dict[str, Any], headers: Mapping[str, str]) -> Reply:
        with lock:
            return replies.pop(0) if replies else Reply(body=FINE)

    with serving(respond) as server:
        fleet = Fleet((server.url,), key="k", model="m", concurrency=1)
        with closing(fleet):
            stamps = [time.monotonic() for _ in fleet.map(lambda _: fleet.ask(ASK), range(3))]
    assert stamps[2] - stamps[1] >= 0.8  # the first two were there before the pause


def test_long_answers_and_packed_ones_are_whole() -> None:
    text = " ".join(f"word{i}" for i in range(20_000))
    content = gzip.compress(json.dumps(completion(text).body).encode())
    packed = Reply(body=content, headers={"Content-Encoding": "gzip"})
    for reply in (completion(text), packed):
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


def test_a_model_named_in_half_characters_is_storable() -> None:
    with serving(lambda *_: completion("x"), models=["\ud800\x1b[2J"]) as server:
        assert reach(subject_address("", (server.url,)), key="EMPTY") == "?\x1b[2J"


def mutated(value: Any, rng: random.Random) -> Any:
    """The value with one place replaced by something odd."""
    odd = [None, True, -1, 2**70, 1e308, "", "\ud800", "x" * 5_000, [], {}, [[[]]], {"a": {"b": 1}}]
    if rng.random() < 0.1 or not isinstance(value, dict | list) or not value:
        return rng.choice(odd)
    copy = dict(value) if isinstance(value, dict) else list(value)
    key = rng.choice(list(copy) if isinstance(copy, dict) else range(len(copy)))
    if rng.random() < 0.1:
        del copy[key]
    else:
        copy[key] = mutated(copy[key], rng)
    return copy


def mutated_reply(rng: random.Random) -> Reply:
    """A response that is a little, or entirely, wrong."""
    error = {"error": {"message": "m", "type": "t", "param": "seed", "code": "c"}}
    body: Any = rng.choice([answer(), answer(error=error["error"]), error, {"detail": [error]}])
    for _ in range(rng.randint(0, 3)):
        body = mutated(body, rng)
    content = bytearray(json.dumps(body).encode())
    if rng.random() < 0.1:
        for _ in range(rng.randint(1, 5)):
            content[rng.randrange(len(content))] = rng.randrange(256)
    odd = ["", "0", "-1", "1e9", "nan", "x" * 200, "9" * 60, "gzip", "\u00ff", "text/html"]
    names = ["retry-after", "retry-after-ms", "x-ratelimit-remaining-requests", "content-encoding"]
    names += ["x-ratelimit-reset-requests", "content-type", "location", "x-should-retry"]
    headers = {name: rng.choice(odd) for name in rng.sample(names, rng.choice([0, 0, 1, 2]))}
    status = rng.choice([200, 200, 200, 400, 401, 403, 422, 429, 500, 503, 204, 302])
    return Reply(status=status, body=bytes(content), headers=headers)


def fuzz(count: int, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask a server `count` times that never says the same."""
    monkeypatch.setattr(fleet_module, "_FINAL_IN_A_ROW", 10**9)
    monkeypatch.setattr(fleet_module, "_LOST_IN_A_ROW", 10**9)
    monkeypatch.setattr(fleet_module, "_FIRST_PAUSE", 0.0001)
    rng = random.Random(seed)
    with serving(lambda *_: mutated_reply(rng), keep=False) as server:
        fleet = Fleet((server.url,), key="k", model="m", patience_seconds=0.01)
        with closing(fleet):
            results = list(fleet.map(lambda _: fleet.ask(ASK, optional=("top_p",)), range(count)))
    assert len(results) == count
    assert all(map(is_storable, results))
    assert {"answered", "failed", "unsupported"} <= {result.outcome for result in results}


def test_two_hundred_mutated_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    fuzz(200, 1, monkeypatch)


@pytest.mark.slow
def test_ten_thousand_mutated_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    fuzz(10_000, 2, monkeypatch)
