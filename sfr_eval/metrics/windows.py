"""Variety of the beginnings of replies, so that runs of unequal lengths can be compared.

Short replies read as more varied than long ones, in words and in meaning. A common window takes
care of replies that fill it; where one run's replies do not, a shorter window does.
"""

import dataclasses
from typing import Final

from sfr_eval.metrics.context import TOO_FEW, Context, metric_result
from sfr_eval.metrics.metric import Metric, by_id
from sfr_eval.metrics.semantic_sets import set_values
from sfr_eval.types import MetricResult

VERSION = "2"

WINDOWS: Final = (16, 8)
"""Tokens of the beginnings, the longest first."""

METRICS = by_id(
    *(
        Metric(f"embed_distance_first_{tokens}", "higher",
               f"embed_distance of the first {tokens} tokens of each reply.",
               range=(0, 2), claims=("within",), span=span)
        for tokens, span in zip(WINDOWS, (0.45, 0.45), strict=True)
    )
)  # fmt: skip


def compute(context: Context) -> list[MetricResult]:
    """Return the distance of the beginnings for each prompt."""
    results = []
    for tokens in WINDOWS:
        tokenizer = dataclasses.replace(context.tokenizer, window=tokens)
        rows = context.encoder.encode([tokenizer.cut(text) for text in context.texts])
        numbers = set_values(rows, context.prompt_rows(), workers=context.workers)
        results.append(
            metric_result(
                METRICS[f"embed_distance_first_{tokens}"],
                version=VERSION,
                values=context.prompt_values(numbers["embed_distance"].tolist(), reason=TOO_FEW),
                signature={
                    **context.encoder.signature,
                    **tokenizer.text_signature,
                    "distance": "1 - cosine, without diagonal",
                },
            )
        )
    return results
