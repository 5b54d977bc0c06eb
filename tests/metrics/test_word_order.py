"""pytest tests/metrics/test_word_order.py"""

import random
from collections.abc import Callable, Mapping, Sequence
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfr_eval.metrics.word_order import MIN_QUERIES, order_words, word_order
from sfr_eval.suites.suite import load_suite

Replies = dict[tuple[str, str], list[str]]


def values(replies: Mapping[tuple[str, str], Sequence[str]]) -> dict[tuple[str, str], float | None]:
    return word_order(replies, {prompt: prompt[0] for prompt in replies})[0]


def mean(replies: Mapping[tuple[str, str], Sequence[str]]) -> float:
    numbers = [number for number in values(replies).values() if number is not None]
    return sum(numbers) / len(numbers)


@cache
def world(k: int = 8, step: int = 9, **dials: float) -> Replies:
    """16 queries of 16 topics, all personas."""
    suite = load_suite("persona")
    assert suite.world is not None
    dialed, rng = suite.world.dialed(**dials), np.random.default_rng(5)
    return {
        (query, persona): [dialed.sample(persona, query, rng) for _ in range(k)]
        for query in list(suite.queries)[::step][:16]
        for persona in suite.personas
    }


def edited(replies: Replies, edit: Callable[[str], str]) -> Replies:
    return {prompt: [edit(text) for text in texts] for prompt, texts in replies.items()}


def test_one_pair_by_hand() -> None:
    # Query 0 asks about "go up"; the other five say "go up" 100 times each, so n = 500 and the
    # preference is 500 / 502. The reply "go up go" has the pairs (go, up) and (up, go): their mean
    # is 0; "go up" alone has 500 / 502.
    others = {(str(query), ""): ["go up"] * 100 for query in range(1, 6)}
    assert values({("0", ""): ["go up"], **others})[("0", "")] == pytest.approx(500 / 502)
    assert values({("0", ""): ["go up go"], **others})[("0", "")] == pytest.approx(0)
    assert values({("0", ""): ["up go"], **others})[("0", "")] == pytest.approx(-500 / 502)


def test_too_few_queries_or_words_are_undefined() -> None:
    text = "one two three four five " * 30
    few = {(str(query), ""): [text] for query in range(MIN_QUERIES - 1)}
    assert word_order(few, {p: p[0] for p in few}) == (
        dict.fromkeys(few),
        "fewer than 5 queries to learn the order from",
    )
    short = {(str(query), ""): ["a few words"] for query in range(9)}
    assert word_order(short, {p: p[0] for p in short}) == (
        dict.fromkeys(short),
        "fewer than 500 words to learn the order from",
    )


def test_reply_of_one_word_is_undefined() -> None:
    texts = {(str(query), ""): ["up and down " * 40] for query in range(6)} | {("9", ""): ["up"]}
    assert values(texts)[("9", "")] is None


def test_punctuation_stays_out_and_characters_are_words() -> None:
    assert order_words("Don't, \u201cgo\u201d (up)!") == ["don't", "go", "up"]
    assert order_words("\u9762\u5305 well-known") == ["\u9762", "\u5305", "well-known"]
    assert order_words("\U0001f600 ... \n") == []


@given(
    st.lists(
        st.lists(st.sampled_from("abcdef"), min_size=30, max_size=40), min_size=20, max_size=20
    )
)
def test_range_and_reversal(rows: list[list[str]]) -> None:
    """Turning every reply round changes nothing: pairs are learned the other way round, too."""
    texts = {(str(i // 4), str(i)): [" ".join(row)] for i, row in enumerate(rows)}
    turned = {prompt: [text[::-1] for text in texts[prompt]] for prompt in texts}
    forward = values(texts)
    assert all(number is not None and -1 < number < 1 for number in forward.values())
    assert values(turned) == pytest.approx(forward)


def test_word_salad_and_random_words_have_no_order() -> None:
    truth, rng = world(), random.Random(3)
    vocabulary = [word for texts in truth.values() for text in texts for word in text.split()]

    def salad(text: str) -> str:
        words = text.split()
        rng.shuffle(words)
        return " ".join(words)

    # Of truth .44, of the two .000 to .003 in ten seeds.
    assert mean(truth) == pytest.approx(0.44, abs=0.02)
    assert mean(edited(truth, salad)) == pytest.approx(0, abs=0.01)
    noise = edited(truth, lambda text: " ".join(rng.choice(vocabulary) for _ in text.split()))
    assert mean(noise) == pytest.approx(0, abs=0.01)


def test_noise_of_five_percent_is_seen_in_sixteen_queries() -> None:
    truth, rng = world(), random.Random(3)
    words = [word for texts in truth.values() for text in texts for word in text.split()]

    def noisy(text: str) -> str:
        return " ".join(rng.choice(words) if rng.random() < 0.05 else w for w in text.split())

    before, after = values(truth), values(edited(truth, noisy))
    by_query: dict[str, list[float]] = {}
    for prompt, number in before.items():
        by_query.setdefault(prompt[0], []).append((after[prompt] or 0) - (number or 0))
    differences = [float(np.mean(numbers)) for numbers in by_query.values()]
    t = np.mean(differences) / (np.std(differences, ddof=1) / 4)
    assert len(differences) == 16
    assert t < -5  # about -9; a t test of 16 queries needs -2.1


@pytest.mark.parametrize("dials", [{"cross": 1.0}, {"within": 0.5}, {"cross": 0.5, "within": 0.3}])
def test_collapse_hardly_moves_it(dials: dict[str, float]) -> None:
    assert mean(world(**dials)) == pytest.approx(mean(world()), abs=0.05)  # a tenth of its span


def test_fewer_replies_lower_it_a_little() -> None:
    assert mean(world(k=4)) == pytest.approx(mean(world(k=8)), abs=0.04)


@pytest.mark.parametrize(
    ("starts", "middles", "ends"),
    [
        (
            ["Am besten", "Ich finde, du solltest", "Wenn es geht, kannst du"],
            ["mit dem Brot", "mit einem Glas Wasser", "in der Woche"],
            ["beginnen und dann warten.", "anfangen, bevor du müde wirst."],
        ),
        (
            ["まず", "私なら", "できれば毎日"],
            ["小さなパンを", "一杯の水を", "同じ時間に"],
            ["用意してください。", "飲むといいですよ。"],
        ),
    ],
    ids=["German", "Japanese, without blanks"],
)
def test_other_languages_have_an_order_too(
    starts: list[str], middles: list[str], ends: list[str]
) -> None:
    rng = random.Random(4)

    def text() -> str:
        return " ".join(
            " ".join(rng.choice(part) for part in (starts, middles, ends)) for _ in range(3)
        )

    def salad(reply: str) -> str:
        words = order_words(reply)
        rng.shuffle(words)
        return " ".join(words)

    replies = {(str(query), ""): [text() for _ in range(6)] for query in range(8)}
    assert mean(replies) > 0.4
    assert abs(mean(edited(replies, salad))) < 0.03
