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
from sfr_eval.stats.rarefaction import absence, expected_classes

EAD_VOCABULARY = 50_257
"""That of GPT-2, which most published EAD values use."""


def ngram_counts(texts: Sequence[Sequence[Hashable]], n: int) -> Counter[tuple[Hashable, ...]]:
    """Count each n-gram; none crosses the boundary of a text."""
    check_texts(texts)
    if n < 1:
        raise ValueError(f"n = {n}; n-grams have at least one token")
    return Counter(
        gram for text in texts for gram in zip(*(text[i:] for i in range(n)), strict=False)
    )


def distinct_n(texts: Sequence[Sequence[Hashable]], n: int) -> float | None:
    """Distinct n-grams over all n-grams of a set of texts (Li et al. 1510.03055).

    Range 0 to 1, higher is more varied. None if no text has n tokens. Decreases with the number and
    the length of texts, so compare only at equal k and similar length.
    """
    counts = ngram_counts(texts, n)
    return len(counts) / counts.total() if counts else None


def rarefied_distinct_n(texts: Sequence[Sequence[Hashable]], n: int, m: int) -> float | None:
    """Expected share of distinct n-grams among m drawn without replacement (Hurlbert 1971).

    sum_w [1 - C(N - c_w, m) / C(N, m)] / m with c_w the count of n-gram w, N their sum. Range 1/m
    to 1, higher is more varied; 1 at m = 1, raw distinct-n at m = N. Does not depend on the number
    of texts of a source. None if there are fewer than m n-grams. Compare only at equal m.
    """
    if m < 1:
        raise ValueError(f"m = {m}; draw at least one n-gram")
    counts = ngram_counts(texts, n)
    if counts.total() < m:
        return None
    return expected_classes(list(counts.values()), m) / m


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
    packed: Packed, group: Integers, *, groups: int, max_n: int, m: int, vocabulary: int
) -> dict[str, Floats]:
    """Compute `distinct_{n}`, `distinct_{n}_rarefied` and `ead_{n}` of every group at once, NaN if
    undefined. Equal to the functions above, and linear in the number of tokens."""
    columns: dict[str, Floats] = {}
    for n, order in enumerate(grams(packed, group, max_n=max_n), start=1):
        counts = order.counts
        owner = group[order.text[order.starts]]
        types = np.bincount(owner, minlength=groups).astype(np.float64)
        total = np.bincount(owner, weights=counts, minlength=groups)
        with np.errstate(invalid="ignore"):  # 0 / 0 without any n-gram: undefined
            columns[f"distinct_{n}"] = types / total
            columns[f"ead_{n}"] = types / _expected_types(total, vocabulary)
        enough = total >= m
        present = np.where(
            enough[owner], 1.0 - absence(counts, np.maximum(total[owner], m), m), 0.0
        )
        rarefied = np.bincount(owner, weights=present, minlength=groups) / m
        columns[f"distinct_{n}_rarefied"] = np.where(enough, rarefied, np.nan)
    return columns
