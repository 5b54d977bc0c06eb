"""How many tokens, steps and texts a job has, from all of its rows or from some of them."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from sfr_train.data.tokens import Tokenization, row_tokens
from sfr_train.targets.segments import IGNORED, TargetSettings, segments

SAMPLE = 2_000
"""Rows that are tokenized; of a larger data set, rows at equal distances."""


@dataclass(frozen=True, kw_only=True)
class RowStatistics:
    """Of the rows of a data set, those cut or dropped included: sample, how many were tokenized;
    tokens, learned and futures are scaled to all rows, texts is an upper bound for the distinct
    ones. wide, supervised: tokens and learned tokens of the largest rows (99 % are shorter)."""

    rows: int
    sample: int
    tokens: int
    learned: int
    futures: int
    cut: int
    wide: int
    supervised: int


def row_statistics(rows: Any, how: Tokenization, *, targets: TargetSettings | None) -> RowStatistics:
    """Tokenize up to `SAMPLE` rows, one at a time, and count."""
    count = len(rows)
    places = np.unique(np.linspace(0, count - 1, min(SAMPLE, count)).astype(int))
    limit = how.limit
    sizes, learned, futures, cut = [], [], 0, 0
    for place in places:
        ids, labels = row_tokens(rows[int(place)], how, number=int(place))
        cut += limit is not None and len(ids) > limit
        labels = labels[-limit:] if limit and how.keep_end else labels[:limit]
        sizes.append(len(labels))
        learned.append(int((labels != IGNORED).sum()))
        if targets is not None:
            futures += len(segments(labels.astype(np.int64), targets).starts)
    scale = count / len(places)
    return RowStatistics(
        rows=count,
        sample=len(places),
        tokens=round(sum(sizes) * scale),
        learned=round(sum(learned) * scale),
        futures=round(futures * scale),
        cut=round(cut * scale),
        wide=int(np.quantile(sizes, 0.99, method="higher")),
        supervised=int(np.quantile(learned, 0.99, method="higher")),
    )


def steps(statistics: RowStatistics, arguments: Any, *, gpus: int) -> int:
    """Return the optimizer steps of a job on a number of GPUs. Packing is taken as perfect."""
    if arguments.max_steps > 0:
        return int(arguments.max_steps)
    rows = statistics.rows
    if arguments.packing and arguments.max_length:
        rows = math.ceil(statistics.tokens / arguments.max_length)
    batches = math.ceil(math.ceil(rows / arguments.per_device_train_batch_size) / gpus)
    an_epoch = max(1, math.ceil(batches / arguments.gradient_accumulation_steps))
    return math.ceil(an_epoch * arguments.num_train_epochs)


def micro_batch(statistics: RowStatistics, arguments: Any) -> tuple[int, int]:
    """Return tokens and learned tokens of a large micro-batch."""
    batch = arguments.per_device_train_batch_size
    if arguments.packing and arguments.max_length:
        tokens = batch * arguments.max_length
        return tokens, math.ceil(tokens * statistics.learned / max(statistics.tokens, 1))
    return batch * statistics.wide, batch * statistics.supervised
