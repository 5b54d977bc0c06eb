"""pytest tests/metrics/test_tokens.py"""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfr_eval.metrics import tokens
from sfr_eval.metrics.context import Context
from tests.metrics.conftest import make_sample, make_suite
from tests.metrics.readings import made, make_states


def test_forks_are_the_fifth_of_highest_base_entropy() -> None:
    """Ten entropies 0..9: 0.8 quantile 7, so 8 and 9 are forks; median 4, so 0..4 are locks."""
    entropy = np.arange(10.0)
    cut = tokens.thresholds(entropy)
    assert (cut.fork, cut.lock) == (7, 4)
    assert cut.forks(entropy).tolist() == [False] * 8 + [True] * 2
    assert cut.locks(entropy).tolist() == [True] * 5 + [False] * 5


def test_equal_entropies_are_locks_only() -> None:
    flat = np.ones(6)
    cut = tokens.thresholds(flat)
    assert not cut.forks(flat).any()
    assert cut.locks(flat).all()


@given(st.lists(st.floats(0, 12), min_size=1, max_size=60))
def test_no_token_is_a_fork_and_a_lock(entropies: list[float]) -> None:
    values = np.array(entropies)
    cut = tokens.thresholds(values)
    assert not (cut.forks(values) & cut.locks(values)).any()
    assert cut.forks(values).mean() <= tokens.FORKS + 1e-9
    assert cut.locks(values).any()


def test_shared_prefix_worked_out() -> None:
    """Of three pairs of (1 2), (1 2 3), (1 4): all begin with 1, one pair with 1 2, and none is
    the same to the third token, since the first reply has ended there."""
    replies = [[1, 2], [1, 2, 3], [1, 4]]
    found = [tokens.shared_prefix(replies, length) for length in range(4)]
    assert found == pytest.approx([1, 1, 1 / 3, 0])
    assert tokens.shared_prefix([[7, 8], [7, 8]], 5) == 1
    assert tokens.shared_prefix([[7]], 1) is None


@given(st.lists(st.lists(st.integers(0, 2), max_size=5), min_size=2, max_size=8))
def test_shared_prefix_never_increases(replies: list[list[int]]) -> None:
    found = [tokens.shared_prefix(replies, length) for length in range(7)]
    assert found[0] == 1
    assert found == sorted(found, reverse=True)  # type: ignore[type-var]


def test_bins_cover_every_position_once() -> None:
    found = tokens.bins(100)
    assert found[:2] == [(0, 1), (1, 2)]
    assert [start for start, _ in found[1:]] == [end for _, end in found[:-1]]
    assert found[-1][1] == 100
    assert found[16] == (16, 18)
    assert tokens.bins(0) == []


def context(
    entropy: Sequence[Sequence[float]],
    base: Sequence[Sequence[float]] | None = None,
    *,
    ids: Sequence[Sequence[int]] | None = None,
) -> Context:
    """Two queries, one persona, two replies each."""
    samples = [make_sample(f"q{i // 2}", "a", i % 2, "text") for i in range(4)]
    places = np.zeros((4, 2))
    model = make_states(places, entropy=entropy, tokens=ids)
    of_base = None if base is None else make_states(places, entropy=base, tokens=ids)
    return Context(
        samples=samples,
        suite=make_suite("a"),
        encoder=None,  # type: ignore[arg-type]
        forward=made(model, base=of_base),
    )


ENTROPY = [[1.0, 3.0], [2.0], [], [4.0, 0.0, 2.0]]
BASE = [[9.0, 1.0], [1.0], [], [8.0, 1.0, 1.0]]
"""Base entropies 1 1 1 1 8 9: the 0.8 quantile is 8, so only the 9 is a fork; median 1."""


def test_means_of_each_reply_worked_out() -> None:
    found = {r.metric: [v.value for v in r.values] for r in tokens.compute(context(ENTROPY, BASE))}
    assert set(found) == set(tokens.METRICS)
    assert found["token_entropy"] == [2, 2, None, 2]
    assert found["token_logprob"] == [-2, -2, None, -2]  # as the readings are made
    assert found["fork_entropy"] == [1, None, None, None]
    assert found["lock_entropy"] == [3, 2, None, 1]
    assert found["base_logprob"] == pytest.approx([-5, -1, None, -10 / 3])


def test_undefined_values_say_why() -> None:
    found = {r.metric: [v.reason for v in r.values] for r in tokens.compute(context(ENTROPY, BASE))}
    assert found["token_entropy"] == ["", "", "reply without a token", ""]
    assert found["fork_entropy"][1] == "no fork in this reply"
    alone = {r.metric: [v.reason for v in r.values] for r in tokens.compute(context(ENTROPY))}
    assert "--base-model" in alone["fork_entropy"][0]
    assert alone["base_logprob"][:3] == [tokens.NO_BASE, tokens.NO_BASE, "reply without a token"]
    assert alone["token_entropy"][0] == ""


def test_notes_have_thresholds_and_the_base_means() -> None:
    entropy = next(r for r in tokens.compute(context(ENTROPY, BASE)) if r.metric == "token_entropy")
    assert (entropy.notes["fork_above"], entropy.notes["lock_up_to"]) == (8, 1)
    assert entropy.notes["base"]["1"] == {"fork_entropy": 9, "lock_entropy": 1}


def test_curve_is_a_mean_over_queries() -> None:
    """First token: q0 has (1 + 2)/2, q1 has 4 (its other reply is empty). Second: 3 and 0."""
    ids = [[5, 6], [5], [], [5, 7, 7]]
    entropy = next(
        r for r in tokens.compute(context(ENTROPY, BASE, ids=ids)) if r.metric == "token_entropy"
    )
    curve = entropy.notes["curve"]["1"]
    assert [(row["start"], row["entropy"]["value"], row["replies"]) for row in curve] == [
        (0, pytest.approx(2.75), 3),
        (1, pytest.approx(1.5), 2),
    ]  # only one query is three tokens long
    assert [row["same"]["value"] for row in curve] == [0.5, 0]
    assert curve[0]["base_entropy"]["value"] == pytest.approx((5 + 8) / 2)


def test_no_reply_at_all() -> None:
    empty = Context(
        samples=[],
        suite=make_suite("a"),
        encoder=None,  # type: ignore[arg-type]
        forward=made(make_states(np.zeros((0, 2)), entropy=[])),
    )
    assert all(not result.values for result in tokens.compute(empty))
