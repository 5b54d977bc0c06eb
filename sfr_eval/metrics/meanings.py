"""Which replies of a prompt say the same, and how many different answers four of them hold."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from sfr_eval.embeddings.pair_classifier import PairClassifier
from sfr_eval.errors import UserError
from sfr_eval.metrics.checks import unit_rows
from sfr_eval.metrics.classes import MAX_DISTANCE
from sfr_eval.metrics.equivalence import DRAW, cosine_relation, expected_meanings
from sfr_eval.metrics.normal_text import normal_text
from sfr_eval.stats.arrays import Floats, Integers, Mask

if TYPE_CHECKING:
    from sfr_eval.metrics.context import Context

CUT = "cut"
"""Name of the default: a cut on cosine distance at MAX_DISTANCE."""
_CELLS = 2**23  # numbers in a batch of sets: 64 MB


class Equivalence(Protocol):
    """Decides which replies say the same."""

    @property
    def signature(self) -> str:
        """What two counts must share to be comparable."""

    def relation(self, rows: Floats, texts: Sequence[Sequence[str]]) -> Mask:
        """Return which pairs say the same, shape (sets, n, n), for sets of n replies each: their
        unit rows (sets, n, d) and their texts."""


@dataclass(frozen=True)
class CosineCut:
    """Replies within a cosine distance say the same."""

    max_distance: float = MAX_DISTANCE

    @property
    def signature(self) -> str:
        """The cut."""
        return f"cosine distance up to {self.max_distance:g}"

    def relation(self, rows: Floats, texts: Sequence[Sequence[str]]) -> Mask:
        """Compare the rows; equal texts have equal rows."""
        return cosine_relation(rows, max_distance=self.max_distance)


@dataclass(frozen=True)
class ClassifiedPairs:
    """A classifier that reads both replies decides."""

    classifier: PairClassifier

    @property
    def signature(self) -> str:
        """The classifier and its threshold."""
        return self.classifier.signature

    def relation(self, rows: Floats, texts: Sequence[Sequence[str]]) -> Mask:
        """Ask for every pair of every set, all at once."""
        sets, n = rows.shape[:2]
        first, second = np.triu_indices(n, 1)
        pairs = [(own[a], own[b]) for own in texts for a, b in zip(first, second, strict=True)]
        same = np.broadcast_to(np.eye(n, dtype=np.bool_), (sets, n, n)).copy()
        answers = np.array(self.classifier.same(pairs), dtype=np.bool_).reshape(sets, len(first))
        same[:, first, second] = same[:, second, first] = answers
        return same


def load_equivalence(
    setting: str, cache: Path, *, on_progress: Callable[[int, int], None] | None = None
) -> Equivalence:
    """Return what decides by the setting: `cut`, a cosine distance, or the folder or Hub id of a
    pair classifier, which keeps its answers in `cache`. Raises UserError for anything else."""
    if setting == CUT:
        return CosineCut()
    try:
        distance = float(setting)
    except ValueError:
        return ClassifiedPairs(PairClassifier(setting, cache, on_progress=on_progress))
    if not 0 < distance < 1:
        raise UserError(f"--equivalence {setting}: a cosine distance lies between 0 and 1")
    return CosineCut(distance)


def distinct_meanings(
    context: "Context", sets: Sequence[Integers], *, drawn: Sequence[int] | None = None
) -> Floats:
    """Return the expected number of different answers among four replies, for each set of rows of
    `context.replies`. `drawn` and undefined values are as for `meanings_of`. A cut reads embeddings
    of the replies' common window; a classifier reads the replies up to its own limit."""
    texts = whole_texts(context)
    return meanings_of(context.equivalence, context.reply_embeddings, texts, sets, drawn=drawn)


def whole_texts(context: "Context") -> list[str]:
    """Return `context.replies` as a classifier of pairs reads them: in normal form, not cut to the
    common window."""
    return [normal_text(reply.text) for reply in context.replies]


def meanings_of(
    equivalence: Equivalence,
    embeddings: Floats,
    texts: Sequence[str],
    sets: Sequence[Integers],
    *,
    drawn: Sequence[int] | None = None,
) -> Floats:
    """Return the expected number of different answers among four replies, for each set of rows.

    Row i of `embeddings` and `texts` is one reply. NaN below DRAW replies. `drawn` is the number of
    replies of each set before a filter, whose others count for nothing (range 0 to DRAW, else 1 to
    DRAW). See `equivalence.expected_meanings`.
    """
    columns = np.full(len(sets), np.nan)
    sizes = [(len(rows), len(rows) if drawn is None else drawn[i]) for i, rows in enumerate(sets)]
    for size in dict.fromkeys(sizes):
        n, total = size
        if total < DRAW:
            continue
        numbers = [number for number, other in enumerate(sizes) if other == size]
        if not n:
            columns[numbers] = 0.0
            continue
        step = max(1, _CELLS // (n * max(n, embeddings.shape[1])))
        for begin in range(0, len(numbers), step):
            batch = numbers[begin : begin + step]
            members = np.stack([sets[number] for number in batch])
            same = equivalence.relation(
                unit_rows(embeddings[members]), [[texts[i] for i in rows] for rows in members]
            )
            columns[batch] = expected_meanings(same, total=total)
    return columns
