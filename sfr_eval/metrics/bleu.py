"""Self-BLEU: how well the other texts of a group predict the n-grams of a text.

A text is a list of tokens here. BLEU is sentence BLEU (Papineni et al. 2002) with uniform weights
over the orders 1..n, smoothing "method1" (Chen and Cherry 2014: a zero numerator becomes 0.1; no
common unigram scores 0) and the brevity penalty of the closest reference length. For a text of
fewer than n tokens BLEU-n is BLEU of its own length, and an empty text scores 1 if a reference is
empty, so a copy scores 1 at any length; nltk smooths the orders that the text does not have, and
"Yes" against "Yes" gets .18. Otherwise the results equal those of nltk's `sentence_bleu`, at a cost
linear in the number of n-grams.
"""

from collections.abc import Hashable, Sequence

import numpy as np

from sfr_eval.metrics.checks import check_texts
from sfr_eval.metrics.ngrams import Packed, numbered, pack, stable_order, starts, words_left
from sfr_eval.stats.arrays import Floats, Integers, Mask

MAX_N = 4
REFERENCES = 7
DRAWS = 4
_EPSILON = 0.1  # method1


def self_bleu(
    texts: Sequence[Sequence[str]], groups: Sequence[Hashable], *, max_n: int = MAX_N
) -> Floats:
    """BLEU-1..max_n of every text against the other texts of its group (Zhu et al. 2018).

    Shape (len(texts), max_n); column n-1 holds BLEU-n with weights 1/n on the orders 1..n. Range
    0 to 1, lower is more varied. A text alone in its group has no reference and gets NaN. Increases
    with the size of the group, so compare only at equal k.
    """
    check_texts(texts, groups=groups)
    return grouped_bleu(pack(texts), numbered(groups), np.arange(len(texts)), max_n=max_n)


def self_bleu_fixed(
    texts: Sequence[Sequence[str]],
    groups: Sequence[Hashable],
    *,
    references: int = REFERENCES,
    max_n: int = MAX_N,
    draws: int = DRAWS,
    seed: int = 0,
) -> Floats:
    """Compute `self_bleu` with `references` random references per text, so that k has no effect.

    Shape (len(texts), max_n): the mean over the draws that include a text, NaN if none does. Range
    0 to 1, lower is more varied. Groups of `references` texts or fewer get NaN.
    """
    check_texts(texts, groups=groups)
    scores = fixed_bleu_draws(
        pack(texts), numbered(groups), references=references, max_n=max_n, draws=draws, seed=seed
    )
    defined = ~np.isnan(scores)
    with np.errstate(invalid="ignore"):  # 0 / 0: in no draw
        return np.asarray(np.where(defined, scores, 0.0).sum(axis=0) / defined.sum(axis=0))


def fixed_bleu_draws(
    packed: Packed,
    group: Integers,
    *,
    references: int,
    max_n: int = MAX_N,
    draws: int = DRAWS,
    seed: int = 0,
    salt: Integers | None = None,
) -> Floats:
    """Cut every group into random blocks of references + 1 texts, in each draw, and score each text
    against the rest of its block, so that its references are a uniform subset of the others.

    Shape (draws, texts, max_n). Texts in no block are NaN in that draw. The shuffle depends on the
    size of a group and, if given, on its `salt`, but not on other groups.
    """
    if references < 1:
        raise ValueError(f"references = {references}; a text needs at least one")
    size = references + 1
    scores = np.full((draws, len(group), max_n), np.nan)
    order = np.argsort(group, kind="stable")
    sizes = np.bincount(group) if len(group) else np.zeros(0, dtype=np.int64)
    first = np.cumsum(sizes) - sizes
    kind = np.stack((sizes, np.zeros_like(sizes) if salt is None else salt), axis=1)
    kinds = np.unique(kind[sizes >= size], axis=0)
    for draw in range(draws):
        rows, blocks, count = [], [], 0
        for k, grain in kinds.tolist():
            whole = k // size
            shuffle = np.random.default_rng((seed, draw, k, grain)).permutation(k)[: whole * size]
            here = first[(kind == (k, grain)).all(axis=1)]
            rows.append(order[here[:, None] + shuffle].ravel())
            blocks.append(count + np.repeat(np.arange(len(here) * whole), size))
            count += len(here) * whole
        if not rows:
            break
        chosen = np.concatenate(rows)
        scores[draw, chosen] = grouped_bleu(
            packed.take(chosen), np.concatenate(blocks), np.arange(len(chosen)), max_n=max_n
        )
    return scores


def cross_style_self_bleu(
    texts: Sequence[Sequence[str]],
    groups: Sequence[Hashable],
    styles: Sequence[Hashable],
    *,
    max_n: int = MAX_N,
) -> Floats:
    """BLEU-1..max_n of every text against its group's texts of *other* styles.

    Shape (len(texts), max_n), range 0 to 1, lower means that styles differ more. NaN if the group
    has a single style. Equal to `self_bleu` with one text per style.
    """
    check_texts(texts, groups=groups, styles=styles)
    return grouped_bleu(pack(texts), numbered(groups), numbered(styles), max_n=max_n)


def grouped_bleu(packed: Packed, group: Integers, owner: Integers, *, max_n: int = MAX_N) -> Floats:
    """Compute BLEU of every text against the texts of its group with another owner."""
    scores = np.full((len(group), max_n), np.nan)
    if not len(group):
        return scores
    # Make texts of one group adjacent, and within it those of one owner.
    order = np.lexsort((owner, group))
    if (order[1:] < order[:-1]).any():
        packed = packed.take(order)
    words, length, group = packed.words, packed.length, group[order]
    owner = np.cumsum(starts(group) | starts(owner[order]))

    matches = _clipped_matches(words, length, group, owner, max_n)
    possible = np.maximum(length[:, None] - np.arange(max_n), 1)
    logs = np.log(np.where(matches > 0, matches, _EPSILON) / possible)
    reference = _closest_lengths(length, group, owner)
    brevity = np.exp(np.minimum(0.0, 1.0 - reference / np.maximum(length, 1)))
    bleu = brevity[:, None] * np.exp(np.cumsum(logs, axis=1) / np.arange(1, max_n + 1))
    bleu[matches[:, 0] == 0] = 0.0
    # A text of fewer than n tokens has no n-gram: its own length is the highest order.
    highest = np.maximum(length, 1)[:, None] - 1
    bleu = np.take_along_axis(bleu, np.minimum(np.arange(max_n), highest), axis=1)
    bleu[(length == 0) & (reference == 0)] = 1.0  # two empty texts are the same text
    bleu[np.isnan(reference)] = np.nan
    scores[order] = bleu
    return scores


def _clipped_matches(
    words: Integers, length: Integers, group: Integers, owner: Integers, max_n: int
) -> Floats:
    """Return the numerators of BLEU's precisions, shape (texts, max_n).

    Clipping needs the largest count of an n-gram in any text of another owner. That is the group's
    largest, unless the text's own owner has it; then it is the largest of the rest. Two numbers for
    each (group, n-gram) suffice, so each order costs one sort instead of a comparison of all pairs
    of texts.
    """
    count = len(length)
    matches = np.zeros((count, max_n))
    text = np.repeat(np.arange(count), length)
    left = words_left(length)
    vocabulary = int(words.max(initial=0)) + 1
    # The id of an n-gram is its rank among the pairs (id of its first n-1 words, last word). The
    # empty n-gram's id is the group, so ids of two groups never meet, and all stay small.
    ids, at = group[text], np.arange(len(words))
    gram_at, keep_at = np.empty(len(words), dtype=np.int64), np.empty(len(words), dtype=np.bool_)
    for n in range(1, max_n + 1):
        keep = left[at] >= n
        ids, at = ids[keep], at[keep]
        if not len(at):
            break
        pair = ids * vocabulary + words[at + n - 1]
        order, pair = stable_order(pair)  # stable, so that the texts of one n-gram stay adjacent
        at = at[order]
        new_gram = starts(pair)
        cells = np.flatnonzero(new_gram | starts(text[at]))  # runs of one n-gram in one text
        counts = np.diff(cells, append=len(at))
        limit, shared = _limits(counts, new_gram[cells], owner[text[at[cells]]])
        matches[:, n - 1] = np.bincount(text[at[cells]], weights=limit, minlength=count)
        # An n-gram of a single owner has no match, nor has any longer n-gram that contains it.
        gram = np.cumsum(new_gram) - 1
        again = shared[gram]
        gram_at[at[again]] = gram[again]
        keep_at[:] = False
        keep_at[at[again]] = True
        at = np.flatnonzero(keep_at)  # back to reading order
        ids = gram_at[at]
    return matches


def _limits(counts: Integers, new_gram: Mask, owner: Integers) -> tuple[Integers, Mask]:
    """Return the clipped count of each cell (n-gram, text) and which n-grams have several owners.

    The cells of one n-gram are adjacent, and within them those of one owner.
    """
    new_owner = new_gram | starts(owner)
    owner_at = np.flatnonzero(new_owner)
    most = np.maximum.reduceat(counts, owner_at)  # over an owner's texts
    gram_at = np.flatnonzero(new_gram[owner_at])
    gram = np.cumsum(new_gram[owner_at]) - 1
    top = np.maximum.reduceat(most, gram_at)
    leaders = np.flatnonzero(most == top[gram])
    # The first of equal leaders; the second largest is then equal.
    leaders = leaders[starts(gram[leaders])]
    rest = most.copy()
    rest[leaders] = 0
    limit = top[gram]
    limit[leaders] = np.maximum.reduceat(rest, gram_at)
    shared = np.diff(gram_at, append=len(owner_at)) > 1
    return np.minimum(counts, limit[np.cumsum(new_owner) - 1]), shared


def _closest_lengths(length: Integers, group: Integers, owner: Integers) -> Floats:
    """Length of the closest reference of each text; the shorter of two; NaN without any."""
    order = np.lexsort((length, group))
    node_at = np.flatnonzero(starts(group[order]) | starts(length[order]))
    node_group, node_length = group[order][node_at], length[order][node_at]
    # A node is one length in one group. Its label is its owner, or -1 if it has more than one.
    low = np.minimum.reduceat(owner[order], node_at)
    label = np.where(low == np.maximum.reduceat(owner[order], node_at), low, -1)
    # The nearest node with a text of another owner is beside the run of nodes of one's own.
    run_at = np.flatnonzero(starts(node_group) | starts(label))
    run = np.cumsum(starts(node_group) | starts(label)) - 1
    before, after = run_at[run] - 1, np.append(run_at[1:], len(label))[run]
    exact = node_length.astype(np.float64)
    padded_group = np.concatenate((node_group, [-1]))  # -1 and len() both lead to no group
    padded_length = np.concatenate((exact, [np.nan]))
    shorter = np.where(padded_group[before] == node_group, padded_length[before], np.nan)
    longer = np.where(padded_group[after] == node_group, padded_length[after], np.nan)
    use_longer = np.isnan(shorter) | (longer - exact < exact - shorter)
    closest = np.where(label == -1, exact, np.where(use_longer, longer, shorter))
    lengths = np.empty(len(length))
    lengths[order] = np.repeat(closest, np.diff(node_at, append=len(length)))
    return lengths
