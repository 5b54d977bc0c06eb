"""pytest tests/endpoints/test_refusals.py"""

import pytest

from sfr_eval.endpoints.refusals import message_of, refused_fields, wants_new_limit

SENT = {"temperature": 1, "top_k": 0, "seed": 1, "stop": ["a"], "max_tokens": 5, "top_p": 1}


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"message": "Unsupported value", "param": "temperature"}, ["temperature"]),
        ({"error": {"message": "bad", "param": "top_k"}}, ["top_k"]),
        ({"message": "Unrecognized request argument supplied: top_k", "param": None}, ["top_k"]),
        ({"detail": [{"loc": ["body", "top_k"], "msg": "Extra inputs"}]}, ["top_k"]),
        ({"message": "stop it: too many requests in this message"}, []),  # an ordinary word
        ({"message": "stop too long", "param": "stop"}, ["stop"]),
        ({"message": "min_p must be 0"}, []),  # was not sent
        ({"message": "top_pk is unknown"}, []),  # another word
        ("temperature must be 1", ["temperature"]),
        (None, []),
    ],
)
def test_which_field_a_server_refuses(body: object, fields: list[str]) -> None:
    assert refused_fields(body, SENT) == fields


def test_the_newer_name_of_the_limit_is_understood() -> None:
    message = "'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
    body = {"message": message, "param": "max_tokens"}
    assert wants_new_limit(body, refused_fields(body, SENT))
    too_large = {"message": "max_tokens is too large: 5000", "param": "max_tokens"}
    assert not wants_new_limit(too_large, refused_fields(too_large, SENT))


def test_the_servers_own_sentence_is_one_line() -> None:
    assert message_of({"error": {"message": "a\n b"}}, "x") == "a b"
    assert message_of({"detail": "no"}, "x") == "no"
    assert message_of(None, "fallback") == "fallback"
    assert len(message_of("y" * 5000, "x")) == 4000
