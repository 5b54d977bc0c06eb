"""How far replies share their wording: by this the reply browser sorts prompts.

It counts stored texts and estimates nothing: the number says which prompts to read first. For a
statement about a model there are the lexical metrics, with their corrections and intervals.
"""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import TypeVar

import numpy as np

from sfr_eval.metrics.ngrams import grams, pack
from sfr_eval.metrics.tokenizers import words
from sfr_eval.stats.arrays import Floats, Integers

N = 4
"""Tokens of an n-gram, as in self-BLEU-4 and in the marks of scripts/replies-text.js."""
_BLOCK = 20_000  # texts at a time, so that a million of them fit into memory

K = TypeVar("K", bound=Hashable)


def repetition(prompts: Mapping[K, Sequence[str]]) -> dict[K, float | None]:
    """Return for each prompt the mean over its replies of the share of a reply's 4-grams that
    another reply to the same prompt has too.

    Tokens are those of `words`: words, punctuation marks, single CJK characters. A reply of fewer
    than four is one n-gram as a whole. From 0 to 1, which is when all replies are copies; None for
    fewer than two replies. Grows with the number of replies.
    """
    return {
        key: float(shares.mean()) if len(shares) > 1 else None
        for key, shares in _by_group({key: [[t] for t in own] for key, own in prompts.items()})
    }


def disagreement(prompts: Mapping[K, Sequence[Sequence[str]]]) -> dict[K, float | None]:
    """Return for each prompt 1 minus the mean, over all replies, of the share of a reply's 4-grams
    that a reply of another run has too. The values are the replies of each run. From 0, the same
    wording, to 1, nothing shared; None unless two runs have a reply."""
    return {
        key: 1 - float(shares.mean()) if sum(map(bool, prompts[key])) > 1 else None
        for key, shares in _by_group(prompts)
    }


def _by_group(groups: Mapping[K, Sequence[Sequence[str]]]) -> Iterator[tuple[K, Floats]]:
    """Yield key -> the share of each text's n-grams that another part of its group has too."""
    block: list[K] = []
    size = 0
    for key, parts in groups.items():
        block.append(key)
        size += sum(map(len, parts))
        if size >= _BLOCK:
            yield from _block(block, groups)
            block, size = [], 0
    if block:
        yield from _block(block, groups)


def _block(
    keys: Sequence[K], groups: Mapping[K, Sequence[Sequence[str]]]
) -> Iterator[tuple[K, Floats]]:
    texts = [text for key in keys for part in groups[key] for text in part]
    sizes = [sum(map(len, groups[key])) for key in keys]
    parts = [len(part) for key in keys for part in groups[key]]
    shares = _shared_shares(
        texts,
        group=np.repeat(np.arange(len(keys)), sizes),
        part=np.repeat(np.arange(len(parts)), parts),
    )
    yield from zip(keys, np.split(shares, np.cumsum(sizes)[:-1]), strict=True)


def _shared_shares(texts: Sequence[str], *, group: Integers, part: Integers) -> Floats:
    """Return for each text the share of its n-grams that a text of another part of its group has.
    An n-gram that occurs twice in a text counts twice."""
    if not texts:
        return np.zeros(0)
    split = {text: words(text) for text in dict.fromkeys(texts)}
    packed = pack([split[text] for text in texts])
    *_, longest = grams(packed, group, max_n=N)
    parts = part[longest.text]
    first = np.minimum.reduceat(parts, longest.starts)
    last = np.maximum.reduceat(parts, longest.starts)
    shared = np.repeat(first != last, longest.counts)
    hits = np.bincount(longest.text, weights=shared, minlength=len(texts))
    shares: Floats = hits / np.bincount(longest.text, minlength=len(texts))
    return shares
