"""Measures of a set of hidden states: how many directions they use, how far apart personas are.

All take vectors as rows, shape (n, d), in any float type, and compute in float64. None depends on
the origin (they centre) or on a rotation; only `effective_rank` depends on n in expectation, up to
the bias of a ratio.
"""

from collections.abc import Sequence

import numpy as np

from sfr_eval.stats.arrays import Doubles, Floats, Integers

# Below this share of the mean square, what remains after centring is float32 rounding.
ROUNDING = 1e-12


def participation_ratio(vectors: Floats) -> float | None:
    """(sum of lambda)^2 / sum of lambda^2 of the covariance: the number of directions in use.

    1 if all vectors lie on a line, d if they spread equally in all d directions. Both traces are
    unbiased U-statistics over quadruples of different rows: tr(S)^2 from products of squared
    distances of two pairs without a common row, tr(S^2) as the unbiased HSIC of the linear kernel
    with itself (Song et al. 2012, eq. 5). Hence it does not increase with n, unlike the ratio of
    the sample covariance; it may exceed d by chance. None below 4 rows, or if the rows are equal.
    """
    n, gram = len(vectors), _gram(vectors)
    if n < 4 or gram is None:
        return None
    lengths = np.diag(gram)
    half_squares = (lengths[:, None] + lengths[None, :]) / 2 - gram  # |x_i - x_j|^2 / 2
    total, rows = half_squares.sum(), half_squares.sum(axis=1)
    quadruples = total**2 - 4 * rows @ rows + 2 * np.square(half_squares).sum()
    squared_trace = quadruples / (n * (n - 1) * (n - 2) * (n - 3))
    trace_of_square = unbiased_hsic(gram, gram)
    return float(squared_trace / trace_of_square) if trace_of_square > 0 else None


def effective_rank(
    vectors: Floats, *, rows: int, subsets: int, generator: np.random.Generator
) -> float | None:
    """exp of the entropy of the normalised singular values of `rows` centred rows.

    Between 1 and rows - 1 (and at most d). It increases with the number of rows, so that number is
    fixed, and the value is the mean over `subsets` random subsets. None with fewer rows, or if all
    are equal. Source: Roy and Vetterli 2007, eq. 3.
    """
    n, gram = len(vectors), _gram(vectors)
    if n < rows or gram is None:
        return None
    chosen = np.stack([generator.permutation(n)[:rows] for _ in range(subsets)])
    parts = gram[chosen[:, :, None], chosen[:, None, :]]
    parts = parts - parts.mean(axis=1, keepdims=True)
    parts = parts - parts.mean(axis=2, keepdims=True)
    squares = np.linalg.eigvalsh(parts).clip(min=0)
    squares = np.where(squares > squares.max(axis=1, keepdims=True) * ROUNDING, squares, 0)
    values = np.sqrt(squares)
    sums = values.sum(axis=1, keepdims=True)
    if not (sums > 0).all():
        return None  # a subset of equal rows has no direction
    shares = values / sums
    logs = np.log(shares, out=np.zeros_like(shares), where=shares > 0)
    return float(np.exp(-(shares * logs).sum(axis=1)).mean())


def persona_share(vectors: Floats, personas: Integers) -> float | None:
    """Share of the variance that lies between personas, between / (between + within).

    Analysis of variance in all dimensions together, `personas` the group of each row: within is
    the mean square inside groups, between is (mean square of groups - within) / k0 with k0 the
    group size. 0 in expectation if personas do not matter (so it may be negative), 1 if all replies
    of a persona are equal and personas are not; it does not depend on the group size. between /
    within is share / (1 - share). None with one persona, without two rows of one persona, or if all
    rows are equal. Source: Anderson 2001 (the pseudo-F of distances).
    """
    gram = _gram(vectors)
    return None if gram is None else _shares(gram, personas[None, :])[0]


def permuted_shares(
    vectors: Floats, personas: Integers, *, permutations: int, generator: np.random.Generator
) -> Doubles | None:
    """Compute `persona_share` for permuted personas, shape (permutations,): the null."""
    gram = _gram(vectors)
    if gram is None:
        return None
    labels = generator.permuted(np.tile(personas, (permutations, 1)), axis=1)
    shares = _shares(gram, labels)
    return None if shares[0] is None else np.array(shares, np.float64)


def persona_cosine(vectors: Floats, personas: Integers, *, centre: Floats) -> float | None:
    """Mean cosine of two rows of different personas after subtracting `centre`, -1 to 1; lower is
    further apart. Hidden states share a large mean, which puts all raw cosines near 1. None with
    one persona, or if a row equals the centre."""
    units = _units(vectors, centre)
    return None if units is None else _cosines(units @ units.T, personas[None, :])[0]


def permuted_cosines(
    vectors: Floats,
    personas: Integers,
    *,
    centre: Floats,
    permutations: int,
    generator: np.random.Generator,
) -> Doubles | None:
    """Compute `persona_cosine` for permuted personas, shape (permutations,): the null."""
    units = _units(vectors, centre)
    if units is None:
        return None
    labels = generator.permuted(np.tile(personas, (permutations, 1)), axis=1)
    cosines = _cosines(units @ units.T, labels)
    return None if cosines[0] is None else np.array(cosines, np.float64)


def cka(one: Floats, other: Floats) -> float | None:
    """Debiased linear CKA of two representations of the same rows, shapes (n, d) and (n, e).

    1 for the same arrangement up to rotation, shift and scale; 0 in expectation for independent
    ones, so it may be negative. None below 4 rows, or if one side has no spread. Source:
    Kornblith et al. 2019 with the unbiased HSIC of Song et al. 2012, eq. 5.
    """
    left, right = _gram(one), _gram(other)
    if len(one) < 4 or left is None or right is None:
        return None
    scale = unbiased_hsic(left, left) * unbiased_hsic(right, right)
    return float(unbiased_hsic(left, right) / np.sqrt(scale)) if scale > 0 else None


def unbiased_hsic(left: Doubles, right: Doubles) -> float:
    """Unbiased HSIC of two Gram matrices, n >= 4; with linear kernels |cov(X, Y)|^2 (Frobenius)."""
    n = len(left)
    left, right = left - np.diag(np.diag(left)), right - np.diag(np.diag(right))
    rows_left, rows_right = left.sum(axis=0), right.sum(axis=0)
    product = (left * right).sum()
    sums = rows_left.sum() * rows_right.sum() / ((n - 1) * (n - 2))
    cross = 2 * rows_left @ rows_right / (n - 2)
    return float((product + sums - cross) / (n * (n - 3)))


def mean_share(vectors: Floats) -> float | None:
    """Share of the mean vector in the mean squared length; near 1 for a narrow cone."""
    if not len(vectors):
        return None
    rows = np.asarray(vectors, np.float64)
    square, mean = np.square(rows).sum(axis=1).mean(), rows.mean(axis=0)
    return float(mean @ mean / square) if square > 0 else None


def _gram(vectors: Floats) -> Doubles | None:
    """Return inner products of the centred rows; None if nothing but rounding remains of them."""
    rows = np.asarray(vectors, np.float64)
    if not len(rows):
        return None
    centred = rows - rows.mean(axis=0)
    if np.square(centred).sum() <= ROUNDING * np.square(rows).sum():
        return None
    gram: Doubles = centred @ centred.T
    return gram


def _units(vectors: Floats, centre: Floats) -> Doubles | None:
    rows = np.asarray(vectors, np.float64) - centre
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    if not len(rows) or not (lengths > 0).all():
        return None
    units: Doubles = rows / lengths
    return units


def _groups(labels: Integers) -> Doubles:
    """Return one-hot personas, shape (permutations, rows, personas)."""
    personas = np.unique(labels[0])
    one_hot: Doubles = (labels[:, :, None] == personas).astype(np.float64)
    return one_hot


def _shares(gram: Doubles, labels: Integers) -> Sequence[float | None]:
    """Compute persona_share for each row of labels, which all have the same group sizes."""
    groups = _groups(labels)
    sizes = groups[0].sum(axis=0)
    n, count = len(gram), len(sizes)
    if count < 2 or n <= count:
        return [None] * len(labels)
    sums = np.einsum("bnp,bnp->bp", groups, gram @ groups)
    between_squares = (sums / sizes).sum(axis=1)  # the Gram matrix is centred
    within = (np.trace(gram) - between_squares) / (n - count)
    size = (n - np.square(sizes).sum() / n) / (count - 1)
    between = (between_squares / (count - 1) - within) / size
    total = between + within
    return [float(b / t) if t > 0 else None for b, t in zip(between, total, strict=True)]


def _cosines(cosines: Doubles, labels: Integers) -> Sequence[float | None]:
    groups = _groups(labels)
    sizes = groups[0].sum(axis=0)
    pairs = len(cosines) ** 2 - np.square(sizes).sum()
    if not pairs:
        return [None] * len(labels)
    same = np.einsum("bnp,bnp->b", groups, cosines @ groups)
    means: list[float | None] = ((cosines.sum() - same) / pairs).tolist()
    return means
