"""Repetition between replies: compressed size, shared 4-grams, equal texts."""

import zlib
from collections import Counter
from collections.abc import Hashable, Sequence

import numpy as np

from sfr_eval.metrics.checks import check_strings, check_texts
from sfr_eval.metrics.ngrams import Grams, grams, pack, starts
from sfr_eval.stats.arrays import Floats, Integers

ORDERS = 4
_GZIP_FRAME = 18  # bytes of header and trailer around the deflate stream
_GZIP_WINDOW = 32_768  # bytes that gzip looks back


def compression_ratio(
    texts: Sequence[str], *, budget: int | None = None, orders: int = ORDERS, seed: int = 0
) -> float | None:
    """Bytes over bytes after gzip (level 9) of all texts, concatenated; the mean over `orders`
    random orders if the order matters: with a budget, or beyond gzip's window of 32 KB (Shaib et
    al. 2403.00553).

    From about 0.5 up (gzip adds 18 bytes), lower is more varied. Without a `budget`, it increases
    with the number of texts. With one, the first `budget` bytes of each order are compressed, and
    the number of texts does not matter; None if they hold fewer bytes. None without a byte.
    """
    check_strings(texts)
    encoded = sorted(text.encode("utf-8", "surrogatepass") for text in texts)
    size = sum(map(len, encoded)) + max(0, len(encoded) - 1)
    if not any(encoded) or (budget is not None and size < budget):
        return None
    # Sorted first, with the same orders for all sets of one size, so that the value depends on
    # nothing but the texts themselves.
    random = np.random.default_rng((seed, len(encoded)))
    matters = len(encoded) > 1 and (budget is not None or size > _GZIP_WINDOW)
    ratios = []
    for _ in range(orders if matters else 1):
        whole = b"\n".join(encoded[i] for i in random.permutation(len(encoded)))[:budget]
        ratios.append(len(whole) / (len(zlib.compress(whole, 9, wbits=-15)) + _GZIP_FRAME))
    return sum(ratios) / len(ratios)


def self_repetition(texts: Sequence[Sequence[Hashable]], *, n: int = 4) -> float | None:
    """Mean over texts of ln(1 + sum over its distinct n-grams of (texts with it - 1)) (Salkar et
    al. 2022). From 0 up, lower is more varied; increases with the number of texts. None below two.
    """
    scores, _ = _repetition(texts, n)
    return float(scores.mean()) if len(texts) > 1 else None


def self_repetition_rate(texts: Sequence[Sequence[Hashable]], *, n: int = 4) -> float | None:
    """Mean over texts of the share of its distinct n-grams that occur in another text. Range 0 to
    1, lower is more varied; increases with the number of texts. Texts shorter than n are left out;
    None below two texts, or if none is long enough."""
    _, rates = _repetition(texts, n)
    rates = rates[~np.isnan(rates)]
    return float(rates.mean()) if len(texts) > 1 and len(rates) else None


def _repetition(texts: Sequence[Sequence[Hashable]], n: int) -> tuple[Floats, Floats]:
    check_texts(texts)
    *_, order = grams(pack(texts), np.zeros(len(texts), dtype=np.int64), max_n=n)
    return repetition_of(order, len(texts))


def repetition_of(order: Grams, texts: int) -> tuple[Floats, Floats]:
    """Return (scores, rates) of the texts, given the n-grams of all; linear in their number."""
    begins = np.zeros(len(order.text), dtype=np.bool_)
    begins[order.starts] = True
    cells = np.flatnonzero(begins | starts(order.text))  # an n-gram in one text
    gram = np.cumsum(begins[cells]) - 1
    others = np.bincount(gram)[gram] - 1 if len(cells) else np.zeros(0, dtype=np.int64)
    text = order.text[cells]
    distinct = np.bincount(text, minlength=texts)
    scores = np.log1p(np.bincount(text, weights=others, minlength=texts))
    with np.errstate(invalid="ignore"):  # 0 / 0: the text has no n-gram
        rates = np.bincount(text, weights=others > 0, minlength=texts) / distinct
    return scores, rates


def collision_rate(texts: Sequence[Hashable]) -> float | None:
    """Chance that two replies are equal; None below two replies.

    Unbiased for sum_c p_c^2 at every k (Simpson 1949): sum_c m_c (m_c - 1) / (k (k - 1)),
    m_c = copies of text c among the k replies. Range 0 to 1, lower is more varied.
    """
    k = len(texts)
    if k < 2:
        return None  # undefined; 0 would read as "perfectly varied"
    return sum(m * (m - 1) for m in Counter(texts).values()) / (k * (k - 1))


def modal_share(texts: Sequence[Hashable]) -> float | None:
    """Share of the most frequent text; 1/k to 1, lower is more varied, None below two. Biased
    upwards at small k, where the most frequent text is an accident: compare at equal k."""
    return max(Counter(texts).values()) / len(texts) if len(texts) > 1 else None


def unique_share(texts: Sequence[Hashable]) -> float | None:
    """Distinct texts over all: 1/k to 1, higher is more varied; falls with k; None below two."""
    return len(set(texts)) / len(texts) if len(texts) > 1 else None


def group_means(numbers: Floats, group: Integers, *, groups: int) -> Floats:
    """Average the numbers of each group that are not NaN; NaN if there are none."""
    defined = ~np.isnan(numbers)
    totals = np.bincount(group[defined], weights=numbers[defined], minlength=groups)
    with np.errstate(invalid="ignore"):
        return np.asarray(totals / np.bincount(group[defined], minlength=groups))
