"""The control `targets.shuffled`: every state gets the future of a state of another sample.

The assignment is drawn once and holds for the whole training, on every rank and after a restart.
Head, targets, weights and the size of the gradient are those of the objective; only what a future
says about its state is gone. What such a run gains over cross-entropy is not semantic.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from sfr_train.targets.segments import IGNORED, Integers


def partners(samples: Integers, *, seed: int) -> Integers:
    """Return for each state the state whose future it gets, a permutation (S,).

    samples (S,): the sample of each state. A random cycle, in which every pair of one sample is
    then broken up by an exchange with a random third state. Where a sample has more than half of
    all states no permutation can avoid it: its last states get random futures of the others, some
    of which occur twice. With a single sample every state gets another state's future.
    """
    generator = np.random.default_rng([seed, 0x5AFE])
    order = generator.permutation(len(samples))
    result = np.empty_like(order)
    result[order] = np.roll(order, 1)
    for state in np.flatnonzero(samples[result] == samples):
        own = samples[state]
        if samples[result[state]] != own:
            continue  # an earlier exchange
        free = generator.integers(len(samples), size=64)  # most are, and a scan takes long
        free = free[(samples[free] != own) & (samples[result[free]] != own)]
        if not len(free):
            free = np.flatnonzero((samples != own) & (samples[result] != own))
        if len(free):
            other = generator.choice(free)
            result[[state, other]] = result[[other, state]]
        elif len(others := np.flatnonzero(samples != own)):
            result[state] = generator.choice(others)
    return result


class TokenWindows:
    """The next K tokens of every state of a tokenized data set, for a loss on tokens.

    A state is a position with at least one supervised token among its next K; the states are
    numbered in the order of the rows.
    """

    def __init__(self, labels: Iterable[Any], *, ahead: int) -> None:
        rows = [np.asarray(row, dtype=np.int32) for row in labels]
        self._ahead = ahead
        self._ends = np.cumsum([len(row) for row in rows])
        self._labels = np.concatenate(rows)
        states = [np.flatnonzero((_windows(row, ahead) != IGNORED).any(axis=1)) for row in rows]
        self._offsets = np.cumsum([0, *map(len, states)])
        self._positions: npt.NDArray[np.int64] = np.concatenate(states)

    @property
    def numbering(self) -> str:
        """What decides the number of each state, beside the rows."""
        return f"next {self._ahead}"

    @property
    def state_count(self) -> int:
        """The number of states."""
        return len(self._positions)

    def samples(self, states: Any) -> Integers:
        """Return the rows that states belong to."""
        rows: Integers = np.searchsorted(self._offsets, states, side="right") - 1
        return rows

    def column(self, row: int, length: int) -> Integers:
        """Return, for each token of a row, the number of its state plus 1, or 0 without a state."""
        first, last = int(self._offsets[row]), int(self._offsets[row + 1])
        column = np.zeros(length, dtype=np.int64)
        column[self._positions[first:last]] = np.arange(first, last) + 1
        return column

    def tokens(self, states: Any) -> Integers:
        """Return y_{t+1..t+K} of states, (N, K); -100 past the end or outside the loss."""
        rows = self.samples(states)
        ends = self._ends[rows]
        starts = np.concatenate([[0], self._ends])[rows]
        index = (starts + self._positions[states])[:, None] + np.arange(1, self._ahead + 1)
        inside = index < ends[:, None]
        return np.where(inside, self._labels[np.where(inside, index, 0)], IGNORED).astype(np.int64)


def _windows(row: npt.NDArray[np.int32], ahead: int) -> Any:
    """Return y_{t+1..t+K} of every position of a row, (T, K)."""
    padded = np.concatenate([row[1:], np.full(ahead, IGNORED, dtype=row.dtype)])
    return np.lib.stride_tricks.sliding_window_view(padded, ahead)
