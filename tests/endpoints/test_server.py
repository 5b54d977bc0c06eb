"""pytest tests/endpoints/test_server.py"""

import threading
import time
from collections.abc import Mapping
from typing import Any

import pytest

from tests.support.fake_server import Reply, completion, refusal_of, serving
from tests.support.fleets import ask, ask_all, open_fleet

pytestmark = pytest.mark.usefixtures("short_pauses")


@pytest.mark.parametrize("bits", [32, 31])
def test_seeds_are_cut_to_what_a_server_takes(bits: int) -> None:
    def answer(body: dict[str, Any], headers: Mapping[str, str]) -> Reply:
        if body["seed"] >= 2**bits:
            return refusal_of("seed: Value out of range for TYPE_INT32")
        return completion(str(body["seed"]))

    seed = 2**62 + 2**31 + 7
    with serving(answer) as server, open_fleet(server) as fleet:
        texts = {ask(fleet, seed=seed + n).text for n in range(4)}
        assert texts == {str((seed + n) % 2**bits) for n in range(4)}
        assert server.count == 4 + (1 if bits == 32 else 2)
        assert fleet.facts()["seed_bits"] == [bits]
    with serving(answer) as server, open_fleet(server, seed_bits=31) as fleet:
        assert ask(fleet, seed=seed).text == str(seed % 2**31)


def test_a_server_without_seeds_is_asked_without_only_on_request() -> None:
    def answer(body: dict[str, Any], headers: Mapping[str, str]) -> Reply:
        return refusal_of("unknown field: seed") if "seed" in body else completion("x")

    with serving(answer) as server:
        with open_fleet(server) as fleet:
            result = ask(fleet, seed=2**62)
            assert result.outcome == "unsupported"
            assert "--seed-bits 0" in result.error
        with open_fleet(server, seed_bits=0) as fleet:
            assert ask(fleet, seed=2**62).text == "x"


def test_retry_after_holds_all_requests_back() -> None:
    stamps: list[float] = []
    limited = threading.Event()

    def answer(body: dict[str, Any], headers: Mapping[str, str]) -> Reply:
        stamps.append(time.monotonic())
        if not limited.is_set():
            limited.set()
            return Reply(status=429, body={}, headers={"Retry-After": "0.4"})
        return completion("x")

    with serving(answer) as server, open_fleet(server, concurrency=1) as fleet:
        answers = ask_all(fleet, 5)
    assert all(result.outcome == "answered" for _, result in answers)
    assert stamps[1] - stamps[0] >= 0.4
    assert len(stamps) == 6


def test_a_used_up_allowance_is_waited_for_before_a_refusal() -> None:
    headers = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "300ms"}
    stamps: list[float] = []

    def answer(body: dict[str, Any], _: Mapping[str, str]) -> Reply:
        stamps.append(time.monotonic())
        return Reply(body=completion("x").body, headers=headers if len(stamps) == 1 else {})

    with serving(answer) as server, open_fleet(server, concurrency=1) as fleet:
        ask_all(fleet, 2)
    assert stamps[1] - stamps[0] >= 0.3


def test_a_wait_that_exceeds_the_patience_is_an_error() -> None:
    late = Reply(status=429, body={}, headers={"Retry-After": "3600"})
    with serving(lambda *_: late) as server, open_fleet(server, patience_seconds=5) as fleet:
        result = ask(fleet)
        assert (result.outcome, server.count) == ("failed", 1)
    assert "asked to wait too long" in result.error


def test_an_unknown_field_whose_value_means_off_is_left_out() -> None:
    def answer(body: dict[str, Any], headers: Mapping[str, str]) -> Reply:
        for name in ("top_k", "min_p"):
            if name in body:
                return refusal_of(f"Unrecognized request argument supplied: {name}")
        return completion("x")

    with serving(answer) as server, open_fleet(server) as fleet:
        body = {"top_k": 0, "min_p": 0.0, "optional": {"top_k", "min_p"}}
        assert ask(fleet, **body).outcome == "answered"
        assert ask(fleet, **body).outcome == "answered"
        assert server.count == 4  # learned once
        assert fleet.facts()["not_sent"] == ["min_p", "top_k"]


def test_a_field_that_matters_is_never_left_out() -> None:
    def answer(body: dict[str, Any], headers: Mapping[str, str]) -> Reply:
        if body.get("temperature") != 1:
            return refusal_of("Only the default (1) value is supported.", param="temperature")
        return completion("x")

    with serving(answer) as server, open_fleet(server) as fleet:
        for _ in range(3):
            result = ask(fleet, temperature=0.2)
            assert result.outcome == "unsupported"
            assert "does not take temperature" in result.error
        assert server.count == 1  # the same refusal is not provoked again
        assert ask(fleet, temperature=1).outcome == "answered"


def test_the_limit_is_sent_under_the_name_that_the_server_wants() -> None:
    def answer(body: dict[str, Any], headers: Mapping[str, str]) -> Reply:
        if "max_tokens" in body:
            return refusal_of(
                "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.",
                param="max_tokens",
            )
        return completion(str(body["max_completion_tokens"]))

    with serving(answer) as server, open_fleet(server) as fleet:
        assert ask(fleet).text == "10"
        assert ask(fleet).text == "10"
        assert server.count == 3
