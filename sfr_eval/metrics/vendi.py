"""The effective number of distinct replies, from the similarities of all pairs.

K is the matrix of cosines of n texts (unit diagonal), lambda the eigenvalues of K / n, which sum
to 1. All functions take embeddings of shape (n, d), or (..., n, d) for many sets of one size, and
return a float or an array of shape (...).
"""

import math

import numpy as np
import numpy.typing as npt

from sfr_eval.metrics.checks import unit_rows
from sfr_eval.stats.arrays import Floats


def vendi_score(embeddings: npt.ArrayLike, q: float = 1.0) -> float | Floats:
    """Vendi score of order q: (sum_i lambda_i^q)^(1/(1-q)); exp(entropy) at q = 1, 1/lambda_max at
    q = inf (Friedman and Dieng 2210.02410; Pasarkar and Dieng 2310.12952).

    Range 1 (all equal) to n (orthonormal), higher is more varied. q = 1 increases with n: compare
    only at equal n, or use `vendi_pairs`. Rows are scaled to unit length; the smaller of the n x n
    and the d x d problem is solved. Raises ValueError for q <= 0 and for rows that are not finite.
    """
    if not q > 0:
        raise ValueError(f"q = {q}; the order of a Vendi score is above 0")
    return _number(vendi_from_spectrum(spectrum(unit_rows(embeddings)), q))


def spectrum(rows: Floats) -> Floats:
    """Return eigenvalues of K / n >= 0, shape (..., min(n, d)), for unit rows (..., n, d)."""
    n = rows.shape[-2]
    if not n:
        raise ValueError("embeddings are empty")
    values: Floats = np.linalg.eigvalsh(_gram(rows)) / n
    return np.maximum(values, 0.0)  # rounding leaves some at -1e-17


def _gram(rows: Floats) -> Floats:
    """Return the smaller of X X' and X' X, which have the same norm and nonzero eigenvalues."""
    n, d = rows.shape[-2:]
    transposed = np.swapaxes(rows, -1, -2)
    return np.asarray(rows @ transposed if n <= d else transposed @ rows)


def vendi_from_spectrum(values: Floats, q: float) -> Floats:
    """Return the Vendi score of order q, given the `spectrum`."""
    if q == 1:
        logs = np.log(np.where(values > 0, values, 1.0))
        return np.asarray(np.exp(-(values * logs).sum(axis=-1)))
    if math.isinf(q):
        return np.asarray(1.0 / values.max(axis=-1))
    return np.asarray((values**q).sum(axis=-1) ** (1.0 / (1.0 - q)))


def mean_squared_kernel(embeddings: npt.ArrayLike) -> float | Floats:
    """Mean of K_ij^2 over pairs i != j, unbiased at every n >= 2. Range 0 to 1, lower is more
    varied. NaN below two texts."""
    return _number(_mean_squared_kernel(unit_rows(embeddings)))


def vendi_pairs(embeddings: npt.ArrayLike) -> float | Floats:
    """Count-stable Vendi score of order 2 (RKE): 1 / mean of K_ij^2 over pairs i != j.

    From 1 up, and it may exceed n; infinite for orthonormal rows, NaN below two. Higher is more
    varied. The mean is unbiased at every n; its reciprocal has a bias of order 1/n, large at n <= 4
    and below about 5% from n = 16.
    """
    with np.errstate(divide="ignore"):
        return _number(1.0 / _mean_squared_kernel(unit_rows(embeddings)))


def _mean_squared_kernel(rows: Floats) -> Floats:
    n = rows.shape[-2]
    if n < 2:
        return np.full(rows.shape[:-2], np.nan)
    squares = np.square(_gram(rows)).sum(axis=(-1, -2))
    return np.asarray(np.clip((squares - n) / (n * (n - 1)), 0.0, 1.0))


def dpp_logdet(embeddings: npt.ArrayLike) -> float | Floats:
    """log det(K + I), the diversity of DQO (2509.04784, its bounded form). Natural log, from
    log(1 + n) (all equal) to n log 2 (orthonormal), higher is more varied. Increases with n."""
    return _number(logdet_from_spectrum(spectrum(rows := unit_rows(embeddings)), rows.shape[-2]))


def logdet_from_spectrum(values: Floats, n: int) -> Floats:
    """Return `dpp_logdet`, given the `spectrum`; omitted eigenvalues are 0 and add nothing."""
    return np.asarray(np.log1p(values * n).sum(axis=-1))


def _number(values: Floats) -> float | Floats:
    return float(values) if values.ndim == 0 else values
