"""Hidden states in two dimensions, for the eye. Nothing is measured here but how well LDA's axes
tell personas apart on queries that they were not fitted on.

PCA shows the directions of most spread, whatever they mean. LDA looks for directions that separate
personas, and in many dimensions it finds some in any noise: so it is fitted on half of the queries
and only the other half is drawn. t-SNE keeps neighbours together; distances between its groups and
their sizes mean nothing.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from sfr_eval.metrics.probe import balanced_accuracy
from sfr_eval.metrics.spectra import Doubles, Floats, Ints

POINTS = 450  # at most; more would be a blot, and t-SNE slow
COMPONENTS = 50  # of PCA before LDA and t-SNE
PERPLEXITY = 30.0
ITERATIONS = 500  # of t-SNE; half of scikit-learn's default, for a few hundred points


def chosen_queries(counts: Mapping[str, int], *, points: int = POINTS) -> list[str]:
    """Every i-th query so that no more than `points` rows are left, at least one."""
    queries = list(counts)
    for step in range(1, len(queries) + 1):
        if sum(counts[query] for query in queries[::step]) <= points:
            return queries[::step]
    return queries[:1]


def centred_by(vectors: Floats, groups: Ints) -> Doubles:
    """Rows minus the mean of their group, shape (n, d): what the question says is taken away."""
    rows = np.array(vectors, np.float64)
    for group in np.unique(groups):
        rows[groups == group] -= rows[groups == group].mean(axis=0)
    return rows


def maps(vectors: Floats, personas: Ints, queries: Ints) -> dict[str, Any]:
    """{"pca": ..., "lda": ..., "tsne": ...} of centred rows (n, d); a map that the rows do not
    allow is absent. Each has `rows` (which of the n it shows), `x` and `y`."""
    from threadpoolctl import threadpool_limits

    n = len(vectors)
    if n < 4:
        return {}
    with threadpool_limits(limits=1):  # sums in one order: equal rows give equal maps
        coordinates, explained = principal(vectors, COMPONENTS)
        if coordinates.shape[1] < 2:
            return {}
        found = {"pca": {**_points(range(n), coordinates), "explained": explained[:2].tolist()}}
        lda = _lda(coordinates, personas, queries)
        if lda is not None:
            found["lda"] = lda
        if n > 10:
            found["tsne"] = _points(range(n), _tsne(coordinates))
    return found


def principal(vectors: Floats, components: int) -> tuple[Doubles, Doubles]:
    """Return (coordinates (n, m), share of the variance of each axis), m <= components. The sign of
    an axis is that of its largest coordinate, so that equal data give equal pictures."""
    from sklearn.decomposition import PCA

    rows = np.asarray(vectors, np.float64)
    pca = PCA(min(components, *rows.shape), svd_solver="full")
    with np.errstate(invalid="ignore"):  # rows without any spread: 0 / 0
        coordinates = pca.fit_transform(rows)
    rank = int((pca.singular_values_ > pca.singular_values_[0] * 1e-6).sum())
    coordinates = coordinates[:, :rank]
    largest = np.abs(coordinates).argmax(axis=0)
    signs = np.sign(coordinates[largest, np.arange(rank)])
    return coordinates * signs, pca.explained_variance_ratio_[:rank]


def _lda(coordinates: Doubles, personas: Ints, queries: Ints) -> dict[str, Any] | None:
    """Fitted on every other query, shown on the rest."""
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    fitted = np.isin(queries, np.unique(queries)[::2])
    shown = np.flatnonzero(~fitted)
    classes, counts = np.unique(personas[fitted], return_counts=True)
    if len(classes) < 3 or counts.min() < 2 or not np.isin(personas[shown], classes).all():
        return None  # two axes need three personas
    if len(shown) < 4:
        return None
    # Fewer dimensions than rows to fit on, or the fit separates anything.
    used = min(coordinates.shape[1], int(fitted.sum()) // 4)
    if used < 2:
        return None
    model = LinearDiscriminantAnalysis(solver="eigen", shrinkage="auto", n_components=2)
    model.fit(coordinates[fitted, :used], personas[fitted])
    guesses = model.predict(coordinates[shown, :used])
    return {
        **_points(shown.tolist(), model.transform(coordinates[shown, :used])),
        "held_out_accuracy": balanced_accuracy(personas[shown], guesses),
        "chance_accuracy": 1 / len(classes),
    }


def _tsne(coordinates: Doubles) -> npt.NDArray[Any]:
    from sklearn.manifold import TSNE

    perplexity = min(PERPLEXITY, (len(coordinates) - 1) / 3)
    model = TSNE(perplexity=perplexity, init="pca", random_state=0, n_jobs=1, max_iter=ITERATIONS)
    found: npt.NDArray[Any] = model.fit_transform(coordinates.astype(np.float32))
    return found


def _points(rows: Sequence[int], coordinates: npt.NDArray[Any]) -> dict[str, Any]:
    return {
        "rows": list(rows),
        "x": [float(value) for value in coordinates[:, 0]],
        "y": [float(value) for value in coordinates[:, 1]],
    }
