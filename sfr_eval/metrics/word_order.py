"""How much the order of the words in replies tells, without any model: text against word salad.

Neighbouring words have a preferred order ("of the", never "the of"). It is counted in the replies
to all other queries and looked for in the replies to one. In word salad and noise no order is
preferred, so the mean is 0 there, whatever the words are.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

import numpy as np

from sfr_eval.stats.arrays import Doubles

FREQUENT = 300
"""Words that are told apart: those in the replies to the most queries. All others count as one, so
that the subject of the replies hardly matters."""

PRIOR = 2.0
"""Sightings of a pair that count as undecided, half in each order."""

MIN_QUERIES, MIN_WORDS = 5, 500

# Characters of scripts without blanks between words are words of their own.
_SPACELESS = "\u0e00-\u0eff\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD = re.compile(
    rf"[{_SPACELESS}]|[^\W_{_SPACELESS}]+(?:[^\w\s]+[^\W_{_SPACELESS}]+)*", re.UNICODE
)

Prompt = TypeVar("Prompt")


def order_words(text: str) -> list[str]:
    """Return the words of a text, case-folded, without punctuation between them, which stays with
    its word when words are shuffled and would keep an order."""
    return _WORD.findall(text.casefold())


def word_order(
    texts: Mapping[Prompt, Sequence[str]], query_of: Mapping[Prompt, str]
) -> tuple[dict[Prompt, float | None], str]:
    """Return (prompt -> value, reason why none is defined).

    For neighbouring words a, b of a reply: s(a, b) = (n_ab - n_ba) / (n_ab + n_ba + 2), where n_ab
    counts how often b follows a in the replies to all other queries. The value of a prompt is the
    mean of s over the neighbours in its replies: -1 to 1, higher is more orderly. Its expectation
    is exactly 0 if all orders of a reply's words are equally likely, since s(a, b) = -s(b, a). None
    for a prompt without two neighbouring words; undefined as a whole below `MIN_QUERIES` queries
    or `MIN_WORDS` words. Rises with the number of queries and replies, from which it learns.
    """
    words = {prompt: [order_words(text) for text in texts[prompt]] for prompt in texts}
    queries: dict[str, list[Prompt]] = {}
    for prompt in texts:
        queries.setdefault(query_of[prompt], []).append(prompt)
    total = sum(len(reply) for replies in words.values() for reply in replies)
    if len(queries) < MIN_QUERIES:
        return dict.fromkeys(texts), f"fewer than {MIN_QUERIES} queries to learn the order from"
    if total < MIN_WORDS:
        return dict.fromkeys(texts), f"fewer than {MIN_WORDS} words to learn the order from"
    numbers = _numbered(
        [[reply for prompt in prompts for reply in words[prompt]] for prompts in queries.values()]
    )
    size = FREQUENT + 1
    pairs = {
        prompt: [_pairs([numbers.get(word, FREQUENT) for word in reply]) for reply in replies]
        for prompt, replies in words.items()
    }
    flat = {prompt: np.concatenate([_none(), *rows]) for prompt, rows in pairs.items()}
    counts = {
        query: np.bincount(
            np.concatenate([flat[prompt] for prompt in prompts]), minlength=size * size
        )
        for query, prompts in queries.items()
    }
    whole = sum(counts.values())
    values: dict[Prompt, float | None] = {}
    for query, prompts in queries.items():
        preference = _preference((whole - counts[query]).reshape(size, size)).ravel()
        for prompt in prompts:
            places = flat[prompt]
            values[prompt] = float(preference[places].mean()) if len(places) else None
    return values, ""


def _numbered(queries: Iterable[Sequence[Sequence[str]]]) -> dict[str, int]:
    """Number the words in the replies to the most queries; ties go to the more frequent word."""
    spread: Counter[str] = Counter()
    frequency: Counter[str] = Counter()
    for replies in queries:
        of_query = Counter(word for reply in replies for word in reply)
        frequency.update(of_query)
        spread.update(of_query.keys())
    shared = [word for word, count in spread.items() if count > 1]
    shared.sort(key=lambda word: (-spread[word], -frequency[word], word))
    return {word: number for number, word in enumerate(shared[:FREQUENT])}


def _none() -> "np.ndarray[tuple[int], np.dtype[np.intp]]":
    return np.zeros(0, np.intp)


def _pairs(reply: Sequence[int]) -> "np.ndarray[tuple[int], np.dtype[np.intp]]":
    """Return one number for each pair of neighbours: its place in a square table, row by row."""
    row = np.asarray(reply, np.intp)
    return row[:-1] * (FREQUENT + 1) + row[1:]


def _preference(counts: "np.ndarray[tuple[int, int], np.dtype[np.intp]]") -> Doubles:
    """Return s for all pairs of words, given how often each follows each."""
    preference: Doubles = (counts - counts.T) / (counts + counts.T + PRIOR)
    return preference
