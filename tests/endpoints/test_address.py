"""pytest tests/endpoints/test_address.py"""

import socket

import pytest

from sfr_eval.endpoints.address import (
    NO_KEY,
    checked_url,
    judge_address,
    judge_key,
    reach,
    subject_address,
)
from sfr_eval.errors import UserError
from tests.support.fake_server import FakeServer, Reply, completion, serving


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "SFR_EVAL_JUDGE_API_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    "text", ["localhost:8000", "ftp://host/v1", "http://", "http://host:99999999/v1", "http://[x/"]
)
def test_anything_but_a_url_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="not a URL; write http://host:port/v1"):
        checked_url(text, where="--base-url")


@pytest.mark.parametrize(
    "text", ["https://me:hunter22@host/v1", "https://hunter22@host/v1", "http://h/v1?key=hunter22"]
)
def test_a_password_in_an_address_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(UserError, match="give the key in the environment") as caught:
        checked_url(text, where="--base-url")
    assert "hunter22" not in str(caught.value)


def test_the_judge_has_its_own_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://subject:1/v1")
    assert judge_address("big").urls == ("http://subject:1/v1",)
    monkeypatch.setenv("SFR_EVAL_JUDGE_BASE_URL", "http://judge:2/v1/")
    assert judge_address("big").urls == ("http://judge:2/v1",)
    address = judge_address("http://third:3/v1#other")
    assert (address.urls, address.model) == (("http://third:3/v1",), "other")
    assert subject_address("m", None).urls == ("http://subject:1/v1",)
    assert subject_address("m", ("http://a/v1", "http://b/v1/", "http://a/v1")).urls == (
        "http://a/v1",
        "http://b/v1",
    )


def test_the_subjects_key_goes_to_the_subjects_server_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-subject")
    assert judge_key(judge_address("gpt")) == "sk-subject"  # both at OpenAI
    assert judge_key(judge_address("http://elsewhere/v1")) == NO_KEY
    monkeypatch.setenv("SFR_EVAL_JUDGE_API_KEY", "sk-judge")
    assert judge_key(judge_address("http://elsewhere/v1")) == "sk-judge"


def test_the_only_model_of_a_server_is_taken() -> None:
    with serving(lambda *_: completion("x"), models=["only"]) as one:
        assert reach(judge_address(one.url), key="k") == "only"


def test_one_of_several_models_has_to_be_chosen() -> None:
    with serving(lambda *_: completion("x"), models=["a", "b"]) as two:
        with pytest.raises(UserError, match=r"serves a, b; write http://.*#MODEL"):
            reach(judge_address(two.url), key="k")
        assert reach(judge_address(f"{two.url}#b"), key="k") == "b"
        with pytest.raises(UserError, match="does not serve `c`; known: a, b"):
            reach(judge_address(f"{two.url}#c"), key="k")


def test_a_server_that_is_not_there_is_one_line() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    with pytest.raises(UserError, match="no server answers there") as caught:
        reach(judge_address(url), key="k")
    assert url in str(caught.value)


@pytest.mark.parametrize(
    ("status", "text"),
    [(401, "refuses the key"), (403, "refuses the key"), (404, "with /v1"), (500, "HTTP 500")],
)
def test_a_server_that_lists_no_models_is_one_line(
    status: int, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(
        self: FakeServer, line: str, headers: object, raw: object, writer: object
    ) -> bool:
        writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n".encode())  # type: ignore[attr-defined]
        return True

    monkeypatch.setattr(FakeServer, "_respond", refuse)
    with serving(lambda *_: Reply()) as closed, pytest.raises(UserError, match=text) as caught:
        reach(judge_address(closed.url), key="sk-very-secret")
    assert "sk-very-secret" not in str(caught.value)


def test_a_named_model_needs_no_list(monkeypatch: pytest.MonkeyPatch) -> None:
    async def none(
        self: FakeServer, line: str, headers: object, raw: object, writer: object
    ) -> bool:
        writer.write(b"HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n")  # type: ignore[attr-defined]
        return True

    monkeypatch.setattr(FakeServer, "_respond", none)
    with serving(lambda *_: Reply()) as bare:
        assert reach(judge_address(f"{bare.url}#mine"), key="k") == "mine"
