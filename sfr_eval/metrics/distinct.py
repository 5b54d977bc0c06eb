"""How many different n-grams? Raw (for comparison with papers) and in forms that can be compared.

The raw share falls as texts are added: .78, .68, .47, .33 at 8, 16, 64, 256 texts of one source
(distinct-2). The rarefied one stays: .92 at all four.
"""

from collections import Counter
from collections.abc import Hashable, Sequence

import numpy as np

from sfr_eval.metrics.checks import check_texts
from sfr_eval.metrics.ngrams import Floats, Integers, Packed, grams
from sfr_eval.stats.rarefaction import absence, expected_classes

EAD_VOCABULARY = 50_257
"""Of GPT-2: what most published EAD values were computed with."""


def ngram_counts(texts: Sequence[Sequence[Hashable]], n: int) -> Counter[tuple[Hashable, ...]]:
    """How often each n-gram occurs; none crosses the border of a text."""
    check_texts(texts)
    if n < 1:
        raise ValueError(f"n = {n}; n-grams have at least one token")
    return Counter(
        gram for text in texts for gram in zip(*(text[i:] for i in range(n)), strict=False)
    )


def distinct_n(texts: Sequence[Sequence[Hashable]], n: int) -> float | None:
    """Different n-grams over all n-grams of a set of texts (Li et al. 1510.03055).

    Range 0 to 1, higher is more varied. None when no text has n tokens. Falls as texts are added
    and as they get longer, so compare only at equal k and similar length.
    """
    counts = ngram_counts(texts, n)
    return len(counts) / counts.total() if counts else None


def rarefied_distinct_n(texts: Sequence[Sequence[Hashable]], n: int, m: int) -> float | None:
    """Expected share of different n-grams among m drawn without replacement (Hurlbert 1971).

    sum_w [1 - C(N - c_w, m) / C(N, m)] / m with c_w the count of n-gram w, N their sum. Range 1/m
    to 1, higher is more varied; 1 at m = 1, raw distinct-n at m = N. Does not move with the number
    of texts of a source. None where there are fewer than m n-grams: m must be common to all that
    is compared.
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
    """EAD: different n-grams over those that N uniform draws from V would show (Liu et al.
    2202.13587): types / (V (1 - ((V - 1) / V)^N)).

    From 0 up, about 1 when nothing repeats; higher is more varied. V is the unigram vocabulary
    for every n, as in published code. None without an n-gram. It still falls with k: no vocabulary
    is drawn from uniformly.
    """
    counts = ngram_counts(texts, n)
    if not counts:
        return None
    return len(counts) / float(_expected_types(np.array(counts.total()), vocabulary))


def _expected_types(total: Floats | Integers, vocabulary: int) -> Floats:
    # log1p and expm1: (1 - 1/V)^N loses all digits for small N.
    return np.asarray(-vocabulary * np.expm1(total * np.log1p(-1.0 / vocabulary)))


def grouped_distinct(
    packed: Packed, group: Integers, *, groups: int, max_n: int, m: int, vocabulary: int
) -> dict[str, Floats]:
    """`distinct_{n}`, `distinct_{n}_rarefied` and `ead_{n}` of every group at once, NaN where
    undefined; equal to the functions above, and linear in the number of tokens."""
    found: dict[str, Floats] = {}
    for n, order in enumerate(grams(packed, group, max_n=max_n), start=1):
        counts = order.counts
        of = group[order.text[order.starts]]
        types = np.bincount(of, minlength=groups).astype(np.float64)
        total = np.bincount(of, weights=counts, minlength=groups)
        with np.errstate(invalid="ignore"):  # 0 / 0: no n-gram, undefined
            found[f"distinct_{n}"] = types / total
            found[f"ead_{n}"] = types / _expected_types(total, vocabulary)
        enough = total >= m
        shown = np.where(enough[of], 1.0 - absence(counts, np.maximum(total[of], m), m), 0.0)
        rarefied = np.bincount(of, weights=shown, minlength=groups) / m
        found[f"distinct_{n}_rarefied"] = np.where(enough, rarefied, np.nan)
    return found
