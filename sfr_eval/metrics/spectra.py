"""Measures of a set of hidden states: how many directions they use, how far personas are apart.

All take vectors as rows, shape (n, d), in any float type, and compute in float64. None depends on
where the origin lies (they centre) or on a rotation; none but `effective_rank` depends on n in
expectation, up to the bias of a ratio.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]
Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.integer[Any]]

# Below this share of their mean square, what is left after centring is rounding of float32.
ROUNDING = 1e-12


def participation_ratio(vectors: Floats) -> float | None:
    """(sum of lambda)^2 / sum of lambda^2 of the covariance: the number of directions in use.

    1 when all vectors lie on a line, d when they spread alike in all d directions. Both traces are
    unbiased U-statistics over quadruples of different rows: tr(S)^2 from products of squared
    distances of two pairs without a common row, tr(S^2) as the unbiased HSIC of the linear kernel
    with itself (Song et al. 2012, eq. 5). So it does not rise with n, as the ratio of the sample
    covariance does; it may exceed d by chance. None below 4 rows, and where the rows are equal.
    """
    n = len(vectors)
    if n < 4:
        return None
    gram = _gram(vectors)
    if gram is None:
        return None
    own = np.diag(gram)
    half_squares = (own[:, None] + own[None, :]) / 2 - gram  # |x_i - x_j|^2 / 2
    total, rows = half_squares.sum(), half_squares.sum(axis=1)
    quadruples = total**2 - 4 * rows @ rows + 2 * np.square(half_squares).sum()
    squared_trace = quadruples / (n * (n - 1) * (n - 2) * (n - 3))
    trace_of_square = unbiased_hsic(gram, gram)
    return float(squared_trace / trace_of_square) if trace_of_square > 0 else None


def effective_rank(
    vectors: Floats, *, rows: int, subsets: int, generator: np.random.Generator
) -> float | None:
    """exp of the entropy of the normalised singular values of `rows` centred rows.

    Between 1 and rows - 1 (and at most d). It rises with the number of rows, so that number is
    fixed, and the value is the mean over `subsets` random subsets. None with fewer rows, and where
    all rows are equal. Source: Roy and Vetterli 2007, eq. 3.
    """
    n = len(vectors)
    if n < rows:
        return None
    gram = _gram(vectors)
    if gram is None:
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


def persona_share(vectors: Floats, personas: Ints) -> float | None:
    """Share of the variance that lies between personas, between / (between + within).

    Analysis of variance in all dimensions together, `personas` the group of each row: within is
    the mean square inside groups, between is (mean square of groups - within) / k0 with k0 the
    group size. 0 in expectation when personas do not matter (so it may be negative), 1 when all
    replies of a persona are the same and personas are not; it does not depend on the group size.
    between / within is share / (1 - share). None with one persona, without two rows of one
    persona, or where all rows are equal. Source: Anderson 2001 (the pseudo-F of distances).
    """
    gram = _gram(vectors)
    return None if gram is None else _shares(gram, personas[None, :])[0]


def permuted_shares(
    vectors: Floats, personas: Ints, *, permutations: int, generator: np.random.Generator
) -> Doubles | None:
    """`persona_share` for permuted personas, shape (permutations,): what chance gives."""
    gram = _gram(vectors)
    if gram is None:
        return None
    labels = generator.permuted(np.tile(personas, (permutations, 1)), axis=1)
    found = _shares(gram, labels)
    return None if found[0] is None else np.array(found, np.float64)


def persona_cosine(vectors: Floats, personas: Ints, *, centre: Floats) -> float | None:
    """Mean cosine of two rows of different personas after taking `centre` away; lower is further
    apart. -1 to 1. Hidden states share a large mean, which makes raw cosines near 1 for anything.
    None with one persona, or where a row equals the centre."""
    units = _units(vectors, centre)
    return None if units is None else _cosines(units @ units.T, personas[None, :])[0]


def permuted_cosines(
    vectors: Floats,
    personas: Ints,
    *,
    centre: Floats,
    permutations: int,
    generator: np.random.Generator,
) -> Doubles | None:
    """`persona_cosine` for permuted personas, shape (permutations,)."""
    units = _units(vectors, centre)
    if units is None:
        return None
    labels = generator.permuted(np.tile(personas, (permutations, 1)), axis=1)
    found = _cosines(units @ units.T, labels)
    return None if found[0] is None else np.array(found, np.float64)


def cka(one: Floats, other: Floats) -> float | None:
    """Debiased linear CKA of two representations of the same rows, shapes (n, d) and (n, e).

    1 for the same arrangement up to rotation, shift and scale; 0 in expectation for independent
    ones, so it may be negative. None below 4 rows, and where one side has no spread. Source:
    Kornblith et al. 2019 with the unbiased HSIC of Song et al. 2012, eq. 5.
    """
    if len(one) < 4:
        return None
    left, right = _gram(one), _gram(other)
    if left is None or right is None:
        return None
    own = unbiased_hsic(left, left) * unbiased_hsic(right, right)
    return float(unbiased_hsic(left, right) / np.sqrt(own)) if own > 0 else None


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
    """Share of the mean square length that is the mean vector's: near 1 is a narrow cone."""
    rows = np.asarray(vectors, np.float64)
    square = np.square(rows).sum(axis=1).mean() if len(rows) else 0.0
    mean = rows.mean(axis=0) if len(rows) else rows
    return float(mean @ mean / square) if square > 0 else None


def _gram(vectors: Floats) -> Doubles | None:
    """Inner products of centred rows; None where nothing but rounding is left of them."""
    rows = np.asarray(vectors, np.float64)
    if not len(rows):
        return None
    centred = rows - rows.mean(axis=0)
    if np.square(centred).sum() <= ROUNDING * np.square(rows).sum():
        return None
    found: Doubles = centred @ centred.T
    return found


def _units(vectors: Floats, centre: Floats) -> Doubles | None:
    rows = np.asarray(vectors, np.float64) - centre
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    if not len(rows) or not (lengths > 0).all():
        return None
    found: Doubles = rows / lengths
    return found


def _groups(labels: Ints) -> Doubles:
    """One-hot personas, shape (permutations, rows, personas)."""
    personas = np.unique(labels[0])
    found: Doubles = (labels[:, :, None] == personas).astype(np.float64)
    return found


def _shares(gram: Doubles, labels: Ints) -> Sequence[float | None]:
    """persona_share for each row of labels; the sizes of the groups are the same in all."""
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


def _cosines(cosines: Doubles, labels: Ints) -> Sequence[float | None]:
    groups = _groups(labels)
    sizes = groups[0].sum(axis=0)
    pairs = len(cosines) ** 2 - np.square(sizes).sum()
    if not pairs:
        return [None] * len(labels)
    same = np.einsum("bnp,bnp->b", groups, cosines @ groups)
    found: list[float | None] = ((cosines.sum() - same) / pairs).tolist()
    return found
