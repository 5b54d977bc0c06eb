"""Similarity of answers to different questions: the measures of sets, across inputs.

A set holds one reply of a persona to each of several queries, as many as a prompt has replies, so
that values compare with the same measure within a prompt (Kirk et al. 2310.06452). Queries are cut
into random blocks; the k x k replies in a block of k queries form k sets, with each reply in one of
them. The independent unit is the block, which the `query` of a Value names.

`conditional_ratio` relates the two: the distance in meaning of replies to one prompt over that of
replies to different prompts of the block.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sfr_eval.metrics.context import Context, metric_result
from sfr_eval.metrics.lexical import METRICS as LEXICAL
from sfr_eval.metrics.lexical import lexical_values
from sfr_eval.metrics.lexical import signatures as lexical_signatures
from sfr_eval.metrics.lexical_stream import ReplyRow
from sfr_eval.metrics.meanings import distinct_meanings
from sfr_eval.metrics.metric import Metric, by_id
from sfr_eval.metrics.semantic import METRICS as SEMANTIC
from sfr_eval.metrics.semantic import mean_pairwise_distance
from sfr_eval.metrics.semantic import signatures as semantic_signatures
from sfr_eval.metrics.semantic_sets import set_values
from sfr_eval.types import Cell, MetricResult, Value

VERSION = "3"
PREFIX = "across_"
_WITHIN = (
    *("distinct_2_rarefied", "self_bleu_4", "self_bleu_4_fixed", "rouge_l_homogenization"),
    *("compression_ratio_fixed", "embed_distance", "vendi_q1", "vendi_q2", "distinct_k"),
)
METRICS = by_id(
    *(
        Metric(
            f"{PREFIX}{metric}",
            (LEXICAL | SEMANTIC)[metric].direction,
            f"{metric} of one persona's replies to several queries, one reply each.",
            unit="set",
            range=(LEXICAL | SEMANTIC)[metric].range,
        )
        for metric in _WITHIN
    ),
    Metric("conditional_ratio", "neither",
           "Distance in meaning within a prompt over that across prompts; near 1, the prompt does "
           "not matter.", unit="set"),
)  # fmt: skip
USUAL_SIZE = 8  # of a set, if prompts have one reply
_SEED = 20_250_101


@dataclass(frozen=True)
class _Set:
    temperature: float
    persona: str
    block: int
    number: int  # within the block
    rows: tuple[int, ...]  # in context.replies; fewer than the size if replies are missing

    @property
    def name(self) -> str:
        """The block, as the `query` of a Value names it."""
        return f"block {self.block}"


def compute(context: Context) -> list[MetricResult]:
    """Return across_* for each block of queries and each persona."""
    size = set_size(context)
    sets = list(_sets(context, size)) if size > 1 else []
    whole = [number for number, one in enumerate(sets) if len(one.rows) == size]
    lexical = lexical_values(
        (
            ReplyRow(number, "", index, context.texts[row])
            for number in whole
            for index, row in enumerate(sets[number].rows)
        ),
        context.tokenizer,
        workers=context.workers,
        prompts_only=True,  # a set has one persona
    ).of_prompts
    # Lexical measures read every reply; the encoder does not (see `Context.readable`).
    readable = [number for number in whole if context.readable[list(sets[number].rows)].all()]
    rows = [np.array(sets[number].rows, dtype=np.intp) for number in readable]
    semantic = {
        **set_values(context.reply_embeddings, rows, workers=context.workers),
        "distinct_k": distinct_meanings(context, rows),
    }
    queries = len({query for _, query in context.by_query})
    notes = {
        "set_size": size,
        "sets": len(whole),
        "sets_left_out": len(sets) - len(whole),  # because a reply is missing
        "queries_left_out": queries % size if size > 1 else queries,
    }
    inner_signatures = {
        **lexical_signatures(context.tokenizer),
        **semantic_signatures(context),
    }
    results = []
    for inner in _WITHIN:
        if inner in semantic:
            pairs = zip(readable, semantic[inner].tolist(), strict=True)
            numbers = {number: value for number, value in pairs if not np.isnan(value)}
        else:
            by_set = lexical.get(inner, {})
            numbers = {number: by_set[number, ""] for number in whole if (number, "") in by_set}
        signature, reason = inner_signatures[inner]
        lost = "is missing or unknown to the encoder" if inner in semantic else "is missing"
        signature = {**signature, "set": f"one reply each to {size} queries"}
        if isinstance(signature.get("references"), str):
            signature["references"] = "other replies of the set"
        results.append(
            metric_result(
                METRICS[f"{PREFIX}{inner}"],
                version=VERSION,
                values=_values(context, sets, numbers, reason=f"{reason}, or a reply {lost}"),
                signature=signature,
                notes=notes,
            )
        )
    distances = next(r for r in results if r.metric == f"{PREFIX}embed_distance")
    return [*results, _conditional_ratio(context, sets, distances, notes=notes)]


def _conditional_ratio(
    context: Context, sets: list[_Set], distances: MetricResult, *, notes: Mapping[str, Any]
) -> MetricResult:
    """Return, for each block and persona, the mean embed_distance of its prompts over its
    across_embed_distance."""
    within = {
        cell: mean_pairwise_distance(context.reply_embeddings[rows[context.readable[rows]]])
        for cell, rows in zip(context.by_prompt, context.prompt_rows(), strict=True)
    }
    prompts: dict[Cell, dict[Cell, None]] = {}  # block -> its prompts, in order
    for one in sets:
        block = prompts.setdefault((one.temperature, one.name, one.persona), {})
        block.update({context.replies[row].cell: None for row in one.rows})
    values = []
    for value in distances.values:
        key = (value.temperature, value.query, value.persona)
        means = (within[cell] for cell in prompts.get(key, {}))
        inside = [mean for mean in means if mean is not None]
        number, reason = None, value.reason
        if value.value is not None:
            reason = "replies to different prompts are all alike, or prompts have one reply each"
            if inside and value.value > 0:
                number = sum(inside) / len(inside) / value.value
        values.append(context.prompt_value(key, number, reason=reason))
    return metric_result(
        METRICS["conditional_ratio"],
        version=VERSION,
        values=values,
        signature={**distances.signature, "ratio": "embed_distance / across_embed_distance"},
        notes=notes,
    )


def set_size(context: Context) -> int:
    """Return the size of a set: k, or USUAL_SIZE if k is 1, but at most the number of queries."""
    queries = len({query for _, query in context.by_query})
    k = max((len(replies) for replies in context.by_prompt.values()), default=0)
    return min(k if k > 1 else USUAL_SIZE, queries)


def _sets(context: Context, size: int) -> Iterator[_Set]:
    places: dict[tuple[float, str, str], dict[int, int]] = {}
    for row, reply in enumerate(context.replies):
        places.setdefault(reply.cell, {})[reply.index] = row
    queries = list(dict.fromkeys(query for _, query in context.by_query))
    shuffled = np.random.default_rng(_SEED).permutation(len(queries)).tolist()
    cells = dict.fromkeys((temperature, persona) for temperature, _, persona in context.by_prompt)
    k = 1 + max((reply.index for reply in context.replies), default=0)
    for temperature, persona in cells:
        for block in range(len(queries) // size):
            chosen = [queries[i] for i in shuffled[block * size : (block + 1) * size]]
            for number in range(k):
                members = (
                    places.get((temperature, query, persona), {}).get((number + i) % k)
                    for i, query in enumerate(chosen)
                )
                rows = tuple(row for row in members if row is not None)
                yield _Set(temperature, persona, block, number, rows)


def _values(
    context: Context, sets: list[_Set], numbers: dict[int, float], *, reason: str
) -> list[Value]:
    """Return one value for each (temperature, persona, block): the mean over its sets."""
    blocks: dict[tuple[float, str, str], list[float]] = {}
    for number, one in enumerate(sets):
        block = blocks.setdefault((one.temperature, one.name, one.persona), [])
        if number in numbers:
            block.append(numbers[number])
    if not blocks:  # fewer than two queries
        for temperature, _, persona in context.by_prompt:
            blocks[temperature, "block 0", persona] = []
        reason = "fewer than 2 queries"
    return [
        context.prompt_value(key, sum(block) / len(block) if block else None, reason=reason)
        for key, block in blocks.items()
    ]
