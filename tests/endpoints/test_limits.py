"""pytest tests/endpoints/test_limits.py"""

import asyncio
import time
from email.utils import formatdate

import pytest

from sfr_eval.endpoints.limits import (
    Budget,
    CostReached,
    Prices,
    retry_after,
    span_seconds,
    used_up,
)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "3"}, 3.0),
        ({"retry-after": "0.25"}, 0.25),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after": "-4"}, 0.0),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "soon"}, None),
        ({}, None),
    ],
)
def test_retry_after_in_each_form(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


def test_retry_after_as_a_date() -> None:
    wait = retry_after({"retry-after": formatdate(time.time() + 30, usegmt=True)})
    assert wait == pytest.approx(30, abs=1.5)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("6m0s", 360.0), ("120ms", 0.12), ("1h2m", 3720.0), ("1.5", 1.5), ("2x", None), ("", None)],
)
def test_spans_of_time(text: str, seconds: float | None) -> None:
    assert span_seconds(text) == (pytest.approx(seconds) if seconds is not None else None)


def test_only_a_used_up_allowance_causes_a_wait() -> None:
    left = {"x-ratelimit-remaining-requests": "7", "x-ratelimit-reset-requests": "20s"}
    assert used_up(left) == 0
    assert used_up({**left, "x-ratelimit-remaining-requests": "0"}) == 20
    both = {"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "1m"}
    assert used_up({**left, "x-ratelimit-remaining-requests": "0", **both}) == 60


def test_prices_are_per_million_tokens() -> None:
    assert Prices(prompt=2, completion=8).cost(500_000, 250_000) == pytest.approx(1 + 2)


def test_a_budget_is_never_exceeded_by_requests_in_flight() -> None:
    # Each may cost 1 but costs 0.4. Limit 3: at most three at a time, and in the end no further
    # request fits: 0.4 n + 1 > 3 from n = 6 on (5 x 0.4 + 1 = 3 still fits).
    budget = Budget(3.0)
    most = 0.0
    refused = 0

    async def request() -> None:
        nonlocal most, refused
        try:
            async with budget.reserved(1.0):
                most = max(most, budget.spent + budget._reserved)
                await asyncio.sleep(0.001)
                budget.spent += 0.4
        except CostReached:
            refused += 1

    async def all_of_them() -> None:
        await asyncio.gather(*[request() for _ in range(20)])

    asyncio.run(all_of_them())
    assert budget.spent == pytest.approx(6 * 0.4)
    assert refused == 14
    assert most <= 3.0 + 1e-9


def test_without_a_limit_nothing_is_held_back() -> None:
    budget = Budget()

    async def spend() -> None:
        async with budget.reserved(1e9):
            budget.spent += 5.0

    asyncio.run(spend())
    assert budget.spent == 5.0
