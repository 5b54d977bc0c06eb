"""Repetition of words: every measure on tokens, for one set of texts or for a whole run.

The functions in `__all__` take plain lists; `compute` measures a run through `lexical_stream`.
"""

import itertools
import math
import zlib
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sfr_eval.metrics.bleu import (
    DRAWS,
    MAX_N,
    REFERENCES,
    cross_style_self_bleu,
    self_bleu,
    self_bleu_fixed,
)
from sfr_eval.metrics.context import TOO_FEW, Context, metric_result
from sfr_eval.metrics.distinct import (
    EAD_VOCABULARY,
    RAREFIED_TO,
    distinct_n,
    expectation_adjusted_distinct_n,
    rarefied_distinct_n,
)
from sfr_eval.metrics.lexical_stream import (
    GAP_REFERENCES,
    REPETITION_N,
    ReplyRow,
    lexical_stream,
    monte_carlo_error,
)
from sfr_eval.metrics.metric import Metric, by_id
from sfr_eval.metrics.repetition import (
    ORDERS,
    TOGETHER,
    compression_ratio,
    compression_ratio_fixed,
    self_repetition,
    self_repetition_rate,
)
from sfr_eval.metrics.rouge import rouge_l_homogenization
from sfr_eval.metrics.tokenizers import Tokenizer
from sfr_eval.metrics.tokenizers import words as tokenize
from sfr_eval.types import MetricResult
from sfr_eval.util.workers import Workers

__all__ = [
    "compression_ratio",
    "compression_ratio_fixed",
    "cross_style_self_bleu",
    "distinct_n",
    "expectation_adjusted_distinct_n",
    "rarefied_distinct_n",
    "rouge_l_homogenization",
    "self_bleu",
    "self_bleu_fixed",
    "self_repetition",
    "self_repetition_rate",
    "tokenize",
]

VERSION = "3"

_PER_ORDER = (
    Metric("distinct_{n}", "higher",
           "Distinct {n}-grams over all {n}-grams of one prompt's replies; falls as k grows.",
           range=(0, 1),
           label="Distinct-2", claims=("within",)),
    Metric("distinct_{n}_rarefied", "higher",
           "Distinct-{n} of 4 replies to one prompt; independent of k.",
           range=(0, 1),
           label="Distinct-2, rarefied", headline=("variety", 4), claims=("within",), span=0.521),
    Metric("ead_{n}", "higher",
           "Distinct {n}-grams over those expected of uniform draws (EAD); falls as k grows.",
           claims=("within",)),
    Metric("self_bleu_{n}", "lower",
           "BLEU-{n} of a reply against the other replies to its prompt; rises with k.",
           range=(0, 1),
           label="Self-BLEU-4", claims=("within",)),
    Metric("self_bleu_{n}_fixed", "lower",
           "BLEU-{n} of a reply against 7 others to its prompt; independent of k.",
           range=(0, 1),
           label="Self-BLEU-4, 7 references", headline=("variety", 3), claims=("within",),
           primary=("variety", 4), span=0.375),
    Metric("cs_self_bleu_{n}", "lower",
           "BLEU-{n} of a persona's reply against the other personas' replies to its query.",
           range=(0, 1),
           unit="query", label="Cross-style self-BLEU-4", claims=("cross",), span=0.039),
    Metric("style_bleu_gap_{n}", "higher",
           "Self-BLEU-{n} within a persona minus that across personas, 3 references each.",
           range=(-1, 1),
           unit="query", label="Style gap in BLEU-4", claims=("cross",), span=0.154),
)  # fmt: skip
"""The metrics with n-grams of each order up to MAX_N."""
_SHOWN_ORDER = {"distinct_{n}": 2, "distinct_{n}_rarefied": 2}
"""The order that has the label and the role; MAX_N for the others."""


def _orders(metric: Metric) -> Iterator[Metric]:
    for n in range(1, MAX_N + 1):
        id, description = metric.id.format(n=n), metric.description.format(n=n)
        if n == _SHOWN_ORDER.get(metric.id, MAX_N):
            yield replace(metric, id=id, description=description)
        else:
            yield metric.variant(id, description=description)


METRICS = by_id(
    *(entry for metric in _PER_ORDER for entry in _orders(metric)),
    Metric("rouge_l_homogenization", "lower", "Mean ROUGE-L F of two replies to one prompt.",
           range=(0, 1),
           label="ROUGE-L of two replies", headline=("variety", 5), claims=("within",), span=0.702,
           primary=("variety", 5)),
    Metric("compression_ratio", "lower",
           "Bytes over gzipped bytes of one prompt's replies; rises with k.", claims=("within",)),
    Metric("compression_ratio_fixed", "lower",
           "Bytes of 4 replies compressed one by one over compressed together; independent of k.",
           claims=("within",), span=2.48),
    Metric("self_repetition", "lower", "Log of 4-grams shared with other replies; rises with k.",
           claims=("within",)),
    Metric("self_repetition_rate", "lower",
           "Share of a reply's 4-grams that occur in another reply; rises with k.",
           range=(0, 1),
           claims=("within",)),
)  # fmt: skip


@dataclass(frozen=True)
class LexicalValues:
    """Metric -> prompt or query -> number; undefined values are absent."""

    of_prompts: Mapping[str, Mapping[Hashable, float]]
    of_queries: Mapping[str, Mapping[Hashable, float]]
    monte_carlo_error: float | None


def compute(context: Context) -> list[MetricResult]:
    """Return every lexical metric: cross-style ones for each query, the others for each prompt."""
    rows = enumerate(context.replies)  # grouped by prompt
    numbered = {
        cell: list(itertools.islice(rows, len(replies)))
        for cell, replies in context.by_prompt.items()
    }
    measured = lexical_values(
        (
            ReplyRow((temperature, query), persona, reply.index, context.texts[row])
            for (temperature, query), by_persona in context.by_query.items()
            for persona in by_persona
            for row, reply in numbered[temperature, query, persona]
        ),
        context.tokenizer,
        workers=context.workers,
    )
    results = []
    for metric, (signature, reason) in signatures(context.tokenizer).items():
        if METRICS[metric].unit == "query":
            values = context.query_values(measured.of_queries.get(metric, {}), reason=reason)
        else:
            of_prompts = measured.of_prompts.get(metric, {})
            values = [
                context.prompt_value(key, of_prompts.get((key[:2], key[2])), reason=reason)
                for key in context.by_prompt
            ]
        notes = dict(context.window_notes)
        if metric == f"self_bleu_{MAX_N}_fixed":
            notes["monte_carlo_error"] = measured.monte_carlo_error
        results.append(
            metric_result(
                METRICS[metric], version=VERSION, values=values, signature=signature, notes=notes
            )
        )
    return results


def lexical_values(
    rows: Iterable[ReplyRow],
    tokenizer: Tokenizer,
    *,
    workers: Workers | None = None,
    prompts_only: bool = False,
) -> LexicalValues:
    """Measure all rows, in which each query is contiguous, and keep the defined values by key; with
    `prompts_only`, none of queries."""
    of_prompts: dict[str, dict[Hashable, float]] = {}
    of_queries: dict[str, dict[Hashable, float]] = {}
    draws = []
    for batch in lexical_stream(rows, tokenizer, workers=workers, prompts_only=prompts_only):
        draws.append(batch.drawn)
        for values, keys, columns in (
            (of_prompts, batch.prompts, batch.of_prompts),
            (of_queries, batch.queries, batch.of_queries),
        ):
            for metric, numbers in columns.items():
                pairs = zip(keys, numbers.tolist(), strict=True)
                values.setdefault(metric, {}).update(
                    (key, number) for key, number in pairs if not math.isnan(number)
                )
    return LexicalValues(of_prompts, of_queries, monte_carlo_error(draws))


def signatures(tokenizer: Tokenizer) -> dict[str, tuple[dict[str, Any], str]]:
    """Return metric -> (signature, why it may be undefined) for every metric of this family."""
    table: dict[str, tuple[dict[str, Any], str]] = {}
    for n in range(1, MAX_N + 1):
        gram = {**tokenizer.signature, "n": n}
        table[f"distinct_{n}"] = (gram, TOO_FEW)
        table[f"distinct_{n}_rarefied"] = (
            {**gram, "rarefied_to": f"{RAREFIED_TO} replies"},
            f"fewer than {RAREFIED_TO} replies with text",
        )
        table[f"ead_{n}"] = ({**gram, "vocabulary": EAD_VOCABULARY}, TOO_FEW)
        bleu = {**gram, "weights": "uniform", "smoothing": "method1"}
        table[f"self_bleu_{n}"] = ({**bleu, "references": "other replies to the prompt"}, TOO_FEW)
        table[f"self_bleu_{n}_fixed"] = (
            {**bleu, "references": REFERENCES, "draws": DRAWS},
            f"fewer than {REFERENCES + 1} replies with text",
        )
        table[f"cs_self_bleu_{n}"] = (
            {**bleu, "references": "the reply of each other persona with the same index"},
            "fewer than 2 personas replied",
        )
        table[f"style_bleu_gap_{n}"] = (
            {**bleu, "references": GAP_REFERENCES, "draws": DRAWS},
            f"fewer than {GAP_REFERENCES + 1} personas or replies with text",
        )
    zipped = {**tokenizer.text_signature, "compressor": f"zlib {zlib.ZLIB_RUNTIME_VERSION} -9"}
    table["rouge_l_homogenization"] = ({**tokenizer.signature, "measure": "ROUGE-L F"}, TOO_FEW)
    table["compression_ratio"] = (zipped, TOO_FEW)
    table["compression_ratio_fixed"] = (
        {**zipped, **tokenizer.signature, "together": TOGETHER, "orders": ORDERS},
        f"fewer than {TOGETHER} replies with text",
    )
    repetition = {**tokenizer.signature, "n": REPETITION_N}
    table["self_repetition"] = (repetition, TOO_FEW)
    table["self_repetition_rate"] = (repetition, TOO_FEW)
    return table
