"""How many tokens, steps and texts a job has, from all of its rows or from some of them."""

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import datasets
import numpy as np

from sfr_train.data.chat_texts import rendering_ended
from sfr_train.data.tokens import Tokenization, chat_tokens
from sfr_train.targets.counts import Counts, count_targets
from sfr_train.targets.segments import IGNORED, TargetSettings

SAMPLE = 2_000
"""Rows that are tokenized; of a larger data set, rows at equal distances."""
_AT_ONCE = 64


@dataclass(frozen=True, kw_only=True)
class RowStatistics:
    """Of the rows of a data set, those cut or dropped included. sample: how many were tokenized;
    other counts are scaled to all rows, so that distinct texts are an upper bound. wide,
    supervised: tokens and learned tokens of the largest rows (99 % are shorter)."""

    rows: int
    sample: int
    tokens: int
    learned: int
    targets: Counts | None
    cut: int
    wide: int
    supervised: int


def row_statistics(
    rows: Any, how: Tokenization, *, targets: TargetSettings | None
) -> RowStatistics:
    """Tokenize up to `SAMPLE` rows, some at a time, and count."""
    count = len(rows)
    places = np.unique(np.linspace(0, count - 1, min(SAMPLE, count)).astype(int))
    limit = how.limit
    cut = 0
    tokens: dict[str, list[Any]] = {"input_ids": [], "labels": []}
    with rendering_ended():
        for ids, labels in _tokens(rows, places.tolist(), how):
            cut += limit is not None and len(ids) > limit
            part = slice(-limit, None) if limit and how.keep_end else slice(limit)
            tokens["input_ids"].append(ids[part])
            tokens["labels"].append(labels[part])
    sizes = [len(labels) for labels in tokens["labels"]]
    learned = [int((labels != IGNORED).sum()) for labels in tokens["labels"]]
    scale = count / len(places)
    return RowStatistics(
        rows=count,
        sample=len(places),
        tokens=round(sum(sizes) * scale),
        learned=round(sum(learned) * scale),
        targets=_targets(tokens, how, targets, scale=scale) if targets else None,
        cut=round(cut * scale),
        wide=int(np.quantile(sizes, 0.99, method="higher")),
        supervised=int(np.quantile(learned, 0.99, method="higher")),
    )


def _tokens(rows: Any, places: list[int], how: Tokenization) -> Iterator[tuple[Any, Any]]:
    for start in range(0, len(places), _AT_ONCE):
        some = places[start : start + _AT_ONCE]
        yield from chat_tokens([rows[place] for place in some], how, numbers=some)


def _targets(
    tokens: dict[str, list[Any]], how: Tokenization, settings: TargetSettings, *, scale: float
) -> Counts:
    sample = datasets.Dataset.from_dict(tokens)
    counts = count_targets(sample, tokenizer=how.tokenizer, settings=settings)
    return Counts(**{name: round(value * scale) for name, value in asdict(counts).items()})


def steps(statistics: RowStatistics, arguments: Any, *, gpus: int) -> int:
    """Return the optimizer steps of a job on a number of GPUs. Packing is taken as perfect."""
    if arguments.max_steps > 0:
        return int(arguments.max_steps)
    rows = statistics.rows
    if arguments.packing and arguments.max_length:
        rows = math.ceil(statistics.tokens / arguments.max_length)
    batches = math.ceil(math.ceil(rows / arguments.per_device_train_batch_size) / gpus)
    an_epoch: int = max(1, math.ceil(batches / arguments.gradient_accumulation_steps))
    epochs: float = arguments.num_train_epochs
    return math.ceil(an_epoch * epochs)


def micro_batch(statistics: RowStatistics, arguments: Any) -> tuple[int, int]:
    """Return tokens and learned tokens of a large micro-batch."""
    batch = arguments.per_device_train_batch_size
    if arguments.packing and arguments.max_length:
        tokens = batch * arguments.max_length
        return tokens, math.ceil(tokens * statistics.learned / max(statistics.tokens, 1))
    return batch * statistics.wide, batch * statistics.supervised
