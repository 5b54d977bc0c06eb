"""pytest tests/endpoints/test_answer.py"""

import json
from typing import Any

import pytest

from sfr_eval.endpoints.answer import Answer
from tests.support.fake_server import Reply, completion, serving
from tests.support.fleets import KEY, ask, first_times, open_fleet

pytestmark = pytest.mark.usefixtures("short_pauses")


def test_an_answer_has_text_tokens_and_model_name() -> None:
    with (
        serving(lambda *_: completion("hi", model="fake-2026"), models=["fake"]) as server,
        open_fleet(server) as fleet,
    ):
        result = ask(fleet)
        facts = fleet.facts()
    assert result == Answer(
        outcome="answered",
        text="hi",
        finish_reason="stop",
        prompt_tokens=100,
        completion_tokens=5,
        served="fake-2026",
    )
    assert (facts["prompt_tokens"], facts["completion_tokens"]) == (100, 5)
    assert facts["served"] == ["fake-2026"]
    assert server.headers[0]["authorization"] == f"Bearer {KEY}"


def parts(*content: object) -> Reply:
    reply = completion("")
    reply.body["choices"][0]["message"]["content"] = list(content)
    return reply


@pytest.mark.parametrize(
    ("content", "text", "outcome"),
    [
        (
            [{"type": "text", "text": "one "}, {"type": "text", "text": "two"}],
            "one two",
            "answered",
        ),
        ([{"type": "thinking", "thinking": []}, {"type": "text", "text": "x"}], "x", "answered"),
        ([{"type": "output_text", "text": "x"}, "y"], "xy", "answered"),
        ([{"type": "thinking", "thinking": []}], "", "no_content"),
        ([], "", "no_content"),
        ([{"type": "text", "text": None}], "", "no_content"),
        ([{"type": "image_url", "image_url": {}}, {"text": "x"}], "x", "answered"),
    ],
)
def test_the_text_parts_of_a_reply_are_joined(
    content: list[object], text: str, outcome: str
) -> None:
    with serving(lambda *_: parts(*content)) as server, open_fleet(server) as fleet:
        result = ask(fleet)
    assert (result.text, result.outcome) == (text, outcome)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"error": {"message": "Provider returned error", "code": 502}}, "Provider returned error"),
        ({"error": {"message": "slow down", "code": 429}, "choices": None}, "429"),
        ({"error": "overloaded", "type": "overloaded_error"}, "overloaded"),
        ({"object": "error", "message": "try later", "code": 503}, "try later"),
        ({"error": {"message": "x", "type": "rate_limit_exceeded"}}, "429"),
        ({"choices": [{"error": {"code": 500, "message": "upstream died"}}]}, "upstream died"),
        (
            {"base_resp": {"status_code": 1002, "status_msg": "rate limit"}, "code": 429},
            "rate limit",
        ),
    ],
)
def test_an_error_inside_http_200_is_sent_again_and_quoted(body: dict[str, Any], says: str) -> None:
    with serving(first_times(2, Reply(body=body))) as server, open_fleet(server) as fleet:
        assert ask(fleet).text == "re hello"
        assert server.count == 3
    with serving(lambda *_: Reply(body=body)) as server, open_fleet(server) as fleet:
        result = ask(fleet)
    assert result.outcome == "failed"
    assert says in result.error


def test_an_error_inside_http_200_that_lasts_is_not_sent_again() -> None:
    body = {"error": {"message": "prompt too long", "code": 400}}
    with serving(lambda *_: Reply(body=body)) as server, open_fleet(server) as fleet:
        assert "error 400 in HTTP 200: prompt too long" in ask(fleet).error
        assert server.count == 1


def test_half_a_surrogate_pair_becomes_a_storable_character() -> None:
    body = json.dumps(completion("a\ud83d b").body).encode()
    with serving(lambda *_: Reply(body=body)) as server, open_fleet(server) as fleet:
        ask(fleet).text.encode()


def test_the_key_is_removed_from_what_the_server_repeats() -> None:
    echo = completion(f"your key is {KEY}", model=KEY)
    with serving(lambda *_: echo) as server, open_fleet(server) as fleet:
        result = ask(fleet)
        assert KEY not in repr(result) + repr(fleet.facts())
    assert "[key]" in result.text
