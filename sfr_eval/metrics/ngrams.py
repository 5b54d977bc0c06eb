"""Texts as integers, with n-grams counted by sorting: the basis of all lexical measures.

Takes O(N log N) in the number of tokens N, whatever the number of groups.
"""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from sfr_eval.stats.arrays import Integers, Mask


@dataclass(frozen=True)
class Packed:
    """Concatenated texts: the number of each token, and the length of each text."""

    words: Integers
    length: Integers

    def take(self, rows: npt.NDArray[Any]) -> "Packed":
        """Return the texts at these rows, in this order; rows may repeat."""
        length = self.length[rows]
        begin = (np.cumsum(self.length) - self.length)[rows]
        shift = begin - (np.cumsum(length) - length)
        return Packed(self.words[np.arange(int(length.sum())) + np.repeat(shift, length)], length)


@dataclass(frozen=True)
class Grams:
    """All n-grams of one order; equal ones of a group are adjacent, sorted by text."""

    text: Integers  # of each occurrence
    starts: Integers  # where the occurrences of each distinct n-gram begin

    @property
    def counts(self) -> Integers:
        """Number of occurrences of each distinct n-gram."""
        return np.diff(self.starts, append=len(self.text))

    @property
    def cells(self) -> Integers:
        """Where each run of one n-gram in one text begins."""
        begins = np.zeros(len(self.text), dtype=np.bool_)
        begins[self.starts] = True
        return np.flatnonzero(begins | starts(self.text))

    @property
    def text_counts(self) -> Integers:
        """Number of texts that contain each distinct n-gram."""
        ends = np.append(self.starts[1:], len(self.text))
        cells = self.cells
        return np.searchsorted(cells, ends) - np.searchsorted(cells, self.starts)


def pack(texts: Sequence[Sequence[Hashable]]) -> Packed:
    """Number the tokens in order of first appearance."""
    length = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
    return Packed(numbered(list(chain.from_iterable(texts))), length)


def numbered(keys: Sequence[Hashable]) -> Integers:
    """Number the keys from 0 in order of first appearance; equal keys get equal numbers."""
    distinct = dict.fromkeys(keys)
    numbers = dict(zip(distinct, range(len(distinct)), strict=True))
    return np.fromiter(map(numbers.__getitem__, keys), dtype=np.int64, count=len(keys))


def rows_of_groups(group: Integers, *, groups: int) -> list[Integers]:
    """Return the rows of each group, in order."""
    ends = np.cumsum(np.bincount(group, minlength=groups))
    return np.split(np.argsort(group, kind="stable"), ends[:-1]) if groups else []


def starts(values: npt.NDArray[Any]) -> Mask:
    """Return a mask of where runs of equal values begin."""
    begins = np.ones(len(values), dtype=np.bool_)
    np.not_equal(values[1:], values[:-1], out=begins[1:])
    return begins


def stable_order(keys: Integers) -> tuple[Integers, Integers]:
    """Return (order, sorted keys) of keys >= 0; equal keys keep their order.

    Key and position share one integer if they fit into 63 bits, since numpy sorts plain integers
    about five times as fast as it argsorts them.
    """
    bits = max(1, len(keys).bit_length())
    if int(keys.max(initial=0)) >= 2 ** (63 - bits):
        order = np.argsort(keys, kind="stable")
        return order, keys[order]
    both = (keys << bits) | np.arange(len(keys))
    both.sort()
    return both & ((1 << bits) - 1), both >> bits


def words_left(length: Integers) -> Integers:
    """Return, for each word of concatenated texts, the number of words up to its text's end."""
    return np.repeat(np.cumsum(length), length) - np.arange(length.sum())


def grams(packed: Packed, group: Integers, *, max_n: int) -> Iterator[Grams]:
    """Yield the n-grams of order 1, 2, ..., max_n. n-grams of different groups are never equal, and
    none crosses the boundary of a text. A text of fewer than n tokens is one n-gram as a whole, so
    that copies of it are copies. `group` numbers the groups from 0."""
    real = packed.length
    length = np.maximum(real, max_n)
    text = np.repeat(np.arange(len(length)), length)
    place = np.arange(len(text)) - np.repeat(np.cumsum(length) - length, length)
    left = real[text] - place  # real tokens from here on; short texts are filled up with a blank
    blank = int(packed.words.max(initial=-1)) + 1
    words = np.full(len(text), blank, dtype=np.int64)
    words[left > 0] = packed.words
    vocabulary = blank + 1
    # The id of an n-gram is its rank among the pairs (id of its first n-1 words, last word); the
    # empty n-gram's id is the group. So ids stay small, and each order costs one sort.
    ids, at = group[text], np.arange(len(words))
    for n in range(1, max_n + 1):
        keep = (left[at] >= n) | ((place[at] == 0) & (left[at] < n))
        ids, at = ids[keep], at[keep]
        pair = ids * vocabulary + words[at + n - 1]
        order, pair = stable_order(pair)  # stable, so that the texts of one n-gram stay in order
        new = starts(pair)
        yield Grams(text[at[order]], np.flatnonzero(new))
        ids[order] = np.cumsum(new) - 1
