"""pytest tests/security/test_secrets.py: keys are in no file, no line and no error."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from sfr_eval.endpoints import fleet as fleet_module
from sfr_eval.util.untrusted import clean, clean_json, without_secrets
from tests.support.command_line import exit_code
from tests.support.fake_server import Reply, completion, refusal_of, serving

KEYS = {
    "OPENAI_API_KEY": "sk-canary-subject-000000",
    "SFR_EVAL_JUDGE_API_KEY": "sk-canary-judge-111111",
    "HF_TOKEN": "hf_canarytoken222222",
    "AWS_SECRET_ACCESS_KEY": "canary-of-somebody-else-333333",
}
RUN = ["run", "--model", "fake", "--suite", "persona", "--limit", "1", "--samples", "2"]
RUN += ["--temperatures", "1.0", "--personas", "pirate", "--set", "metrics=[text]"]
RUN += ["--output", "out"]


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, key in KEYS.items():
        monkeypatch.setenv(name, key)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(fleet_module, "_FIRST_PAUSE", 0.005)


def found_in(folder: Path) -> list[str]:
    """Files with a key in them."""
    return [
        str(file)
        for file in folder.rglob("*")
        if file.is_file() and any(key.encode() in file.read_bytes() for key in KEYS.values())
    ]


def chatty(body: Mapping[str, Any], headers: Mapping[str, str]) -> Reply:
    """A server that repeats all that it was sent."""
    assert "canary-subject" in headers["authorization"]
    return completion(f"you sent {headers['authorization']}", model=headers["authorization"])


def scolding(body: Mapping[str, Any], headers: Mapping[str, str]) -> Reply:
    return refusal_of(f"bad header {headers['authorization']}")


@pytest.mark.parametrize("answer", [chatty, scolding], ids=["repeats", "refuses"])
def test_no_key_is_written_or_shown(
    answer: Any, keys: None, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def judge(body: Mapping[str, Any], headers: Mapping[str, str]) -> Reply:
        assert "canary-subject" not in headers["authorization"]  # each server its own key
        return completion(f"not JSON {headers['authorization']}")

    with serving(answer) as server, serving(judge) as judging:
        arguments = [*RUN, "--base-url", server.url, "--judge", judging.url]
        code = exit_code(monkeypatch, *arguments)
        assert code == 3  # no answer of the judge can be read
        assert server.count
        assert judging.count == (6 if answer is chatty else 0)
    out, err = capfd.readouterr()
    assert "canary" not in out + err
    assert (Path("out") / "manifest.json").is_file()
    assert found_in(Path("out")) == []


def test_a_traceback_shows_no_key(
    keys: None, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fails(*_: object, **__: object) -> None:
        try:
            raise ValueError(f"headers: {{'Authorization': 'Bearer {KEYS['HF_TOKEN']}'}}")
        except ValueError as error:
            raise LookupError(f"\x1b[2J key {KEYS['OPENAI_API_KEY']}") from error

    monkeypatch.setattr("sfr_eval.pipeline.run.preflight", fails)
    assert exit_code(monkeypatch, *RUN, "--debug") == 3
    err = capfd.readouterr().err
    assert "Traceback" in err
    assert "in fails" in err
    assert "canary" not in err
    assert "\x1b" not in err


def test_a_run_without_any_reply_does_not_succeed(
    keys: None, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def answer(body: Mapping[str, Any], headers: Mapping[str, str]) -> Reply:
        return refusal_of("seed is not supported", param="seed")

    with serving(answer) as server:
        assert exit_code(monkeypatch, *RUN, "--base-url", server.url) != 0


def test_a_password_in_an_address_is_refused_and_not_repeated(
    keys: None, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for option in ("--base-url", "--judge"):
        base = [] if option == "--base-url" else ["--base-url", "http://127.0.0.1:1/v1"]
        assert exit_code(monkeypatch, *RUN, *base, option, "http://me:hunter2x@host/v1") == 2
        out, err = capfd.readouterr()
        assert "hunter2x" not in out + err
    monkeypatch.setenv("OPENAI_BASE_URL", "http://me:hunter2x@host/v1")
    assert exit_code(monkeypatch, *RUN, "--engine", "openai") == 2
    assert "hunter2x" not in "".join(capfd.readouterr())
    assert not Path("out").exists()


def test_an_unexpected_error_shows_no_key(
    keys: None, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise LookupError(
            f"Authorization: Bearer {KEYS['HF_TOKEN']} {os.environ['OPENAI_API_KEY']}"
        )

    monkeypatch.setattr("sfr_eval.pipeline.run.preflight", fails)
    assert exit_code(monkeypatch, *RUN) == 3
    err = capfd.readouterr().err
    assert "LookupError" in err
    assert "canary" not in err


@pytest.mark.parametrize(
    "text",
    [
        "GET https://user:pass-word@host/v1",
        "{'Authorization': 'Bearer pass-word'}",
        "authorization: Basic pass-word",
        "proxy http://pass-word@10.0.0.1:3128 refused",
    ],
)
def test_passwords_of_any_kind_are_hidden(text: str) -> None:
    for shown in (without_secrets(text), clean(text), clean_json(text)):
        assert "pass-word" not in shown
        assert "[secret]" in shown


@pytest.mark.parametrize(
    "text",
    ["basic understanding of bearer certificates", "mail me@example.com", "https://a.example/@me"],
)
def test_ordinary_text_is_no_secret(text: str) -> None:
    assert without_secrets(text) == text


def test_a_short_key_does_not_blank_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "EMPTY")
    assert without_secrets("an EMPTY reply") == "an EMPTY reply"
