"""Input checks that name the bad row, before an array hides which one it was."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from sfr_eval.stats.arrays import Doubles


def check_texts(texts: Sequence[Sequence[Any]], **parallel: Sequence[Any]) -> None:
    """Check that every text is a list or tuple of tokens and that `parallel` have as many rows.

    Raises TypeError for the first row that is not: a plain string would be measured letter by
    letter, and None or NaN (an empty cell of a table) would fail far from here.
    """
    for row, text in enumerate(texts):
        if isinstance(text, str):
            raise TypeError(
                f"texts[{row}] is a string; pass its tokens, e.g. tokenize(text), or list(text)"
            )
        if not isinstance(text, list | tuple | np.ndarray):
            raise TypeError(f"texts[{row}] is {text!r}, not a list of tokens")
    for name, rows in parallel.items():
        if len(rows) != len(texts):
            raise ValueError(f"{name} has {len(rows)} rows, texts has {len(texts)}")


def check_strings(texts: Sequence[Any]) -> None:
    """Check that every row is a str. Raises TypeError for the first that is not."""
    for row, text in enumerate(texts):
        if not isinstance(text, str):
            raise TypeError(f"texts[{row}] is {text!r}, not a string")


def unit_rows(embeddings: npt.ArrayLike) -> Doubles:
    """Scale rows to unit length, as float64 of shape (..., n, d). Raises ValueError for the first
    row that is not finite or has length 0."""
    rows = np.asarray(embeddings, dtype=np.float64)
    if rows.ndim < 2:
        raise ValueError(f"embeddings have shape {rows.shape}; they must be (n, d)")
    lengths = np.sqrt(np.einsum("...d,...d->...", rows, rows))
    bad = ~(np.isfinite(lengths) & (lengths > 0))
    if bad.any():
        place = tuple(int(i) for i in np.argwhere(bad)[0])
        what = "has length 0" if lengths[place] == 0 else "is not finite"
        raise ValueError(f"embeddings{list(place)} {what}")
    return np.asarray(rows / lengths[..., None])
