"""ROUGE-L homogenization: the average length of the common subsequence of two replies."""

from collections.abc import Hashable, Sequence
from functools import partial

import numpy as np

from sfr_eval.metrics.checks import check_texts
from sfr_eval.metrics.ngrams import Packed, pack, rows_of_groups
from sfr_eval.stats.arrays import Floats, Integers

_ROWS = 1_024  # of the pair matrix at a time, to bound memory for thousands of texts
_SURROGATES = 0xD800


def rouge_l_homogenization(texts: Sequence[Sequence[Hashable]]) -> float | None:
    """Mean ROUGE-L F over all pairs of texts (Padmakumar and He 2309.05196).

    F = 2 LCS / (len_i + len_j), symmetric, so unordered pairs suffice. Range 0 (nothing in common)
    to 1, lower is more varied. Two empty texts count as equal. As a mean over pairs, its
    expectation does not depend on the number of texts. None below two texts. O(n^2 L ceil(L/64)).
    """
    rows = rouge_l_rows(texts)
    return float(rows.mean()) if len(rows) > 1 else None


def rouge_l_rows(texts: Sequence[Sequence[Hashable]]) -> Floats:
    """Return the mean ROUGE-L F of each text with all others, shape (n,); NaN below two texts."""
    check_texts(texts)
    packed = pack(texts)
    return _rows(_strings(packed), packed.length)


def grouped_rouge_l(packed: Packed, group: Integers, *, groups: int) -> Floats:
    """Compute `rouge_l_homogenization` of every group at once; NaN below two texts."""
    strings = _strings(packed)
    means = np.full(groups, np.nan)
    for number, rows in enumerate(rows_of_groups(group, groups=groups)):
        if len(rows) > 1:
            means[number] = _rows([strings[row] for row in rows], packed.length[rows]).mean()
    return means


def _strings(packed: Packed) -> list[str]:
    """Encode each text with one character per token, which the bit-parallel LCS reads fastest."""
    # Frequent tokens first, so that texts of common words need one byte per token.
    order = np.argsort(-np.bincount(packed.words), kind="stable")
    codes = np.argsort(order)[packed.words]
    codes = codes + np.where(codes >= _SURROGATES, 0x800, 0)  # surrogates are not characters
    if codes.max(initial=0) > 0x10FFFF:
        raise ValueError("ROUGE-L: more than 1,112,064 distinct tokens in one call")
    whole = codes.astype("<u4").tobytes().decode("utf-32-le")
    ends = np.cumsum(packed.length).tolist()
    return [whole[a:b] for a, b in zip([0, *ends], ends, strict=False)]


def _rows(strings: list[str], length: Integers) -> Floats:
    from rapidfuzz.distance import LCSseq
    from rapidfuzz.process import cdist

    n = len(strings)
    if n < 2:
        return np.full(n, np.nan)
    common = partial(cdist, scorer=LCSseq.similarity, dtype=np.int32)
    sums = np.zeros(n)
    for begin in range(0, n, _ROWS):
        # The block on the diagonal and those to its right; the rest is their mirror image.
        texts = strings[begin : begin + _ROWS]
        lengths = length[begin : begin + _ROWS]
        end = begin + len(texts)
        square = _f(common(texts, texts), lengths, lengths)
        np.fill_diagonal(square, 0.0)
        sums[begin:end] += square.sum(axis=1)
        for right in range(end, n, _ROWS):
            others = strings[right : right + _ROWS]
            block = _f(common(texts, others), lengths, length[right : right + _ROWS])
            sums[begin:end] += block.sum(axis=1)
            sums[right : right + len(others)] += block.sum(axis=0)
    return sums / (n - 1)


def _f(common: Floats, one: Integers, other: Integers) -> Floats:
    total = one[:, None] + other[None, :]
    return np.where(total > 0, 2.0 * common / np.maximum(total, 1), 1.0)
