"""DQO's measure of diversity (2509.04784): the determinant of the Gram matrix of a group.

For the k replies to one prompt, with unit embeddings phi, L_ij = <phi_i, phi_j>. The paper's
objective (section 3) rewards quality plus alpha log det L; its regularised, leave-one-out form
gives reply i

    bonus_i = log( det(L + ridge I_k) / det(L_without_i + ridge I_{k-1}) ),    ridge = 1

which subtracts from log det(L + ridge I) what it would be without reply i: a baseline that does not
depend on reply i leaves the expected policy gradient as it is. L is positive semidefinite, so for
every ridge above 0 the matrix has a Cholesky factor and no determinant is 0. The volume grows with
diversity: the bonus is added to the reward, not subtracted.
"""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def log_det(embeddings: Any, *, ridge: float = 1.0) -> float:
    """Return log det(L + ridge I) of unit rows (k, d), in nats.

    Between (k-1) log(ridge) + log(k + ridge), all rows equal, and k log(1 + ridge), all orthogonal.
    """
    return 2.0 * float(np.log(np.diag(_factor(embeddings, ridge))).sum())


def leave_one_out_bonus(embeddings: Any, *, ridge: float = 1.0) -> Floats:
    """Return the bonus of each of k unit rows (k, d), in nats, in O(k^3) for all of them.

    Between `bonus_of_a_copy` and log(1 + ridge), which a row orthogonal to all others gets.
    """
    # det(A without row and column i) = det(A) (A^-1)_ii, and with A = C C^T the diagonal of the
    # inverse is the sum of squares of the columns of C^-1.
    inverse = np.linalg.inv(_factor(embeddings, ridge))
    return np.asarray(-np.log(np.square(inverse).sum(axis=0)))


def bonus_of_a_copy(k: int, *, ridge: float = 1.0) -> float:
    """Return the bonus of each of k equal rows, the lowest that there is: log(1 + 1/k) for ridge 1.

    By the determinant of J + ridge I, ridge^(k-1) (k + ridge).
    """
    return math.log(ridge) + math.log(k + ridge) - math.log(k - 1 + ridge)


def _factor(embeddings: Any, ridge: float) -> Floats:
    rows = np.asarray(embeddings, dtype=np.float64)
    return np.asarray(np.linalg.cholesky(rows @ rows.T + ridge * np.eye(len(rows))))
