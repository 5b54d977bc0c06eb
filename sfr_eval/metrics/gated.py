"""Variety among good replies only: noise raises every measure of variety, and a filter removes it.

The filter is the run's gate (`metrics.gates`), and the signature names it: numbers behind different
gates do not compare. All measures here are stable in the number of replies, since a filter leaves a
different number for each prompt. A comparison can have the opposite sign of the same measure
without the filter: report both. A prompt with fewer than two good replies has no distance between
them, so those means describe the prompts that a model can answer; `valid_distinct_k` and
`utility_k` count over all replies and have no such selection.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sfr_eval.metrics.bleu import fixed_bleu_draws
from sfr_eval.metrics.context import NO_TEXT, Context, metric_result
from sfr_eval.metrics.equivalence import DRAW
from sfr_eval.metrics.gates import Gate, gate_of
from sfr_eval.metrics.lexical import signatures as lexical_signatures
from sfr_eval.metrics.meanings import distinct_meanings, whole_texts
from sfr_eval.metrics.metric import Metric, by_id
from sfr_eval.metrics.ngrams import pack
from sfr_eval.metrics.repetition import group_means
from sfr_eval.metrics.semantic import signatures
from sfr_eval.metrics.semantic_sets import set_values
from sfr_eval.metrics.utility import PATIENCE, utilities
from sfr_eval.stats.arrays import Floats, Integers
from sfr_eval.types import MetricResult

VERSION = "3"

METRICS = by_id(
    Metric("valid_self_bleu_4", "lower", "Self-BLEU-4 of the valid replies, 3 references.",
           range=(0, 1),
           claims=("within",), span=0.596),
    Metric("valid_embed_distance", "higher", "embed_distance of the valid replies.",
           range=(0, 2),
           label="Distance of valid replies", headline=("variety", 2), claims=("within",),
           primary=("variety", 1),
           span=0.49),
    Metric("valid_vendi_q2", "higher", "vendi_q2 of the valid replies.", claims=("within",),
           span=2.67),
    Metric("valid_distinct_k", "higher", "Expected number of valid meanings among 4 replies.",
           claims=("within",), span=2.66),
    Metric("utility_k", "higher",
           "Quality of 4 replies read in turn, each meaning once (patience .8).", range=(0, 1),
           claims=("within",)),
    Metric("valid_share", "higher", "Share of replies that pass the gate.", span=1.0,
           range=(0, 1), outcomes=True),
)  # fmt: skip
REFERENCES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class _Replies:
    """The rows of `Context.replies` that answer one prompt."""

    drawn: Integers  # the good and the bad ones
    good: Integers  # those that pass


def compute(context: Context) -> list[MetricResult]:
    """Return valid_* and utility_k for each prompt; nothing for a run without a gate."""
    gate = gate_of(context)
    if isinstance(gate, str):
        return []
    prompts = list(_prompts(context, gate))
    good = [prompt.good for prompt in prompts]
    readable = [rows[context.readable[rows]] for rows in good]  # by the encoder
    sets = set_values(context.reply_embeddings, readable, workers=context.workers)
    few = "fewer than 2 replies pass the gate"
    too_few = f"fewer than {DRAW} replies with text that could be judged"
    bleu, _ = lexical_signatures(context.tokenizer)["self_bleu_4_fixed"]
    semantic = signatures(context)
    meanings = semantic["distinct_k"][0]
    columns: dict[str, tuple[Floats, str, dict[str, Any]]] = {
        "valid_self_bleu_4": (
            _self_bleu(context, good),
            f"fewer than {REFERENCES + 1} replies pass the gate",
            {**bleu, "references": REFERENCES},
        ),
        "valid_embed_distance": (sets["embed_distance"], few, semantic["embed_distance"][0]),
        "valid_vendi_q2": (sets["vendi_q2"], few, semantic["vendi_q2"][0]),
        "valid_distinct_k": (
            distinct_meanings(context, good, drawn=[len(prompt.drawn) for prompt in prompts]),
            too_few,
            meanings,
        ),
        "utility_k": (
            utilities(
                context.equivalence,
                context.reply_embeddings,
                whole_texts(context),
                np.array([gate.scores.get(r.sample_id, 0.0) for r in context.replies]),
                [prompt.drawn for prompt in prompts],
            ),
            too_few,
            {**meanings, "patience": PATIENCE, "score": gate.scale},
        ),
        "valid_share": (
            np.array([_share(len(p.good), len(p.drawn)) for p in prompts], dtype=np.float64),
            f"{NO_TEXT} that could be judged",
            {},
        ),
    }
    notes = _notes(context, gate, prompts)
    return [
        metric_result(
            METRICS[metric],
            version=VERSION,
            values=context.prompt_values(numbers.tolist(), reason=reason),
            signature={
                **signature,
                "gate": gate.name,
                **{f"gate_{name}": value for name, value in gate.signature.items()},
            },
            notes=notes,
        )
        for metric, (numbers, reason, signature) in columns.items()
    ]


def _prompts(context: Context, gate: Gate) -> Iterator[_Replies]:
    """Yield the replies to each prompt. A good one that the encoder cannot read is left out, since
    nothing is known of its variety; a bad one stays bad."""
    verdicts = [gate.accepts(reply) for reply in context.replies]
    passed = np.array([verdict is True for verdict in verdicts], dtype=np.bool_)
    failed = np.array([verdict is False for verdict in verdicts], dtype=np.bool_)
    good = passed & context.readable
    for rows in context.prompt_rows():
        yield _Replies(drawn=rows[(good | failed)[rows]], good=rows[good[rows]])


def _notes(context: Context, gate: Gate, prompts: Sequence[_Replies]) -> dict[str, Any]:
    drawn, good = sum(len(p.drawn) for p in prompts), sum(len(p.good) for p in prompts)
    return {
        "gate": gate.name,
        "trust": gate.trust,
        "passed": good / max(1, drawn),
        "not_judged": sum(gate.accepts(reply) is None for reply in context.replies),
        "prompts_with_few": sum(len(prompt.good) < 2 for prompt in prompts),
    }


def _self_bleu(context: Context, accepted: Sequence[np.ndarray]) -> Floats:
    rows = [int(row) for members in accepted for row in members]
    group = np.repeat(np.arange(len(accepted)), [len(members) for members in accepted])
    texts = [context.tokenizer(context.texts[row]) for row in rows]
    draws = fixed_bleu_draws(pack(texts), group, references=REFERENCES)
    means = [group_means(draw[:, 3], group, groups=len(accepted)) for draw in draws]
    return np.asarray(np.mean(means, axis=0))


def _share(part: int, whole: int) -> float:
    return part / whole if whole else np.nan
