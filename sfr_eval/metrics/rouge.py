"""ROUGE-L homogenization: how long a common subsequence do two replies share, on average?"""

from collections.abc import Hashable, Sequence

import numpy as np

from sfr_eval.metrics.checks import check_texts
from sfr_eval.metrics.ngrams import Floats, Integers, Packed, pack

_ROWS = 1_024  # of the pair matrix at a time: bounds memory for thousands of texts
_SURROGATES = 0xD800


def rouge_l_homogenization(texts: Sequence[Sequence[Hashable]]) -> float | None:
    """Mean ROUGE-L F over all pairs of two different texts (Padmakumar and He 2309.05196).

    F = 2 LCS / (len_i + len_j), symmetric, so unordered pairs suffice. Range 0 (nothing in common)
    to 1, lower is more varied. Two empty texts are the same text and count 1. A pair mean: its
    expectation does not depend on the number of texts. None below two texts. O(n^2 L ceil(L/64)).
    """
    rows = rouge_l_rows(texts)
    return float(rows.mean()) if len(rows) > 1 else None


def rouge_l_rows(texts: Sequence[Sequence[Hashable]]) -> Floats:
    """Mean ROUGE-L F of each text with all the others, shape (n,); NaN below two texts."""
    check_texts(texts)
    packed = pack(texts)
    return _rows(_strings(packed), packed.length)


def grouped_rouge_l(packed: Packed, group: Integers, *, groups: int) -> Floats:
    """`rouge_l_homogenization` of every group at once; NaN below two texts."""
    strings = _strings(packed)
    order = np.argsort(group, kind="stable")
    ends = np.cumsum(np.bincount(group, minlength=groups))
    found = np.full(groups, np.nan)
    for number, rows in enumerate(np.split(order, ends[:-1])):
        if len(rows) > 1:
            found[number] = _rows([strings[row] for row in rows], packed.length[rows]).mean()
    return found


def _strings(packed: Packed) -> list[str]:
    """Each text as a string of one character a token: what the bit-parallel LCS reads fastest."""
    # Frequent tokens first: texts of common words then need one byte a token.
    ranks = np.empty(int(packed.words.max(initial=0)) + 1, dtype=np.int64)
    ranks[np.argsort(-np.bincount(packed.words, minlength=len(ranks)), kind="stable")] = np.arange(
        len(ranks)
    )
    codes = ranks[packed.words]
    codes = codes + np.where(codes >= _SURROGATES, 0x800, 0)  # half pairs are no characters
    if codes.max(initial=0) > 0x10FFFF:
        raise ValueError("ROUGE-L: more than 1,112,064 different tokens in one call")
    whole = codes.astype("<u4").tobytes().decode("utf-32-le")
    ends = np.cumsum(packed.length).tolist()
    return [whole[a:b] for a, b in zip([0, *ends], ends, strict=False)]


def _rows(strings: list[str], length: Integers) -> Floats:
    from rapidfuzz.distance import LCSseq
    from rapidfuzz.process import cdist

    n = len(strings)
    if n < 2:
        return np.full(n, np.nan)
    sums = np.zeros(n)
    for begin in range(0, n, _ROWS):
        # The block on the diagonal and what is right of it; the rest is its mirror image.
        some = strings[begin : begin + _ROWS]
        own = length[begin : begin + _ROWS]
        own_end = begin + len(some)
        square = _f(cdist(some, some, scorer=LCSseq.similarity, dtype=np.int32), own, own)
        np.fill_diagonal(square, 0.0)
        sums[begin:own_end] += square.sum(axis=1)
        for right in range(own_end, n, _ROWS):
            others = strings[right : right + _ROWS]
            their = length[right : right + _ROWS]
            block = _f(cdist(some, others, scorer=LCSseq.similarity, dtype=np.int32), own, their)
            sums[begin:own_end] += block.sum(axis=1)
            sums[right : right + len(others)] += block.sum(axis=0)
    return sums / (n - 1)


def _f(common: Floats, one: Integers, other: Integers) -> Floats:
    total = one[:, None] + other[None, :]
    return np.where(total > 0, 2.0 * common / np.maximum(total, 1), 1.0)
