"""Variety among good replies only: noise raises every measure of variety, and a filter removes it.

The filter is the oracle's result (`oracle_valid`) if the model was trained on the suite's own
grammar; otherwise this family is empty. All measures here are stable in the number of replies,
since a filter leaves a different number for each prompt. A comparison can have the opposite sign of
the same measure without the filter: report both.
"""

from collections.abc import Sequence

import numpy as np

from sfr_eval.metrics.bleu import fixed_bleu_draws
from sfr_eval.metrics.context import Context, metric_result
from sfr_eval.metrics.lexical import signatures as lexical_signatures
from sfr_eval.metrics.meanings import distinct_meanings
from sfr_eval.metrics.metric import GateDefault, Metric, by_id
from sfr_eval.metrics.ngrams import pack
from sfr_eval.metrics.quality import oracle_of
from sfr_eval.metrics.repetition import group_means
from sfr_eval.metrics.semantic import signatures
from sfr_eval.metrics.semantic_sets import set_values
from sfr_eval.stats.arrays import Floats
from sfr_eval.types import MetricResult

VERSION = "2"

METRICS = by_id(
    Metric("valid_self_bleu_4", "lower", "Self-BLEU-4 of the valid replies, 3 references.",
           claims=("within",), span=0.572),
    Metric("valid_embed_distance", "higher", "embed_distance of the valid replies.",
           label="Distance of valid replies", headline=("variety", 2), claims=("within",),
           span=0.425,
           gate=GateDefault(0.02, place=4, otherwise="embed_distance")),
    Metric("valid_vendi_q2", "higher", "vendi_q2 of the valid replies.", claims=("within",),
           span=1.93),
    Metric("valid_distinct_k", "higher", "Expected number of valid meanings among 4 replies.",
           claims=("within",), span=2.13),
)  # fmt: skip
REFERENCES = 3


def compute(context: Context) -> list[MetricResult]:
    """Return valid_* for each prompt; nothing without an oracle."""
    oracle = oracle_of(context)
    if oracle is None:
        return []
    valid = np.array([oracle.parse(reply).valid for reply in context.replies], dtype=np.bool_)
    accepted = [rows[valid[rows]] for rows in context.prompt_rows()]
    drawn = [len(rows) for rows in context.prompt_rows()]
    sets = set_values(context.reply_embeddings, accepted, workers=context.workers)
    few = "fewer than 2 replies pass the gate"
    bleu, _ = lexical_signatures(context.tokenizer)["self_bleu_4_fixed"]
    semantic = signatures(context)
    columns = {
        "valid_self_bleu_4": (
            _self_bleu(context, accepted),
            f"fewer than {REFERENCES + 1} replies pass the gate",
            {**bleu, "references": REFERENCES},
        ),
        "valid_embed_distance": (sets["embed_distance"], few, semantic["embed_distance"][0]),
        "valid_vendi_q2": (sets["vendi_q2"], few, semantic["vendi_q2"][0]),
        "valid_distinct_k": (
            distinct_meanings(context, accepted, drawn=drawn),
            semantic["distinct_k"][1],
            semantic["distinct_k"][0],
        ),
    }
    passed = sum(map(len, accepted)) / max(1, sum(drawn))
    return [
        metric_result(
            METRICS[metric],
            version=VERSION,
            values=context.prompt_values(numbers.tolist(), reason=reason),
            signature={**signature, "gate": "oracle_valid"},
            notes={"passed": passed},
        )
        for metric, (numbers, reason, signature) in columns.items()
    ]


def _self_bleu(context: Context, accepted: Sequence[np.ndarray]) -> Floats:
    rows = [int(row) for members in accepted for row in members]
    group = np.repeat(np.arange(len(accepted)), [len(members) for members in accepted])
    texts = [context.tokenizer(context.texts[row]) for row in rows]
    draws = fixed_bleu_draws(pack(texts), group, references=REFERENCES)
    means = [group_means(draw[:, 3], group, groups=len(accepted)) for draw in draws]
    return np.asarray(np.mean(means, axis=0))
