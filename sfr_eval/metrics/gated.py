"""Variety among the good replies only. Noise raises every measure of variety; a gate takes it out.

The gate is a yes or no for each reply. Where the model speaks the suite's world it is the oracle's
verdict (`oracle_valid`); without a gate this family gives nothing. All forms here are stable in the
number of replies, since a gate leaves a different number to each prompt. The sign of a comparison
can differ from that of the same measure without a gate: report both.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from sfr_eval.metrics.bleu import DRAWS, fixed_bleu_draws
from sfr_eval.metrics.context import Context, metric_result
from sfr_eval.metrics.ngrams import Floats, pack
from sfr_eval.metrics.quality import oracle_of
from sfr_eval.metrics.repetition import group_means
from sfr_eval.metrics.semantic import signatures
from sfr_eval.metrics.semantic_sets import DISTINCT_K, classes_in, set_values
from sfr_eval.types import MetricResult, Sample

VERSION = "1"
REFERENCES = 3


@dataclass(frozen=True)
class QualityFilter:
    """Which replies are good enough, and how that was decided (for signatures)."""

    name: str
    passes: Callable[[Sample], bool]


def quality_filter(context: Context) -> QualityFilter | None:
    """The gate of a run: the world's oracle, or None."""
    oracle = oracle_of(context)
    if oracle is None:
        return None
    return QualityFilter("oracle_valid", lambda reply: oracle.parse(reply).valid)


def compute(context: Context) -> list[MetricResult]:
    """valid_* for each prompt; nothing without a gate."""
    gate = quality_filter(context)
    if gate is None:
        return []
    kept = [
        rows[[gate.passes(context.replies[row]) for row in rows]] if len(rows) else rows
        for rows in context.prompt_rows()
    ]
    asked = [len(rows) for rows in context.prompt_rows()]
    sets = set_values(context.reply_embeddings, kept, workers=context.workers)
    few = "fewer than 2 replies pass the gate"
    columns = {
        "valid_self_bleu_4": (
            _self_bleu(context, kept),
            f"fewer than {REFERENCES + 1} replies pass the gate",
            {
                **context.tokenizer.signature,
                "n": 4,
                "weights": "uniform",
                "smoothing": "method1",
                "references": REFERENCES,
                "draws": DRAWS,
            },
        ),
        "valid_embed_distance": (sets["embed_distance"], few, None),
        "valid_vendi_q2": (sets["vendi_q2"], few, None),
        "valid_distinct_k": (
            _distinct(context, kept, asked),
            f"fewer than {DISTINCT_K} replies with text",
            None,
        ),
    }
    of_encoder = signatures(context.encoder_signature)
    passed = sum(map(len, kept)) / max(1, sum(asked))
    return [
        metric_result(
            metric,
            version=VERSION,
            values=[
                context.prompt_value(key, None if math.isnan(number) else number, reason=reason)
                for key, number in zip(context.by_prompt(), numbers.tolist(), strict=True)
            ],
            signature={
                **(own or of_encoder[metric.removeprefix("valid_")][0]),
                "gate": gate.name,
            },
            notes={"passed": passed},
        )
        for metric, (numbers, reason, own) in columns.items()
    ]


def _self_bleu(context: Context, kept: Sequence[np.ndarray]) -> Floats:
    rows = [int(row) for own in kept for row in own]
    group = np.repeat(np.arange(len(kept)), [len(own) for own in kept])
    texts = [context.tokenizer(context.replies[row].text) for row in rows]
    draws = fixed_bleu_draws(pack(texts), group, references=REFERENCES)
    means = [group_means(draw[:, 3], group, groups=len(kept)) for draw in draws]
    return np.asarray(np.mean(means, axis=0))


def _distinct(context: Context, kept: Sequence[np.ndarray], asked: Sequence[int]) -> Floats:
    """Expected meanings of valid replies among DISTINCT_K of all that were drawn: 0 is possible."""
    found = np.full(len(kept), np.nan)
    for number, (rows, of) in enumerate(zip(kept, asked, strict=True)):
        if of >= DISTINCT_K:
            own = context.reply_embeddings[rows].astype(np.float64)
            found[number] = classes_in(own, of=of) if len(rows) else 0.0
    return found
