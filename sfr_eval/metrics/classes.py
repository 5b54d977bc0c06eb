"""Counts distinct answers: replies are grouped into classes of equal meaning.

The classes do not depend on the order of the replies. A partition that compares only with the first
member of a class gives 21 to 27 classes for the same 64 texts in different orders.
"""

import math
from collections import Counter
from collections.abc import Hashable, Sequence

import numpy as np
import numpy.typing as npt

from sfr_eval.metrics.checks import unit_rows
from sfr_eval.stats.arrays import Integers
from sfr_eval.stats.rarefaction import absence

MAX_DISTANCE = 0.2
"""Cosine distance up to which two replies say the same, and average linkage merges two groups.

Chosen on NoveltyBench's archive: 40,500 pairs of replies to one prompt of 9 models, by its classes
(docs/metrics/semantic_sets.md)."""


def distinct_k(labels: Sequence[Hashable], k: int, *, total: int | None = None) -> float | None:
    """Expected number of distinct classes among k of the n labelled replies, drawn without
    replacement: sum_j [1 - C(n - n_j, k) / C(n, k)].

    Unbiased for a draw of k at every n >= k. Range 1 to k, higher is more varied; None if n < k.
    `total` is n if only some of n replies passed a filter and have labels; the others then add
    nothing (range 0 to k).
    """
    if k < 1:
        raise ValueError(f"k = {k}; draw at least one reply")
    n = len(labels) if total is None else total
    if n < len(labels):
        raise ValueError(f"total = {n}, but {len(labels)} replies have labels")
    if n < k:
        return None
    sizes = np.array(list(Counter(labels).values()), dtype=np.int64)
    return float((1.0 - absence(sizes, n, k)).sum())


def utility_k(
    labels: Sequence[Hashable], scores: Sequence[float], k: int, *, patience: float = 0.8
) -> float | None:
    """Expected patience-weighted quality of the first k replies, in which a reply counts only if it
    is the first of its class (NoveltyBench 2504.05228), averaged over all orders.

    sum_x s_x sum_{i<k} p^i C(n - m_x, i) / (n C(n - 1, i)) / sum_{i<k} p^i, with s_x the score of
    reply x and m_x the size of its class. In the unit of the scores, higher is better; None if
    n < k.
    """
    n = len(labels)
    if len(scores) != n:
        raise ValueError(f"scores has {len(scores)} rows, labels has {n}")
    if k < 1:
        raise ValueError(f"k = {k}; take at least one reply")
    if n < k:
        return None
    sizes = Counter(labels)
    weight = {
        m: sum(patience**i * math.comb(n - m, i) / (n * math.comb(n - 1, i)) for i in range(k))
        for m in set(sizes.values())
    }
    total = sum(score * weight[sizes[label]] for label, score in zip(labels, scores, strict=True))
    return total / sum(patience**i for i in range(k))


def meaning_classes(embeddings: npt.ArrayLike, *, max_distance: float = MAX_DISTANCE) -> Integers:
    """Assign a class to each text: average linkage on cosine distances, cut at `max_distance`.

    Shape (n,), numbered from 0 in order of first appearance. The partition does not depend on the
    order of the texts.
    """
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    rows = unit_rows(embeddings)
    if len(rows) < 2:
        return np.zeros(len(rows), dtype=np.int64)
    order = np.lexsort(rows.T)  # by content, so that ties between pairs always break the same way
    distances = np.maximum(1.0 - rows[order] @ rows[order].T, 0.0)
    np.fill_diagonal(distances, 0.0)
    tree = linkage(squareform((distances + distances.T) / 2, checks=False), method="average")
    labels = np.empty(len(rows), dtype=np.int64)
    labels[order] = fcluster(tree, t=max_distance, criterion="distance")
    numbers = {label: number for number, label in enumerate(dict.fromkeys(labels.tolist()))}
    return np.array([numbers[label] for label in labels.tolist()], dtype=np.int64)
