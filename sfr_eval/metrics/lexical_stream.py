"""All lexical measures of many prompts in one pass and constant memory.

Rows arrive query by query, with all personas of a query together. They are cut into batches of
whole queries, tokenized and numbered once, and every measure of a batch is computed on the same
integers. The values equal those of the functions in `lexical`, which take one set at a time.
"""

import functools
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from sfr_eval.metrics.bleu import DRAWS, MAX_N, REFERENCES, fixed_bleu_draws, grouped_bleu
from sfr_eval.metrics.distinct import EAD_VOCABULARY, RAREFIED_TO, grouped_distinct
from sfr_eval.metrics.ngrams import Packed, grams, numbered, pack
from sfr_eval.metrics.repetition import (
    compression_ratio,
    compression_ratio_fixed,
    group_means,
    repetition_of,
)
from sfr_eval.metrics.rouge import grouped_rouge_l
from sfr_eval.metrics.tokenizers import Tokenizer
from sfr_eval.stats.arrays import Floats, Integers
from sfr_eval.util.workers import Here, Workers

GAP_REFERENCES: Final = 3
REPETITION_N: Final = 4
BATCH_CHARACTERS: Final = 4_000_000
"""Characters of text in a batch, which takes about 100 MB of integers while it is measured."""


@dataclass(frozen=True, slots=True)
class ReplyRow:
    """One reply: its query and persona, its index among the k, and its text."""

    query: Hashable
    persona: Hashable
    index: int
    text: str


@dataclass(frozen=True)
class Batch:
    """Values of whole queries: arrays parallel to `prompts` and `queries`, NaN if undefined."""

    prompts: list[tuple[Hashable, Hashable]]  # (query, persona)
    queries: list[Hashable]
    of_prompts: dict[str, Floats]
    of_queries: dict[str, Floats]
    rows: int
    drawn: Floats  # of self_bleu_fixed: the sum of each draw, then the number of prompts


def lexical_stream(
    rows: Iterable[ReplyRow],
    tokenizer: Tokenizer,
    *,
    batch_characters: int = BATCH_CHARACTERS,
    workers: Workers | None = None,
    prompts_only: bool = False,
) -> Iterator[Batch]:
    """Measure all rows; those of one query must be contiguous. Raises TypeError for a row that is
    not text, ValueError for one whose query has come before. `workers` measure the batches, with
    the same results wherever that is. With `prompts_only`, none of queries."""
    batches = _batches(rows, batch_characters)
    work = functools.partial(measure, tokenizer=tokenizer, prompts_only=prompts_only)
    return (workers or Here()).map(work, batches)


def _batches(rows: Iterable[ReplyRow], batch_characters: int) -> Iterator[list[ReplyRow]]:
    seen: set[Hashable] = set()
    batch: list[ReplyRow] = []
    size, last = 0, object()
    for number, row in enumerate(rows):
        if not isinstance(row.text, str):
            raise TypeError(f"row {number} (query {row.query!r}): text is {row.text!r}")
        if row.query != last:
            if row.query in seen:
                raise ValueError(f"row {number}: query {row.query!r} comes back; sort by query")
            if size >= batch_characters:
                yield batch
                batch, size = [], 0
            seen.add(row.query)
            last = row.query
        batch.append(row)
        size += len(row.text)
    if batch:
        yield batch


def measure(rows: Sequence[ReplyRow], tokenizer: Tokenizer, *, prompts_only: bool = False) -> Batch:
    """Compute all lexical measures of some whole queries, or those of their prompts alone."""
    tokens = {text: tokenizer(text) for text in {row.text for row in rows}}
    packed = pack([tokens[row.text] for row in rows])
    keys = [(row.query, row.persona) for row in rows]
    prompts = list(dict.fromkeys(keys))
    queries = list(dict.fromkeys(query for query, _ in prompts))
    prompt, query = numbered(keys), numbered([row.query for row in rows])
    of_prompts, draws = _of_prompts(rows, tokens, packed, prompt, len(prompts))
    return Batch(
        prompts=prompts,
        queries=queries,
        of_prompts=of_prompts,
        of_queries={} if prompts_only else _of_queries(rows, packed, prompt, query, len(queries)),
        rows=len(rows),
        drawn=draws,
    )


def _of_prompts(
    rows: Sequence[ReplyRow],
    tokens: Mapping[str, list[str]],
    packed: Packed,
    prompt: Integers,
    count: int,
) -> tuple[dict[str, Floats], Floats]:
    columns = grouped_distinct(
        packed, prompt, groups=count, max_n=MAX_N, replies=RAREFIED_TO, vocabulary=EAD_VOCABULARY
    )
    raw = grouped_bleu(packed, prompt, np.arange(len(rows)))
    draws = fixed_bleu_draws(packed, prompt, references=REFERENCES)
    by_order = [[group_means(column, prompt, groups=count) for column in d.T] for d in draws]
    means = np.array([np.stack(orders, axis=1) for orders in by_order])  # draw, prompt, order
    for n in range(1, MAX_N + 1):
        columns[f"self_bleu_{n}"] = group_means(raw[:, n - 1], prompt, groups=count)
        columns[f"self_bleu_{n}_fixed"] = means[:, :, n - 1].mean(axis=0)
    columns["rouge_l_homogenization"] = grouped_rouge_l(packed, prompt, groups=count)
    *_, longest = grams(packed, prompt, max_n=REPETITION_N)
    scores, rates = repetition_of(longest, len(rows))
    columns["self_repetition"] = group_means(scores, prompt, groups=count)
    columns["self_repetition_rate"] = group_means(rates, prompt, groups=count)
    texts: list[list[str]] = [[] for _ in range(count)]
    for row, number in zip(rows, prompt.tolist(), strict=True):
        texts[number].append(row.text)
    # The published ratio is of the texts; the other one ignores case and layout, as tokens do.
    lines = [[" ".join(tokens[text]) for text in replies] for replies in texts]
    whole = [compression_ratio(replies) for replies in texts]
    fixed = [compression_ratio_fixed(replies) for replies in lines]
    columns["compression_ratio"] = np.array(whole, dtype=np.float64)  # None becomes NaN
    columns["compression_ratio_fixed"] = np.array(fixed, dtype=np.float64)
    alone = np.bincount(prompt, minlength=count) < 2
    for values in columns.values():
        values[alone] = np.nan  # one reply is not a set
    defined = ~np.isnan(means[0, :, MAX_N - 1])
    scores = means[:, defined, MAX_N - 1]
    return columns, np.append(scores.sum(axis=1), scores.shape[1])


def _of_queries(
    rows: Sequence[ReplyRow], packed: Packed, prompt: Integers, query: Integers, count: int
) -> dict[str, Floats]:
    """Group the replies of equal sample index, one of each persona. More replies of a persona would
    raise the score with k, and repeats within a persona are not what it measures."""
    persona = numbered([row.persona for row in rows])
    index = np.array([row.index for row in rows], dtype=np.int64)
    group = numbered(list(zip(query.tolist(), index.tolist(), strict=True)))
    scores = grouped_bleu(packed, group, persona)
    columns = {
        f"cs_self_bleu_{n}": group_means(scores[:, n - 1], query, groups=count)
        for n in range(1, MAX_N + 1)
    }
    # A different shuffle for each index, or the same personas would always meet.
    salt = np.zeros(int(group.max(initial=-1)) + 1, dtype=np.int64)
    salt[group] = np.maximum(index, 0)
    across = fixed_bleu_draws(packed, group, references=GAP_REFERENCES, salt=salt)
    within = fixed_bleu_draws(packed, prompt, references=GAP_REFERENCES)
    for n in range(1, MAX_N + 1):
        sides = [
            np.mean([group_means(draw[:, n - 1], query, groups=count) for draw in side], axis=0)
            for side in (within, across)
        ]
        columns[f"style_bleu_gap_{n}"] = sides[0] - sides[1]
    return columns


def monte_carlo_error(batches: Iterable[Floats]) -> float | None:
    """Return the standard error of a measure's mean that is due to drawing references, given the
    sums of each draw and their number (last element) in every batch; None without a value."""
    total = sum(batches, start=np.zeros(DRAWS + 1))
    if not total[-1]:
        return None
    means = total[:-1] / total[-1]
    return float(means.std(ddof=1) / np.sqrt(len(means)))
