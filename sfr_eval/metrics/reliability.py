"""How far the style probe can be believed: its accuracy on replies to questions that it has not
seen, and what a probe gets that sees no style (chance, permuted labels, lengths, questions)."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sfr_eval.stats.arrays import Floats, Integers, Mask
from sfr_eval.stats.correction import Z

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

FOLDS = 5
PERMUTATIONS = 20
# The best of 1, .1, .01, .001 by held-out log-likelihood on 2,664 replies of the persona benchmark:
# -.93, -.67, -.68, -1.12. Style strength is a probability, so calibration matters.
C = 0.1
RIDGE = 100.0  # for the fast classifier of permuted labels

_SEED = 20_240_501

Strings = npt.NDArray[np.str_]
Fold = tuple[Integers, Integers]
"""Rows to fit on, rows to test on"""


@dataclass(frozen=True, kw_only=True)
class Accuracy:
    """A balanced accuracy with its 95 % interval."""

    value: float
    low: float
    high: float


def classifier() -> "Pipeline":
    """Return an unfitted classifier of personas: a logistic regression on standardised rows."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    # "balanced", since a run asks personas equally often, whatever their share of labelled data.
    regression = LogisticRegression(C=C, max_iter=300, class_weight="balanced")
    return make_pipeline(StandardScaler(), regression)


def question_groups(texts: Sequence[str], queries: Strings) -> Strings:
    """Return the group of each reply: its query, or if that is unknown, it and its copies."""
    digests = [hashlib.sha256(text.encode()).hexdigest()[:16] for text in texts]
    return np.where(queries == "", np.array([f"\0{d}" for d in digests], dtype=np.str_), queries)


def folds(labels: Strings, groups: Strings) -> list[Fold]:
    """Return FOLDS parts of the rows that share no group and have about the same mixture of labels;
    fewer where there are fewer groups, or where some label would be missing from what a part is
    fitted on, and [] where it is missing from two halves as well."""
    _, code = np.unique(labels, return_inverse=True)
    _, group = np.unique(groups, return_inverse=True)
    counts = np.zeros((int(group.max()) + 1, int(code.max()) + 1))
    np.add.at(counts, (group, code), 1)
    # Groups are dealt out like cards, sorted by the label to which each contributes most, then by
    # size. StratifiedGroupKFold of sklearn does much the same in seconds for thousands of groups.
    order = np.lexsort((-counts.sum(axis=1), (counts / counts.sum(axis=0)).argmax(axis=1)))
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    for count in range(min(FOLDS, len(order)), 1, -1):
        parts = place % count
        if all(counts[parts != part].sum(axis=0).min() for part in range(count)):
            fold = parts[group]
            return [(np.flatnonzero(fold != i), np.flatnonzero(fold == i)) for i in range(count)]
    return []


def out_of_fold(features: Floats, labels: Strings, parts: Sequence[Fold]) -> Strings:
    """Return the label that a classifier gives to each row, fitted on the other folds."""
    guesses = np.empty_like(labels)
    for train, test in parts:
        guesses[test] = classifier().fit(features[train], labels[train]).predict(features[test])
    return guesses


def balanced_accuracy(labels: npt.NDArray[Any], guesses: npt.NDArray[Any]) -> float:
    """Mean recall over classes: 0 to 1, 1/classes by chance, whatever their sizes."""
    return float(np.mean([np.mean(guesses[labels == c] == c) for c in np.unique(labels)]))


def accuracy(labels: Strings, guesses: Strings, groups: Strings) -> Accuracy:
    """Return the balanced accuracy with Wilson's interval of a share, for as many independent
    replies as would have its jackknife error over questions. Never narrower than that of as many
    replies as rows, and where all or none is right, of as many as questions."""
    value = balanced_accuracy(labels, guesses)
    _, group = np.unique(groups, return_inverse=True)
    _, code = np.unique(labels, return_inverse=True)
    shape = (int(group.max()) + 1, int(code.max()) + 1)
    total, right = np.zeros(shape), np.zeros(shape)
    np.add.at(total, (group, code), 1)
    np.add.at(right, (group, code), labels == guesses)
    rest = total.sum(axis=0) - total
    # A persona all of whose replies answer one question keeps its recall without that question.
    recalls = np.where(rest > 0, right.sum(axis=0) - right, right.sum(axis=0))
    left_out = (recalls / np.where(rest > 0, rest, total.sum(axis=0))).mean(axis=1)
    error = (len(left_out) - 1) * float(np.mean((left_out - left_out.mean()) ** 2))
    n = value * (1 - value) / error if error > 1e-12 else float(len(left_out))
    n = min(n, float(len(labels)))
    middle = (value + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z * np.sqrt(value * (1 - value) / n + Z**2 / (4 * n**2)) / (1 + Z**2 / n)
    low, high = min(value, middle - float(half)), max(value, middle + float(half))
    return Accuracy(value=value, low=max(0.0, low), high=min(1.0, high))


def crossed(labels: Strings, queries: Strings) -> bool:
    """Whether every query is known and answered by every persona."""
    if not queries.all():
        return False
    pairs = {*zip(queries.tolist(), labels.tolist(), strict=True)}
    return len(pairs) == len(set(queries)) * len(set(labels))


def permuted_accuracies(
    embeddings: Floats, labels: Strings, queries: Strings, parts: Sequence[Fold]
) -> list[float]:
    """Return balanced accuracies with permuted labels, about 1/classes unless something leaks.

    Labels are permuted within queries only where all personas answer all of them. Elsewhere a query
    whose replies are all one persona's would keep its labels, and with them the style; there they
    are permuted within folds, since a label that is frequent in what is fitted and so rare in what
    is tested gives less than chance. Ridge regression on one-hot labels is solved once for each
    fold and serves every permutation.
    """
    classes, codes = np.unique(labels, return_inverse=True)
    block = np.zeros(len(codes), dtype=np.intp)
    for number, (_, test) in enumerate(parts):
        block[test] = number
    if crossed(labels, queries):
        _, block = np.unique(queries, return_inverse=True)
    random = np.random.default_rng(_SEED)
    start = np.argsort(block, kind="stable")
    permuted = np.empty((PERMUTATIONS, len(codes)), dtype=codes.dtype)
    for row in permuted:
        row[start] = codes[np.lexsort((random.random(len(codes)), block))]
    guesses = np.empty_like(permuted)
    targets = np.eye(len(classes))[permuted]  # permutation, reply, class
    for train, test in parts:
        mean, scale = embeddings[train].mean(axis=0), embeddings[train].std(axis=0)
        x, x_test = ((embeddings[i] - mean) / np.where(scale > 0, scale, 1) for i in (train, test))
        solve = np.linalg.solve(x.T @ x + RIDGE * np.eye(x.shape[1]), x.T)
        shares = targets[:, train].mean(axis=1, keepdims=True)
        scores = x_test @ (solve @ (targets[:, train] - shares)) + shares
        guesses[:, test] = scores.argmax(axis=2)
    return [balanced_accuracy(*pair) for pair in zip(permuted, guesses, strict=True)]


def unshared(labels: Strings, queries: Strings) -> Mask:
    """Return which rows answer a known query that no other persona answers."""
    personas: dict[str, set[str]] = {}
    for query, label in zip(queries.tolist(), labels.tolist(), strict=True):
        personas.setdefault(query, set()).add(label)
    return np.array([bool(q) and len(personas[q]) == 1 for q in queries.tolist()], dtype=np.bool_)


def question_accuracy(
    labels: Strings, queries: Strings, embeddings: Mapping[str, Floats]
) -> Accuracy | None:
    """Return how well the questions alone tell the personas apart, by a classifier of embedded
    questions, tested on other questions; chance if every persona answers the same ones.

    `embeddings` holds a row for each query whose text is known. None if that is known for too few.
    """
    rows = np.flatnonzero([query in embeddings for query in queries.tolist()])
    labels, queries = labels[rows], queries[rows]
    if len(set(labels.tolist())) < 2 or len(set(queries.tolist())) < 2:
        return None
    parts = folds(labels, queries)
    if not parts:
        return None
    features = np.stack([embeddings[query] for query in queries.tolist()])
    return accuracy(labels, out_of_fold(features, labels, parts), queries)
