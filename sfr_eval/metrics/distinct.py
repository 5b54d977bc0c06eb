"""Share of distinct n-grams: raw, as papers report it, and in forms that are comparable.

The raw share falls as texts are added: .78, .68, .47, .33 at 8, 16, 64, 256 texts of one source
(distinct-2). The rarefied one is .92 at all four.
"""

from collections import Counter
from collections.abc import Hashable, Sequence

import numpy as np

from sfr_eval.metrics.checks import check_texts
from sfr_eval.metrics.ngrams import Packed, grams
from sfr_eval.stats.arrays import Floats, Integers
from sfr_eval.stats.rarefaction import absence

EAD_VOCABULARY = 50_257
"""That of GPT-2, which most published EAD values use."""
RAREFIED_TO = 4
"""Replies in a rarefied draw, as for distinct_k."""


def ngram_counts(texts: Sequence[Sequence[Hashable]], n: int) -> Counter[tuple[Hashable, ...]]:
    """Count each n-gram; none crosses the boundary of a text. A text of fewer than n tokens, the
    empty one included, is one n-gram as a whole, so that copies of it count as copies."""
    check_texts(texts)
    return Counter(gram for text in texts for gram in _grams_of(text, n))


def _grams_of(text: Sequence[Hashable], n: int) -> list[tuple[Hashable, ...]]:
    if n < 1:
        raise ValueError(f"n = {n}; n-grams have at least one token")
    return list(zip(*(text[i:] for i in range(n)), strict=False)) or [tuple(text)]


def distinct_n(texts: Sequence[Sequence[Hashable]], n: int) -> float | None:
    """Distinct n-grams over all n-grams of a set of texts (Li et al. 1510.03055).

    Range 0 to 1, higher is more varied. None if no text has n tokens. Decreases with the number and
    the length of texts, so compare only at equal k and similar length.
    """
    counts = ngram_counts(texts, n)
    return len(counts) / counts.total() if counts else None


def rarefied_distinct_n(
    texts: Sequence[Sequence[Hashable]], n: int, replies: int = RAREFIED_TO
) -> float | None:
    """Distinct n-grams over all n-grams, expected of `replies` texts drawn without replacement.

    sum_w [1 - C(k - f_w, R) / C(k, R)] / (R N / k), with f_w the number of texts that contain
    n-gram w, N the number of all n-grams, k of texts, R of `replies`: rarefaction by samples
    (Colwell et al. 2012) instead of by single n-grams, so that copies are seen however long they
    are. Range from near 0 to 1, higher is more varied: raw distinct-n at k = R, 1/R for copies of a
    text without a repeated n-gram. Its expectation does not depend on k. None below R texts.
    """
    if replies < 1:
        raise ValueError(f"replies = {replies}; draw at least one")
    check_texts(texts)
    k = len(texts)
    if k < replies:
        return None
    of_texts = [_grams_of(text, n) for text in texts]
    in_texts = Counter(gram for own in of_texts for gram in set(own))
    total = sum(map(len, of_texts))
    present = 1.0 - absence(list(in_texts.values()), k, replies)
    return float(present.sum()) * k / (replies * total)


def expectation_adjusted_distinct_n(
    texts: Sequence[Sequence[Hashable]], n: int, *, vocabulary: int = EAD_VOCABULARY
) -> float | None:
    """EAD: distinct n-grams over the number expected from N uniform draws from V (Liu et al.
    2202.13587): types / (V (1 - ((V - 1) / V)^N)).

    From 0 up, about 1 if nothing repeats; higher is more varied. V is the unigram vocabulary for
    every n, as in published code. None without an n-gram. It still decreases with k, since no
    vocabulary is used uniformly.
    """
    counts = ngram_counts(texts, n)
    if not counts:
        return None
    return len(counts) / float(_expected_types(np.array(counts.total()), vocabulary))


def _expected_types(total: Floats | Integers, vocabulary: int) -> Floats:
    # log1p and expm1, since (1 - 1/V)^N loses all digits for small N.
    return np.asarray(-vocabulary * np.expm1(total * np.log1p(-1.0 / vocabulary)))


def grouped_distinct(
    packed: Packed, group: Integers, *, groups: int, max_n: int, replies: int, vocabulary: int
) -> dict[str, Floats]:
    """Compute `distinct_{n}`, `distinct_{n}_rarefied` and `ead_{n}` of every group at once, NaN if
    undefined. Equal to the functions above, and linear in the number of tokens."""
    columns: dict[str, Floats] = {}
    texts = np.bincount(group, minlength=groups).astype(np.float64)
    enough = texts >= replies
    for n, order in enumerate(grams(packed, group, max_n=max_n), start=1):
        owner = group[order.text[order.starts]]
        types = np.bincount(owner, minlength=groups).astype(np.float64)
        total = np.bincount(owner, weights=order.counts, minlength=groups)
        with np.errstate(invalid="ignore"):  # 0 / 0: a group without a text
            columns[f"distinct_{n}"] = types / total
            columns[f"ead_{n}"] = types / _expected_types(total, vocabulary)
            present = np.where(
                enough[owner],
                1.0 - absence(order.text_counts, np.maximum(texts[owner], replies), replies),
                0.0,
            )
            expected = np.bincount(owner, weights=present, minlength=groups)
            rarefied = expected * texts / (replies * total)
        columns[f"distinct_{n}_rarefied"] = np.where(enough, rarefied, np.nan)
    return columns
