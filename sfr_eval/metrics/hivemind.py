"""Infinity-Chat's measure of one model (2510.22954): how alike the replies to a prompt are.

Mean cosine of two replies, read whole, and the share of prompts on which it is above .8. The paper
embeds with another encoder, so its numbers are comparable only with that one; `embed_distance`
(semantic) is the same mean over the beginnings of replies.
"""

import numpy as np

from sfr_eval.metrics.context import TOO_FEW, Context, metric_result
from sfr_eval.metrics.metric import Metric, by_id
from sfr_eval.metrics.normal_text import NORMAL_FORM, normal_text
from sfr_eval.metrics.semantic import mean_pairwise_distance
from sfr_eval.types import MetricResult

VERSION = "1"

ALIKE = 0.8
METRICS = by_id(
    Metric("reply_cosine", "lower", "Mean cosine of two whole replies to one prompt.",
           range=(-1, 1), label="Cosine of whole replies"),
    Metric("reply_cosine_above_80", "lower",
           "Share of prompts whose replies have a mean cosine above .8, as in Infinity-Chat.",
           range=(0, 1), outcomes=True,
           label="Prompts with a cosine above .8 (Infinity-Chat)", headline=("variety", 8)),
)  # fmt: skip


def compute(context: Context) -> list[MetricResult]:
    """Return both for each prompt; replies that the encoder cannot read are left out."""
    texts = [normal_text(reply.text) for reply in context.replies]
    rows, readable = context.encoder.encode(texts), context.encoder.readable(texts)
    numbers = np.full(len(context.by_prompt), np.nan)
    for place, own in enumerate(context.prompt_rows()):
        distance = mean_pairwise_distance(rows[own[readable[own]]])
        if distance is not None:
            numbers[place] = 1.0 - distance
    above = np.where(np.isnan(numbers), np.nan, (numbers > ALIKE).astype(float))
    signature = {**context.encoder.signature, "text": f"whole replies, {NORMAL_FORM}"}
    notes = context.encoder.notes(texts)
    return [
        metric_result(
            METRICS[metric],
            version=VERSION,
            values=context.prompt_values(column.tolist(), reason=TOO_FEW),
            signature={**signature, **extra},
            notes=notes,
        )
        for metric, column, extra in (
            ("reply_cosine", numbers, {}),
            ("reply_cosine_above_80", above, {"above": ALIKE}),
        )
    ]
