"""Hidden states in two dimensions, for plots. The only measure is how well LDA's axes tell personas
apart on queries that they were not fitted on.

PCA shows the directions of largest spread, whatever they mean. LDA looks for directions that
separate personas, and in many dimensions finds some in any noise, so it is fitted on half of the
queries and only the other half is shown. t-SNE keeps neighbours together; the distances between its
groups and their sizes mean nothing.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from sfr_eval.metrics.reliability import balanced_accuracy
from sfr_eval.stats.arrays import Doubles, Floats, Integers

POINTS = 450  # at most; more would overlap, and t-SNE would be slow
COMPONENTS = 50  # of PCA before LDA and t-SNE
PERPLEXITY = 30.0
ITERATIONS = 500  # of t-SNE; half of scikit-learn's default, for a few hundred points


def chosen_queries(counts: Mapping[str, int], *, points: int = POINTS) -> list[str]:
    """Return every i-th query such that at most `points` rows remain, but at least one query."""
    queries = list(counts)
    for step in range(1, len(queries) + 1):
        if sum(counts[query] for query in queries[::step]) <= points:
            return queries[::step]
    return queries[:1]


def centred_by(vectors: Floats, groups: Integers) -> Doubles:
    """Subtract from each row the mean of its group, shape (n, d), which removes the question."""
    rows = np.array(vectors, np.float64)
    for group in np.unique(groups):
        rows[groups == group] -= rows[groups == group].mean(axis=0)
    return rows


def maps(vectors: Floats, personas: Integers, queries: Integers) -> dict[str, Any]:
    """Return {"pca": ..., "lda": ..., "tsne": ...} of centred rows (n, d), without the maps that
    the rows do not allow. Each has `rows` (which of the n it shows), `x` and `y`."""
    from threadpoolctl import threadpool_limits

    n = len(vectors)
    if n < 4:
        return {}
    with threadpool_limits(limits=1):  # one order of sums, so that equal rows give equal maps
        coordinates, explained = principal(vectors, COMPONENTS)
        if coordinates.shape[1] < 2:
            return {}
        plots = {"pca": {**_points(range(n), coordinates), "explained": explained[:2].tolist()}}
        if lda := _lda(coordinates, personas, queries):
            plots["lda"] = lda
        if n > 10:
            plots["tsne"] = _points(range(n), _tsne(coordinates))
    return plots


def principal(vectors: Floats, components: int) -> tuple[Doubles, Doubles]:
    """Return (coordinates (n, m), share of the variance of each axis), m <= components. The sign of
    an axis is that of its largest coordinate, so that equal data give equal pictures."""
    rows = np.asarray(vectors, np.float64)
    rows = rows - rows.mean(axis=0)
    # sklearn's PCA differs in the last bit, which t-SNE turns into another picture.
    left, values, _ = np.linalg.svd(rows, full_matrices=False)
    rank = min(components, int((values > values[0] * 1e-6).sum())) if values[0] > 0 else 0
    coordinates = left[:, :rank] * values[:rank]
    largest = np.abs(coordinates).argmax(axis=0)
    coordinates = coordinates * np.sign(coordinates[largest, np.arange(rank)])
    return coordinates, np.square(values[:rank]) / np.square(values).sum()


def _lda(coordinates: Doubles, personas: Integers, queries: Integers) -> dict[str, Any] | None:
    """Fit LDA on every other query and show it on the rest."""
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    fit_rows = np.isin(queries, np.unique(queries)[::2])
    held_out = np.flatnonzero(~fit_rows)
    classes, counts = np.unique(personas[fit_rows], return_counts=True)
    if len(classes) < 3 or counts.min() < 2 or not np.isin(personas[held_out], classes).all():
        return None  # two axes need three personas
    # With as many dimensions as rows, the fit would separate anything.
    dimensions = min(coordinates.shape[1], int(fit_rows.sum()) // 4)
    if len(held_out) < 4 or dimensions < 2:
        return None
    model = LinearDiscriminantAnalysis(solver="eigen", shrinkage="auto", n_components=2)
    model.fit(coordinates[fit_rows, :dimensions], personas[fit_rows])
    guesses = model.predict(coordinates[held_out, :dimensions])
    return {
        **_points(held_out.tolist(), model.transform(coordinates[held_out, :dimensions])),
        "held_out_accuracy": balanced_accuracy(personas[held_out], guesses),
        "chance_accuracy": 1 / len(classes),
    }


def _tsne(coordinates: Doubles) -> npt.NDArray[Any]:
    from sklearn.manifold import TSNE

    perplexity = min(PERPLEXITY, (len(coordinates) - 1) / 3)
    model = TSNE(perplexity=perplexity, init="pca", random_state=0, n_jobs=1, max_iter=ITERATIONS)
    points: npt.NDArray[Any] = model.fit_transform(coordinates.astype(np.float32))
    return points


def _points(rows: Sequence[int], coordinates: npt.NDArray[Any]) -> dict[str, Any]:
    x, y = coordinates[:, :2].astype(np.float64).T.tolist()
    return {"rows": list(rows), "x": x, "y": y}
