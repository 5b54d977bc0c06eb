"""What servers do that no server should, and how a request to each has to end."""

import gzip
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.support.fake_server import Reply, completion

BOMB = b" " * (24 * 2**20)


def answer(**fields: Any) -> dict[str, Any]:
    """The body of a completion with other top-level fields."""
    body: dict[str, Any] = {**completion("fine").body, **fields}
    return body


def choice(**fields: Any) -> dict[str, Any]:
    """The body of a completion whose only choice has other fields."""
    body = completion("fine").body
    body["choices"][0].update(fields)
    return body


def message(**fields: Any) -> dict[str, Any]:
    """The body of a completion whose message has other fields."""
    return choice(message={"role": "assistant", **fields})


def packed(body: Any, *encodings: str, header: str | None = None) -> Reply:
    """A response packed in these layers, which `header` may describe otherwise."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    for encoding in encodings:
        content = gzip.compress(content) if encoding == "gzip" else zlib.compress(content)
    return Reply(body=content, headers={"Content-Encoding": header or ", ".join(encodings)})


def error(status: int, body: Any, **headers: str) -> Reply:
    return Reply(
        status=status, body=body, headers={k.replace("_", "-"): v for k, v in headers.items()}
    )


@dataclass(frozen=True)
class Behaviour:
    """What goes out each time, and how a request ends."""

    reply: Reply
    outcome: str
    says: str = ""  # in the error, or in the text of an answer


FINE = completion("fine").body
USED_UP = {"x-ratelimit-remaining-requests": "0"}


def allowance(reset: str) -> Reply:
    """A good answer with an allowance that is used up."""
    return Reply(body=FINE, headers={**USED_UP, "x-ratelimit-reset-requests": reset})


def usage(prompt: Any, written: Any) -> dict[str, Any]:
    return answer(usage={"prompt_tokens": prompt, "completion_tokens": written})


BEHAVIOURS: Mapping[str, Behaviour] = {
    # Packing.
    "one layer of gzip": Behaviour(packed(FINE, "gzip"), "answered", "fine"),
    "one layer of deflate": Behaviour(packed(FINE, "deflate"), "answered", "fine"),
    "two layers of gzip": Behaviour(packed(FINE, "gzip", "gzip"), "failed", "packed as"),
    "three layers of gzip": Behaviour(
        packed(BOMB, "gzip", "gzip", "gzip"), "failed", "packed as `gzip, gzip, gzip`"
    ),
    "a bomb of gzip": Behaviour(packed(BOMB, "gzip"), "failed", "longer than any model's"),
    "a bomb of deflate": Behaviour(packed(BOMB, "deflate"), "failed", "longer than any model's"),
    "zstd": Behaviour(packed(BOMB, "gzip", header="zstd"), "failed", "packed as `zstd`"),
    "brotli": Behaviour(packed(b"x", header="br"), "failed", "packed as `br`"),
    "identity and gzip": Behaviour(
        packed(FINE, "gzip", header="identity, gzip"), "failed", "packed as"
    ),
    "gzip that is none": Behaviour(packed(FINE, header="gzip"), "failed", "cannot be unpacked"),
    "packed error": Behaviour(
        Reply(status=500, body=gzip.compress(BOMB), headers={"Content-Encoding": "gzip"}),
        "failed",
        "longer than any model's",
    ),
    "charset that unpacks": Behaviour(
        Reply(
            status=400,
            body=zlib.compress(BOMB),
            headers={"Content-Type": "application/json; charset=zip"},
        ),
        "failed",
        "HTTP 400",
    ),
    # Long, deep and torn.
    "20 MB": Behaviour(completion("x" * (20 * 2**20)), "failed", "longer than any model's"),
    "cut": Behaviour(Reply(body=FINE, fault="cut"), "failed", "connection failed"),
    "cut JSON": Behaviour(Reply(body=b'{"choices": [{"mess'), "failed", "incomplete"),
    "deep": Behaviour(Reply(body=b"[" * 2**20), "failed", "nested too deeply"),
    "deep content": Behaviour(
        Reply(body=json.dumps(FINE).replace('"fine"', "[" * 900 + "]" * 900).encode()), "failed"
    ),
    "deep error": Behaviour(
        Reply(status=400, body=b'{"error":{"code":' + b"[" * 900 + b"]" * 900 + b"}}"), "failed"
    ),
    "endless number": Behaviour(Reply(body=b'{"choices": ' + b"9" * 10_000 + b"}"), "failed"),
    "a page": Behaviour(Reply(body=b"<html>log in"), "failed", "not JSON but: <html>log in"),
    "binary": Behaviour(Reply(body=bytes(range(128, 256))), "failed"),
    "nothing": Behaviour(Reply(body=b""), "failed"),
    "null": Behaviour(Reply(body=b"null"), "failed"),
    "no choices": Behaviour(Reply(body={"choices": []}), "failed", "not a chat completion"),
    "choices by name": Behaviour(Reply(body={"choices": {"0": 1}}), "failed"),
    # Errors.
    "error in 200": Behaviour(
        Reply(body={"error": {"message": "out of cake", "code": 400}}), "failed", "out of cake"
    ),
    "no choices, busy": Behaviour(
        Reply(body={"choices": None, "error": {"message": "busy", "code": 502}}), "failed", "busy"
    ),
    "code of 5,000 digits": Behaviour(
        Reply(body={"error": {"message": "no", "code": "9" * 5_000}}), "failed", "no"
    ),
    "code in other digits": Behaviour(
        Reply(body={"error": {"message": "no", "code": "\u0664\u0662\u0669"}}), "failed", "no"
    ),
    "long error": Behaviour(error(400, {"error": {"message": "z" * 10**6}}), "failed", "zzz"),
    "error of half characters": Behaviour(
        error(400, {"error": {"message": "bad \ud800"}}), "failed", "bad ?"
    ),
    "temperature of half characters": Behaviour(
        error(400, {"error": {"message": "no \udfff", "param": "temperature"}}),
        "unsupported",
        "no ?",
    ),
    "withheld in half characters": Behaviour(
        error(400, {"error": {"message": "\ud800", "code": "content_filter"}}), "refused", "?"
    ),
    "status 304": Behaviour(error(304, b""), "failed", "HTTP 304"),
    "status 999": Behaviour(error(999, {}), "failed"),
    # Waiting.
    "allowance in 30 years": Behaviour(allowance("1e9"), "answered", "fine"),
    "allowance in a year": Behaviour(allowance("365d"), "answered", "fine"),
    "allowance never": Behaviour(allowance("inf"), "answered", "fine"),
    "allowance, quadratic": Behaviour(allowance("1" * 60_000), "answered", "fine"),
    "allowance below zero": Behaviour(allowance("-1e9"), "answered", "fine"),
    "500 for 30 years": Behaviour(error(500, {}, retry_after="1e9"), "failed", "wait too long"),
    "408 until 9999": Behaviour(
        error(408, {}, retry_after="Fri, 31 Dec 9999 23:59:59 GMT"), "failed", "wait too long"
    ),
    "409 in an hour": Behaviour(error(409, {}, retry_after="3600"), "failed", "wait too long"),
    "429 in ms": Behaviour(error(429, {}, retry_after_ms="1e15"), "failed", "wait too long"),
    "429 at once, always": Behaviour(error(429, {}, retry_after="0"), "failed", "wait too long"),
    "503 with an allowance": Behaviour(
        error(503, {}, **USED_UP, **{"x-ratelimit-reset-requests": "365d"}),
        "failed",
        "wait too long",
    ),
    # Fields.
    "tokens over 2**31": Behaviour(Reply(body=usage(2**31, 2**70)), "answered", "fine"),
    "tokens below zero": Behaviour(Reply(body=usage(-1, -(2**40))), "answered", "fine"),
    "tokens as text": Behaviour(Reply(body=usage("many", [1])), "answered", "fine"),
    "tokens as fractions": Behaviour(Reply(body=usage(1.5, 1e300)), "answered", "fine"),
    "usage as a list": Behaviour(Reply(body=answer(usage=[1, 2])), "answered", "fine"),
    "half a character": Behaviour(Reply(body=message(content="a \ud800 b")), "answered", "a ? b"),
    "finish of half characters": Behaviour(
        Reply(body=choice(finish_reason="\udc00")), "answered", "fine"
    ),
    "finish of a megabyte": Behaviour(
        Reply(body=choice(finish_reason="f" * 10**6)), "answered", "fine"
    ),
    "finish that is no text": Behaviour(Reply(body=choice(finish_reason={"a": 1})), "failed"),
    "model of half characters": Behaviour(Reply(body=answer(model="\ud83d" * 10)), "answered"),
    "model of a megabyte": Behaviour(Reply(body=answer(model="m" * 10**6)), "answered", "fine"),
    "model that is a list": Behaviour(Reply(body=answer(model=[[{}]])), "answered", "fine"),
    "refusal of half characters": Behaviour(
        Reply(body=message(content=None, refusal="no \ud800")), "refused", "no ?"
    ),
    "refusal that is a list": Behaviour(Reply(body=message(content=None, refusal=[1])), "refused"),
    "no content": Behaviour(completion(None), "no_content", "no content"),
    "only reasoning": Behaviour(
        Reply(body=message(content=None, reasoning_content="hm")), "no_content", "only reasoning"
    ),
    "parts": Behaviour(
        Reply(body=message(content=[{"type": "text", "text": "fi"}, {"text": "ne"}])),
        "answered",
        "fine",
    ),
    "parts of lists": Behaviour(Reply(body=message(content=[["list"]])), "failed"),
    "content that is a number": Behaviour(Reply(body=message(content=3)), "failed"),
    "cookies": Behaviour(
        Reply(body=FINE, headers={"Set-Cookie": f"a={'b' * 4000}; Path=/"}), "answered", "fine"
    ),
}
