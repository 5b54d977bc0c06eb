"""Initial token embeddings from co-occurrence in the text: latent semantic analysis.

Tokens of one topic (in its questions and answers) start as neighbours, so that a small model need
not learn from gradients alone which answer belongs to which question (Deerwester et al. 1990). With
tied embeddings the same matrix reads and writes.
"""

from collections.abc import Sequence

import numpy as np

_SHARE = 0.8  # of the norm; the rest is random, or tokens with the same neighbours would be equal
_COMPONENTS = 128


def latent_semantic_embeddings(
    documents: Sequence[Sequence[int]], *, vocabulary: int, width: int, scale: float, seed: int
) -> np.ndarray:
    """Initial values of shape (vocabulary, width); each row has length about `scale` * sqrt(width).

    `documents` are token ids. A token counts once per document, weighted by its inverse document
    frequency, and documents have unit length. The token side of a truncated SVD, times the square
    root of the singular values, is rotated at random into the axes of the embedding and scaled to
    rows of equal length. Tokens that never occur get random rows.
    """
    from scipy.sparse import csr_matrix, diags
    from sklearn.utils.extmath import randomized_svd

    rows = [sorted(set(document)) for document in documents]
    starts = np.cumsum([0, *map(len, rows)])
    columns = np.concatenate([np.array(row, dtype=np.int64) for row in rows])
    ones = np.ones(len(columns), dtype=np.float32)
    table = csr_matrix((ones, columns, starts), shape=(len(rows), vocabulary))
    in_documents = np.asarray(table.sum(axis=0)).ravel()
    table = table @ diags(np.log(len(rows) / (1 + in_documents)).clip(0))
    lengths = np.sqrt(np.asarray(table.multiply(table).sum(axis=1)).ravel())
    table = diags(1 / np.maximum(lengths, 1e-6)) @ table
    components = min(_COMPONENTS, width, min(table.shape) - 1)
    _, singular, right = randomized_svd(table, components, n_iter=3, random_state=seed)
    meaning = right.T * np.sqrt(singular)
    norms = np.linalg.norm(meaning, axis=1, keepdims=True)
    rng = np.random.default_rng(seed)
    axes, _ = np.linalg.qr(rng.normal(size=(width, width)))
    directions = (meaning / np.maximum(norms, 1e-8)) @ axes[:components] * np.sqrt(width)
    noise = rng.normal(size=(vocabulary, width))
    mixed = _SHARE * directions + np.sqrt(1 - _SHARE**2) * noise
    start: np.ndarray = scale * np.where(norms > 1e-8, mixed, noise)
    return start.astype(np.float32)
