"""Repetition between replies: compressed size, shared 4-grams, equal texts."""

import zlib
from collections import Counter
from collections.abc import Hashable, Sequence

import numpy as np

from sfr_eval.metrics.checks import check_strings, check_texts
from sfr_eval.metrics.ngrams import Grams, grams, pack
from sfr_eval.stats.arrays import Floats, Integers

ORDERS = 4
TOGETHER = 4
"""Replies that are compressed together for `compression_ratio_fixed`, as many as for distinct_k."""
_GZIP_FRAME = 18  # bytes of header and trailer around the deflate stream
_GZIP_WINDOW = 32_768  # bytes that gzip looks back


def compression_ratio(texts: Sequence[str], *, orders: int = ORDERS, seed: int = 0) -> float | None:
    """Bytes over bytes after gzip (level 9) of all texts, concatenated; beyond gzip's window of 32
    KB the mean over `orders` random orders (Shaib et al. 2403.00553).

    From about 0.5 up (gzip adds 18 bytes), lower is more varied. Increases with the number and the
    length of texts. k empty texts score k, the limit of k copies. None without a text.
    """
    encoded = _encoded(texts)
    if not any(encoded):
        return float(len(encoded)) or None
    size = sum(map(len, encoded)) + len(encoded) - 1
    matters = len(encoded) > 1 and size > _GZIP_WINDOW
    ratios = [
        size / (_deflated([encoded[i] for i in order]) + _GZIP_FRAME)
        for order in _orders(encoded, orders if matters else 1, seed)
    ]
    return sum(ratios) / len(ratios)


def compression_ratio_fixed(
    texts: Sequence[str], *, together: int = TOGETHER, orders: int = ORDERS, seed: int = 0
) -> float | None:
    """Bytes of `together` texts deflated one by one, over their bytes deflated together; the mean
    over the blocks of `orders` random orders.

    About 1 if the texts share nothing, `together` if all are equal, at any length; lower is more
    varied. Equal texts are compressed once. Repetition inside a text does not count. Each text has
    the same weight, and the expectation does not depend on their number. None below `together`.
    """
    encoded = _encoded(texts)
    if len(encoded) < together:
        return None
    alone = {text: _deflated([text]) for text in set(encoded)}
    ratios = []
    for order in _orders(encoded, orders, seed):
        for first in range(0, len(order) - together + 1, together):
            block = [encoded[i] for i in order[first : first + together]]
            whole = _deflated(list(dict.fromkeys(block)))
            ratios.append(sum(alone[text] for text in block) / whole)
    return sum(ratios) / len(ratios)


def _encoded(texts: Sequence[str]) -> list[bytes]:
    """Return the texts as bytes, sorted, so that no value depends on the order of the texts."""
    check_strings(texts)
    return sorted(text.encode("utf-8", "surrogatepass") for text in texts)


def _orders(encoded: Sequence[bytes], orders: int, seed: int) -> list[list[int]]:
    """Return random orders of sorted texts that depend on the texts. With equal orders for all sets
    of one size, the same ranks would always meet, and texts of near ranks begin alike."""
    random = np.random.default_rng((seed, zlib.crc32(b"\n".join(encoded))))
    return [random.permutation(len(encoded)).tolist() for _ in range(orders)]


def _deflated(texts: Sequence[bytes]) -> int:
    return len(zlib.compress(b"\n".join(texts), 9, wbits=-15))


def self_repetition(texts: Sequence[Sequence[Hashable]], *, n: int = 4) -> float | None:
    """Mean over texts of ln(1 + sum over its distinct n-grams of (texts with it - 1)) (Salkar et
    al. 2022). From 0 up, lower is more varied; increases with the number of texts. None below two.
    """
    scores, _ = _repetition(texts, n)
    return float(scores.mean()) if len(texts) > 1 else None


def self_repetition_rate(texts: Sequence[Sequence[Hashable]], *, n: int = 4) -> float | None:
    """Mean over texts of the share of its distinct n-grams that occur in another text. Range 0 to
    1, lower is more varied; increases with the number of texts. A text shorter than n is one
    n-gram. None below two texts."""
    _, rates = _repetition(texts, n)
    return float(rates.mean()) if len(texts) > 1 else None


def _repetition(texts: Sequence[Sequence[Hashable]], n: int) -> tuple[Floats, Floats]:
    check_texts(texts)
    *_, order = grams(pack(texts), np.zeros(len(texts), dtype=np.int64), max_n=n)
    return repetition_of(order, len(texts))


def repetition_of(order: Grams, texts: int) -> tuple[Floats, Floats]:
    """Return (scores, rates) of the texts, given the n-grams of all; linear in their number."""
    cells = order.cells
    gram = np.searchsorted(order.starts, cells, side="right") - 1
    others = np.bincount(gram)[gram] - 1 if len(cells) else np.zeros(0, dtype=np.int64)
    text = order.text[cells]
    distinct = np.bincount(text, minlength=texts)
    scores = np.log1p(np.bincount(text, weights=others, minlength=texts))
    return scores, np.bincount(text, weights=others > 0, minlength=texts) / distinct


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
